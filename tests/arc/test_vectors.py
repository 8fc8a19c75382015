"""The public ARC conformance suite: validation, and sealing octet for octet."""

from __future__ import annotations

import pytest

from inalign.arc.validate import validate_arc
from inalign.selftest.suites import Case, read_rows, suites
from tests.helpers import NOW, VECTORS, run_now, zone

VALIDATING, SEALING = suites(VECTORS)[3:5]


@pytest.mark.parametrize("case", [*VALIDATING.cases(), *SEALING.cases()], ids=lambda case: case.name)
def test_suite_case(case: Case) -> None:
    assert case.is_right()


def test_a_stale_old_message_signature_shows_in_oldest_pass_alone() -> None:
    rows = read_rows(VECTORS / "arc" / "validation.jsonl")
    (row,) = [row for row in rows if row["name"] == "cv_pass_i2_1_ams1_invalid"]
    resolver = zone({name: {"TXT": texts} for name, texts in row["dns"].items()})
    assert run_now(validate_arc(row["message"].encode(), resolver, now=NOW)).oldest_pass == 2
