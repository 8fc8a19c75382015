"""Weeks and months: what is before and after, over years and leap days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.errors import ParseError
from inalign.insight.period import PeriodKind, last_whole, parse_period, period_of

DAYS = st.dates(date(1980, 1, 1), date(2200, 1, 1))
KINDS = st.sampled_from(PeriodKind)


@pytest.mark.parametrize(
    ("text", "since", "until", "before", "after"),
    [
        ("2026-10", "2026-10-01", "2026-10-31", "2026-09", "2026-11"),
        ("2024-02", "2024-02-01", "2024-02-29", "2024-01", "2024-03"),
        ("2026-12", "2026-12-01", "2026-12-31", "2026-11", "2027-01"),
        ("2026-W47", "2026-11-16", "2026-11-22", "2026-W46", "2026-W48"),
        ("2026-W53", "2026-12-28", "2027-01-03", "2026-W52", "2027-W01"),
        ("2025-W01", "2024-12-30", "2025-01-05", "2024-W52", "2025-W02"),
    ],
)
def test_periods_by_name(text: str, since: str, until: str, before: str, after: str) -> None:
    found = parse_period(text)
    assert (found.since.isoformat(), found.until.isoformat()) == (since, until)
    assert (found.name, found.before.name, found.after.name) == (text, before, after)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2026-W00", "2025-W53", "2026-W54", "2026-1", "2026-w47", "0000-01",
             "9999-12", "2026-10-01", " 2026-10", "２０２６-10", "2026-10\n", "1" * 10_000]
)  # fmt: skip
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match="period"):
        parse_period(text)


@given(DAYS, KINDS)
def test_periods_follow_each_other_without_gaps(day: date, kind: PeriodKind) -> None:
    found = period_of(day, kind)
    assert found.since <= day <= found.until
    assert parse_period(found.name) == found
    assert found.before.until + timedelta(1) == found.since
    assert found.after.since == found.until + timedelta(1)
    assert found.before.after == found == found.after.before
    assert len(found.days) == (found.until - found.since).days + 1


@given(DAYS, KINDS, st.integers(0, 5))
def test_last_whole_one_ended_long_enough_ago(day: date, kind: PeriodKind, delay: int) -> None:
    found = last_whole(day, kind, delay=delay)
    assert found.until < day - timedelta(delay)
    assert found.after.until >= day - timedelta(delay)
