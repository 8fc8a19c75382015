"""The suites of Mail::DKIM, chasquid and mail-auth, judged by today's rules and under the legacy switch."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from inalign.dkim.result import DkimReason, DkimResult
from inalign.dkim.verify import verify_dkim
from tests.helpers import NOW, VECTORS, run_now, zone

FOLDER = VECTORS / "dkim"
CASES: list[dict[str, Any]] = [json.loads(line) for line in (FOLDER / "suites.jsonl").read_text().splitlines()]
DEVIATIONS: dict[str, str] = tomllib.loads((FOLDER / "deviations.toml").read_text())
OBSOLETE = {"only-rsa-sha1", "rsa-under-1024", "some-sig-without-v1", "prestandard"}

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['suite']}-{case['name']}")


def zone_of(records: Mapping[str, str | Sequence[str]]) -> dict[str, dict[str, object]]:
    """The donors' words for DNS trouble as our zone says them."""
    names: dict[str, dict[str, object]] = {}
    for name, value in records.items():
        texts = [value] if isinstance(value, str) else list(value)
        if texts == ["NXDOMAIN"]:
            continue
        failed = any(text == "TEMPERROR" or text.startswith("~~") for text in texts)
        names[name] = {"error": "timeout"} if failed else {"TXT": texts}
    return names


def moment_of(case: Mapping[str, Any]) -> datetime:
    """A signature with an expiry that passes was checked on the day it was made."""
    if "has-x" in case["tags"] and case["overall"] == "pass":
        return NOW.replace(year=2022, month=11, day=7) + timedelta(hours=12)
    return NOW


def check(case: Mapping[str, Any], *, legacy_crypto: bool) -> tuple[DkimResult, ...]:
    message = (FOLDER / case["eml"]).read_bytes()
    resolver = zone(zone_of(case["dns"]))
    return run_now(verify_dkim(message, resolver, now=moment_of(case), legacy_crypto=legacy_crypto))


def agrees(case: Mapping[str, Any], results: Sequence[DkimResult]) -> bool:
    words = [result.result.value for result in results] or ["none"]
    if case["sigs"] is not None:
        expected = [set(alternatives.split("|")) for alternatives in case["sigs"]]
        return len(words) == len(expected) and all(word in good for word, good in zip(words, expected, strict=True))
    overall = [case["overall"]] if isinstance(case["overall"], str) else case["overall"]
    if "pass" in words:
        return "pass" in overall
    return not set(words).isdisjoint(overall)


@each_case
def test_suite_case_by_todays_rules(case: dict[str, Any]) -> None:
    results = check(case, legacy_crypto=False)
    if "domainkeys-only" in case["tags"]:
        assert results == ()
    elif OBSOLETE.isdisjoint(case["tags"]) and case["name"] not in DEVIATIONS:
        assert agrees(case, results), results
    elif case["name"] not in DEVIATIONS:
        # RFC 8301 section 3, RFC 6376 section 6.1.1
        assert all(result.result != "pass" for result in results), results


@each_case
def test_suite_case_under_the_legacy_switch(case: dict[str, Any]) -> None:
    results = check(case, legacy_crypto=True)
    if "domainkeys-only" in case["tags"]:
        assert results == ()
    else:
        assert agrees(case, results) == (case["name"] not in DEVIATIONS), results


def test_seven_good_signatures_all_pass() -> None:
    (case,) = [case for case in CASES if case["name"] == "02-too_many_headers"]
    results = check(case, legacy_crypto=False)
    assert [result.reason for result in results] == [DkimReason.VALID] * 7
