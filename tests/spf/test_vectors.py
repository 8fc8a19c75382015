"""The RFC 7208 test suite."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from inalign.spf import SpfResult, check_spf
from tests.helpers import NOW, VECTORS, run_now
from tests.spf.suite import suite_zone

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (VECTORS / "spf/rfc7208.jsonl").read_text("utf-8").splitlines()
]
DEVIATIONS: dict[str, str] = tomllib.loads((VECTORS / "spf/deviations.toml").read_text("utf-8"))


def check(case: dict[str, Any]) -> SpfResult:
    """The case as the suite wants it run."""
    return run_now(
        check_spf(
            case["host"],
            case["helo"],
            case["mailfrom"],
            suite_zone(case["zone"]),
            now=NOW,
            default_explanation="DEFAULT",
        )
    )


def is_right(case: dict[str, Any], result: SpfResult) -> bool:
    """Whether the suite accepts the answer."""
    return result.result in case["result"] and (not case["explain"] or result.explanation == case["explanation"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['group']}: {case['name']}")
def test_rfc7208_suite(case: dict[str, Any]) -> None:
    result = check(case)
    assert is_right(case, result) is (case["name"] not in DEVIATIONS), (case["result"], case["explanation"], result)


def test_every_deviation_names_a_case() -> None:
    assert set(DEVIATIONS) <= {case["name"] for case in CASES}
