"""The RFC 7208 test suite."""

from __future__ import annotations

import pytest

from inalign.selftest.suites import Case, Row, read_rows, spf_result, suites
from tests.helpers import VECTORS

SUITE = suites(VECTORS)[0]
ROWS = {row["name"]: row for row in read_rows(VECTORS / "spf" / "rfc7208.jsonl")}


@pytest.mark.parametrize("case", list(SUITE.cases()), ids=lambda case: case.name)
def test_rfc7208_suite(case: Case) -> None:
    row: Row = ROWS[case.name]
    assert case.is_right() is (case.name not in SUITE.deviations), (row["result"], row["explanation"], spf_result(row))


def test_every_deviation_names_a_case() -> None:
    assert set(SUITE.deviations) <= set(ROWS)
