"""Files and mails that carry reports, each with one oddity of its packing."""

from __future__ import annotations

import json

import pytest

from tests.reports.vectors import FOLDER, answer, vectors

VARIANTS: dict[str, dict[str, list[object]]] = json.loads((FOLDER / "mail/variants.json").read_text("utf-8"))
FILES = vectors("mail")


def test_the_table_names_every_file() -> None:
    assert set(FILES) == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name: str) -> None:
    found = answer(FILES[name], name)
    expected = VARIANTS[name]
    reports = [[report.kind, report.id, len(report.rows), report.messages] for report in found.reports]
    assert reports == expected["reports"]
    assert (found.flaws, found.refused) == (expected.get("flaws", []), expected.get("refused", []))


@pytest.mark.parametrize("name", [name for name in VARIANTS if VARIANTS[name]["reports"]])
def test_report_is_the_same_as_without_its_packing(name: str) -> None:
    found = answer(FILES[name], name)
    if not found.flaws:
        plain = answer((FOLDER / "aggregate/variants/plain.xml").read_bytes(), "").reports[0]
        assert all(report == plain for report in found.reports if report.id == "r-1")
