"""The suites of Mail::DKIM, chasquid and mail-auth, judged by today's rules and under the legacy switch."""

from __future__ import annotations

import pytest

from inalign.dkim.result import DkimReason
from inalign.selftest.suites import Case, Suite, dkim_results, read_rows, suites
from tests.helpers import VECTORS

TODAY, LEGACY = suites(VECTORS)[1:3]
ROWS = {row["name"]: row for row in read_rows(VECTORS / "dkim" / "suites.jsonl")}


@pytest.mark.parametrize(
    ("suite", "case"),
    [pytest.param(suite, case, id=f"{suite.name}: {case.name}") for suite in (TODAY, LEGACY) for case in suite.cases()],
)
def test_suite_case(suite: Suite, case: Case) -> None:
    results = dkim_results(VECTORS, ROWS[case.name], legacy_crypto=suite is LEGACY)
    assert case.is_right() is (case.name not in suite.deviations), results


def test_every_deviation_names_a_case() -> None:
    assert set(LEGACY.deviations) <= set(ROWS)


def test_seven_good_signatures_all_pass() -> None:
    results = dkim_results(VECTORS, ROWS["02-too_many_headers"], legacy_crypto=False)
    assert [result.reason for result in results] == [DkimReason.VALID] * 7
