"""The public ARC conformance suite, validation part."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inalign.arc.validate import validate_arc
from tests.helpers import NOW, VECTORS, run_now, zone

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (VECTORS / "arc" / "validation.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_suite_case(case: dict[str, Any]) -> None:
    resolver = zone({name: {"TXT": texts} for name, texts in case["dns"].items()})
    result = run_now(validate_arc(case["message"].encode(), resolver, now=NOW))
    assert result.result in case["cv"], result


def test_a_stale_old_message_signature_shows_in_oldest_pass_alone() -> None:
    (case,) = [case for case in CASES if case["name"] == "cv_pass_i2_1_ams1_invalid"]
    resolver = zone({name: {"TXT": texts} for name, texts in case["dns"].items()})
    assert run_now(validate_arc(case["message"].encode(), resolver, now=NOW)).oldest_pass == 2
