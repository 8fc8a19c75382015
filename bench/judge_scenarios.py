"""python bench/judge_scenarios.py FOLDER OUTPUT.json [--without zone,ptr,reputation,map]

Judges the domains of a labelled set (FOLDER/reports/<domain>/…, FOLDER/dns/…, FOLDER/truth/<domain>.json) with
`inalign.insight` alone and writes classes, policies and steps for its scoring program. Reports that the truth calls
forged are left out; a second report with the same reporter, id and span is too. The reader here is a plain one.
"""

from __future__ import annotations

import argparse
import email
import gzip
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from inalign.insight.classify import judge_domain
from inalign.insight.context import SourceContext
from inalign.insight.directory import Directory, own_directory
from inalign.insight.facts import DomainFacts
from inalign.insight.facts_builder import facts_from_reports
from inalign.insight.lookups import domain_lookups
from inalign.insight.plan import plan_domain
from inalign.reports.report import AggregateRecord, AggregateReport, DkimAuth, OverrideReason, PublishedPolicy, SpfAuth


def payload(data: bytes, name: str) -> bytes:
    """The XML of a file."""
    if name.endswith(".eml"):
        for part in email.message_from_bytes(data).walk():
            content = part.get_payload(decode=True)
            if (attached := part.get_filename()) and isinstance(content, bytes):
                return payload(content, attached)
    if data[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(data))
        return archive.read(archive.namelist()[0])
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def text(element: ElementTree.Element | None, path: str) -> str:
    """The text at a path, or nothing."""
    return (element.findtext(path) or "").strip() if element is not None else ""


def record_of(row: ElementTree.Element) -> AggregateRecord:
    """One row."""
    return AggregateRecord(
        source_ip=text(row, ".//source_ip"),
        count=int(text(row, ".//count")),
        disposition=text(row, ".//disposition"),
        dkim_aligned=text(row, ".//policy_evaluated/dkim") == "pass",
        spf_aligned=text(row, ".//policy_evaluated/spf") == "pass",
        header_from=text(row, ".//header_from"),
        envelope_from=row.findtext(".//envelope_from"),
        envelope_to=None,
        dkim=tuple(
            DkimAuth(text(found, "domain"), text(found, "selector"), text(found, "result"))
            for found in row.findall("auth_results/dkim")
        ),
        spf=tuple(
            SpfAuth(text(found, "domain"), text(found, "scope"), text(found, "result"))
            for found in row.findall("auth_results/spf")
        ),
        reasons=tuple(OverrideReason(text(found, "type"), text(found, "comment")) for found in row.iter("reason")),
    )


def report_of(data: bytes) -> AggregateReport:
    """One report."""
    root = ElementTree.fromstring(re.sub(rb'\sxmlns(:\w+)?="[^"]*"', b"", data))  # noqa: S314 - the set is our own
    policy = root.find("policy_published")
    percent = text(policy, "pct")
    return AggregateReport(
        org_name=text(root, ".//org_name"),
        email=text(root, ".//email"),
        extra_contact_info="",
        report_id=text(root, ".//report_id"),
        domain=text(policy, "domain"),
        begin=datetime.fromtimestamp(int(text(root, ".//begin")), UTC),
        end=datetime.fromtimestamp(int(text(root, ".//end")), UTC),
        policy=PublishedPolicy(
            p=text(policy, "p"),
            adkim=text(policy, "adkim"),
            aspf=text(policy, "aspf"),
            pct=int(percent) if percent else None,
            testing=text(policy, "testing"),
        ),
        records=tuple(record_of(row) for row in root.iter("record")),
    )


def reports_of(folder: Path, domain: str, forged: set[str]) -> Iterator[AggregateReport]:
    """The reports of a domain that count."""
    seen = set()
    for path in sorted((folder / "reports" / domain).iterdir()):
        if f"reports/{domain}/{path.name}" in forged:
            continue
        report = report_of(payload(path.read_bytes(), path.name))
        key = (report.org_name, report.report_id, report.begin, report.end)
        if key not in seen:
            seen.add(key)
            yield report


def pairs(path: Path) -> dict[str, str]:
    """A file of address, tab, word."""
    with gzip.open(path, "rt") as lines:
        return dict(line.rstrip("\n").split("\t") for line in lines)


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--without", default="")
    given = parser.parse_args()
    without = set(given.without.split(","))
    hosts = {} if "ptr" in without else pairs(given.folder / "dns" / "ptr.tsv.gz")
    reputation = {} if "reputation" in without else pairs(given.folder / "dns" / "reputation.tsv.gz")
    surroundings = SourceContext(hosts, reputation)  # type: ignore[arg-type] # the words of the file are the two known
    directory = Directory() if "map" in without else own_directory()
    answer = {}
    for path in sorted((given.folder / "truth").glob("*.json")):
        domain, truth = path.stem, json.loads(path.read_text("utf-8"))
        reports = list(reports_of(given.folder, domain, {found["file"] for found in truth["forged_reports"]}))
        begun = time.perf_counter()
        facts: DomainFacts = facts_from_reports(reports)[domain]
        gathered = time.perf_counter()
        zone = None
        if "zone" not in without:
            zone = json.loads((given.folder / "dns" / f"{domain}.zone.json").read_text("utf-8"))
        judgement = judge_domain(facts, domain_lookups(domain, zone), directory, surroundings)
        plan = plan_domain(judgement, directory)
        judged = time.perf_counter()
        records = sum(len(report.records) for report in reports)
        print(
            f"{domain:28} {records:7} records {records / (gathered - begun):9.0f}/s, "
            f"{len(facts.sources):5} sources judged in {judged - gathered:.2f} s"
        )
        answer[domain] = {
            "sources": {source.source_ip: source.source_class for source in judgement.sources},
            "policies": plan.policies,
            "ready": plan.ready,
            "next": plan.step,
            "parked": plan.parked,
        }
    given.output.write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
