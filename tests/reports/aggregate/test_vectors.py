"""Aggregate reports with one oddity each, and reports of others as found."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from inalign.reports.aggregate.read import read_aggregate
from inalign.reports.flaw import FlawCode
from inalign.reports.report import AggregateRecord, AggregateReport, Refusal
from tests.fuzz.reports import aggregate, carefully
from tests.helpers import VECTORS

FOLDER = VECTORS / "reports" / "aggregate"
VARIANTS: dict[str, dict[str, object]] = json.loads((FOLDER / "variants.json").read_text("utf-8"))
SHOWN = [json.loads(line) for line in (FOLDER / "shown/index.jsonl").read_text("utf-8").splitlines()]


def octets(path: Path) -> bytes:
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(archive.namelist()[0])
    return data


def told(found: AggregateReport | Refusal) -> dict[str, object]:
    """What the table of variants tells about a report."""
    if isinstance(found, Refusal):
        return {"refused": found.code}
    values = ("org_name", "email", "report_id", "domain", "rfc9990", "messages")
    return {name: getattr(found, name) for name in values} | {
        "begin": found.begin and found.begin.isoformat(),
        "end": found.end and found.end.isoformat(),
        "p": found.policy.p,
        "records": [brief(record) for record in found.records],
        "flaws": sorted({flaw.code for flaw in found.flaws}),
    }


def brief(record: AggregateRecord) -> list[object]:
    return [
        record.source_ip, record.count, record.disposition, record.dkim_aligned, record.spf_aligned, record.header_from
    ]  # fmt: skip


def read(name: str) -> AggregateReport:
    found = read_aggregate((FOLDER / "variants" / f"{name}.xml").read_bytes())
    assert isinstance(found, AggregateReport)
    return found


def test_the_table_names_every_file() -> None:
    assert {path.stem for path in (FOLDER / "variants").glob("*.xml")} == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name: str) -> None:
    data = (FOLDER / "variants" / f"{name}.xml").read_bytes()
    expected = VARIANTS[name]
    assert told(read_aggregate(data)) == (expected if "refused" in expected else VARIANTS["plain"] | expected)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_in_portions_and_both_ways(name: str) -> None:
    aggregate((FOLDER / "variants" / f"{name}.xml").read_bytes())


def test_every_flaw_of_aggregate_reports_is_met() -> None:
    met = {str(code) for expected in VARIANTS.values() for code in (expected.get("flaws") or ())}  # type: ignore[attr-defined]  # of JSON
    of_others = {FlawCode.DAMAGED, FlawCode.GUESSED}
    assert met == set(FlawCode) - of_others


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row["path"])
def test_shown_report(row: dict[str, object]) -> None:
    data = octets(FOLDER / "shown" / str(row["path"]))
    found = read_aggregate(data)
    assert isinstance(found, AggregateReport)
    assert carefully(data) == found
    if row["wellformed"]:
        assert found.record_count == row["records"]
        assert found.namespace == (row["namespace"] or "")
        assert list(map(brief, found.records)) == list(strictly(data))
    else:
        assert found.flaws
        assert found.record_count == 1


def strictly(data: bytes) -> Iterator[list[object]]:
    """The records as the XML parser of Python reads them."""
    root = ElementTree.fromstring(data)  # noqa: S314 - files of ours
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for record in root.findall("record"):
        aligned = {"pass": True, "fail": False}

        def value(path: str, record: ElementTree.Element = record) -> str:
            return (record.findtext(path) or "").strip()

        yield [
            value("row/source_ip"),
            int(value("row/count")),
            value("row/policy_evaluated/disposition").lower(),
            aligned[value("row/policy_evaluated/dkim").lower()],
            aligned[value("row/policy_evaluated/spf").lower()],
            value("identifiers/header_from"),
        ]
