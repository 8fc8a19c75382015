"""python bench/judge_store.py FOLDER OUTPUT.json [--clickhouse URL]

Plays a labelled set (see `judge_scenarios`) through the store: reports are loaded, DNS, reverse names and reputations
kept with them, and the domains judged from there. Writes what its scoring program takes, and says where that differs
from the judgement of the reports themselves. Reports that the truth calls forged are loaded as such.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.assessment.context_files import read_surrounding
from inalign.insight.classify import judge_domain
from inalign.insight.context import SourceContext
from inalign.insight.directory import own_directory
from inalign.insight.facts_builder import facts_from_reports
from inalign.insight.lookups import domain_lookups
from inalign.insight.plan import plan_domain
from inalign.insight.rows import plan_row, source_rows
from inalign.reports.report import AggregateReport
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.facts import facts_of
from inalign.store.load.geoip import Places
from inalign.store.load.reports import Arrival, load
from inalign.store.load.rows import AggregateRows, rows_of
from inalign.store.state.answers import move_hosts
from inalign.store.state.control import Control
from judge_scenarios import payload, report_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def load_set(folder: Path, engine: Engine, work: Path) -> None:
    """All reports of the set, a transaction a domain."""
    places = Places()
    for path in sorted((folder / "truth").glob("*.json")):
        forged = {found["file"] for found in json.loads(path.read_text("utf-8"))["forged_reports"]}
        arrivals = []
        for file in sorted((folder / "reports" / path.stem).iterdir()):
            report = report_of(payload(file.read_bytes(), file.name))
            sink = AggregateRows(places, work)
            sink(report.records)
            rows = rows_of(report, sink, places=places, received=NOW)
            is_forged = f"reports/{path.stem}/{file.name}" in forged
            arrivals.append(Arrival(rows, "bench", NOW, "", "forged" if is_forged else "genuine", "", ""))
        load(engine, arrivals, [], now=NOW, folder=work)
        for arrival in arrivals:
            arrival.rows.close()


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--clickhouse", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        engine: Engine = ClickHouseEngine(given.clickhouse) if given.clickhouse else DuckDbEngine(work / "s.duckdb")
        engine.migrate()
        control = Control(work / "control.sqlite")
        begun = time.perf_counter()
        load_set(given.folder, engine, work)
        print(f"loaded in {time.perf_counter() - begun:.1f} s")
        dns = [given.folder / "dns"]
        told = read_surrounding(dns, dns, dns)
        told.keep(control, now=NOW.timestamp())
        move_hosts(engine, control, now=NOW.timestamp(), folder=work)
        surroundings = SourceContext(told.hosts, told.reputation)
        sys.exit(judge_all(given.folder, given.output, engine, control, surroundings))


def judge_all(folder: Path, output: Path, engine: Engine, control: Control, surroundings: SourceContext) -> int:
    """Judge every domain; how many differ from their reports."""
    judging = AssessmentCache(engine, Assessor(control, own_directory()))
    answer, different = {}, 0
    for path in sorted((folder / "truth").glob("*.json")):
        domain = path.stem
        begun = time.perf_counter()
        facts = facts_of(engine, domain)
        asked = time.perf_counter()
        (judgement,) = judging.judgements(domain)
        plan = judging.plan(judgement)
        judged = time.perf_counter()
        forged = {found["file"] for found in json.loads(path.read_text("utf-8"))["forged_reports"]}
        reports: dict[tuple[object, ...], AggregateReport] = {}
        for file in sorted((folder / "reports" / domain).iterdir()):
            if f"reports/{domain}/{file.name}" not in forged:
                report = report_of(payload(file.read_bytes(), file.name))
                reports.setdefault((report.org_name, report.report_id, report.begin, report.end), report)
        expected = facts_from_reports(reports.values())[domain]
        zone = json.loads((folder / "dns" / f"{domain}.zone.json").read_text("utf-8"))
        direct = judge_domain(expected, domain_lookups(domain, zone), own_directory(), surroundings)
        same = (
            facts == expected
            and list(source_rows(judgement)) == list(source_rows(direct))
            and plan_row(plan) == plan_row(plan_domain(direct, own_directory()))
        )
        different += not same
        print(
            f"{domain:28} {len(judgement.sources):5} sources; facts {asked - begun:.2f} s, all {judged - asked:.2f} s; "
            f"{'as from the reports' if same else 'DIFFERS from the reports'}"
        )
        answer[domain] = {
            "sources": {source.source_ip: source.source_class for source in judgement.sources},
            "policies": plan.policies,
            "ready": plan.ready,
            "next": plan.step,
            "parked": plan.parked,
        }
    output.write_text(json.dumps(answer))
    return different


if __name__ == "__main__":
    main()
