"""The DMARC record changed on the days that the vectors have, and its text is that of the printer of records."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.dmarc.record import parse_dmarc_record
from inalign.insight.record_history import (
    MAX_RECORDS,
    MAX_REPORTERS,
    RecordChange,
    SeenRecord,
    Sighting,
    changes_of,
    record_history,
    record_on,
    seen_record,
)
from tests.house.citations import ROOT

CASES = tomllib.loads((ROOT / "tests/vectors/record_history/changes.toml").read_text("utf-8"))


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def record(text: str) -> SeenRecord:
    is_rfc9990 = text.startswith("9990 ")
    tags = dict(tag.split("=", 1) for tag in text.removeprefix("9990 ").split("; "))
    return seen_record(
        p=tags["p"],
        sp=tags.get("sp", ""),
        np=tags.get("np", ""),
        adkim=tags.get("adkim", ""),
        aspf=tags.get("aspf", ""),
        testing=tags.get("t", ""),
        pct=int(tags["pct"]) if "pct" in tags else None,
        is_rfc9990=is_rfc9990,
    )


def sightings(seen: list[list[Any]]) -> Iterator[Sighting]:
    for reporter, *days, text in seen:
        if len(days) == 1:
            chosen = [day(each) for each in days[0]]
        else:
            first, last = map(day, days)
            chosen = [first + timedelta(place) for place in range((last - first).days + 1)]
        yield from (Sighting(each, reporter, record(text)) for each in chosen)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_history_is_that_of_the_vector(case: dict[str, Any]) -> None:
    found = record_history(sightings(case["seen"]))
    assert [(change.day, change.after) for change in found] == [
        (day(when), f"v=DMARC1; {text}") for when, text in case["history"]
    ]
    assert [change.before for change in found] == ["", *(change.after for change in found)][: len(found)]
    assert changes_of(found) == found[1:]


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_order_of_the_sightings_changes_nothing(case: dict[str, Any]) -> None:
    found = list(sightings(case["seen"]))
    assert record_history(reversed(found)) == record_history(found) == record_history([*found, *found])


def test_record_on_a_day_is_the_last_one_before_it() -> None:
    history = (RecordChange(day("10-01"), "", "a"), RecordChange(day("10-15"), "a", "b"))
    assert [record_on(history, day(when)) for when in ("09-30", "10-01", "10-14", "10-15")] == ["", "a", "a", "b"]


POLICIES = st.sampled_from(["none", "quarantine", "reject"])


@given(
    p=POLICIES,
    sp=POLICIES | st.just(""),
    np=POLICIES | st.just(""),
    adkim=st.sampled_from(["", "r", "s"]),
    aspf=st.sampled_from(["", "r", "s"]),
    testing=st.sampled_from(["", "n", "y"]),
    pct=st.none() | st.integers(-1, 100),
    is_rfc9990=st.booleans(),
)
def test_text_of_a_seen_record_is_read_as_the_same_policies(**tags: Any) -> None:
    seen = seen_record(**tags)
    parsed = parse_dmarc_record(str(seen))
    assert str(parsed) == str(seen)
    assert (parsed.domain_policy, parsed.subdomain_policy) == (seen.p, seen.sp)
    assert parsed.nonexistent_policy == (seen.np or seen.sp)
    assert (parsed.adkim, parsed.aspf, parsed.testing) == (seen.adkim, seen.aspf, bool(seen.testing))


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_value_of_a_report_adds_no_tag(p: str, adkim: str) -> None:
    text = str(seen_record(p=p, sp="", np="", adkim=adkim, aspf="", testing="", pct=None, is_rfc9990=False))
    assert set(text) <= set(map(chr, range(0x20, 0x7F)))
    assert len(text.split(";")) == 1 + bool(p) + (adkim not in ("", "r"))


def test_cost_is_bounded_where_each_report_contains_another_record() -> None:
    records = [record(f"p=x{number}") for number in range(2 * MAX_RECORDS)]
    begin = day("01-01")
    hostile = [
        Sighting(begin + timedelta(place), f"r{number}", records[(7 * place + number) % len(records)])
        for place in range(365)
        for number in range(2 * MAX_REPORTERS)
    ]
    started = time.process_time()
    assert len(record_history(hostile)) <= 365
    assert time.process_time() - started < 20
