"""What pages draw and compare by themselves: columns, sparklines, stairs, and changes of a record."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inalign.insight.overview import OverviewRow
from inalign.insight.rows import NextRow
from inalign.web.drawing import Bar, countries, country_name, shade, sparkline, stacked
from inalign.web.pages.plan_card import STAIRS, action, goal, sentence, stairs
from inalign.web.words import Words

DAY = date(2026, 11, 1)


def test_days_without_a_row_are_empty_columns() -> None:
    plot = stacked(("a", "b"), [(DAY, (3, 1)), (DAY.replace(day=4), (0, 8))])
    assert [(each.day.day, each.counts) for each in plot.columns] == [
        (1, (3, 1)),
        (2, (0, 0)),
        (3, (0, 0)),
        (4, (0, 8)),
    ]
    assert plot.ticks[0] == (8.0, 0.0)
    assert plot.columns[3].bars == (Bar("b", 0.0, 100.0),)
    assert plot.days == (DAY, DAY.replace(day=3), DAY.replace(day=4))


def test_a_span_of_years_has_no_empty_columns() -> None:
    assert len(stacked(("a",), [(DAY.replace(year=2000), (1,)), (DAY, (1,))]).columns) == 2


@given(st.lists(st.lists(st.integers(0, 10**12), min_size=4, max_size=4), max_size=5), st.booleans())
def test_bars_stay_within_the_figure(rows: list[list[int]], percent: bool) -> None:
    days = [(DAY.replace(day=place + 1), counts) for place, counts in enumerate(rows)]
    plot = stacked(("a", "b", "c", "d"), days, percent=percent)
    for column in plot.columns:
        assert sum(each.height for each in column.bars) <= 100.1
        assert all(0 <= each.y <= 100 for each in column.bars)
        if percent and any(column.counts):
            assert sum(each.height for each in column.bars) == pytest.approx(100, abs=0.1)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=30))
def test_failing_mail_is_seen_in_a_sparkline(found: list[tuple[int, int]]) -> None:
    trend = [(max(each), min(each)) for each in found]
    shown = {each.x // 4: each for each in sparkline(trend)}
    for place, (messages, passed) in enumerate(trend):
        assert (place in shown) is (messages > 0)
        if messages:
            assert (shown[place].failed > 0) is (messages > passed)
            assert shown[place].passed + shown[place].failed <= 24.2


@pytest.mark.parametrize(
    ("policy", "testing", "step", "ready", "marks"),
    [
        ("", False, "quarantine_test", True, "later next later later later"),
        ("none", False, "fix", False, "now later later later later"),
        ("none", False, "quarantine_test", True, "now next later later later"),
        ("none", False, "park", True, "now later later later next"),
        ("quarantine", True, "quarantine", True, "done now next later later"),
        ("quarantine", False, "hold", False, "done done now later later"),
        ("reject", True, "reject", True, "done done done now next"),
        ("reject", False, "hold", True, "done done done done now"),
        ("<b>", False, "new_step", True, "later later later later later"),
    ],
)
def test_the_present_and_the_next_stair_are_marked(
    policy: str, testing: bool, step: str, ready: bool, marks: str
) -> None:
    found = stairs(policy, step, testing=testing, ready=ready)
    assert tuple(each.name for each in found) == STAIRS
    assert " ".join(each.mark for each in found) == marks


def test_the_goal_is_the_policy_after_the_published_one() -> None:
    assert [goal(policy, testing=False) for policy in ("", "none", "quarantine", "reject")] == [
        "p=quarantine", "p=quarantine", "p=reject", "p=reject",
    ]  # fmt: skip
    assert goal("quarantine", testing=True) == "p=quarantine"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_domain_that_nobody_judged_yet_is_waited_for(language: str) -> None:
    t = Words(language)
    row = OverviewRow(
        domain="example.com", state="collecting", policy="", testing=False, messages=1, own_messages=0, own_passed=0,
        own_percent=0.0, forwarded=0, forwarded_failing=0, unwanted=0, unwanted_delivered=0, reporters=1,
        first_day=DAY, last_day=DAY, trend=(), trend_since=DAY, trend_until=DAY,
        ready=False, parked=False, next=NextRow("collect", None, (), ()),
        blocking=0,
    )  # fmt: skip
    assert action(row, t) == t("action.not_judged")
    assert sentence(row, "0%", t) == (t("action.not_judged"), "")
    silent = replace(row, judged_at=datetime(2026, 11, 1, tzinfo=UTC), state="no_data")
    assert action(silent, t) == t("action.no_data", day="2026-11-01")


def test_countries_have_names_and_places() -> None:
    assert country_name("JP", "ja", "?") == "日本"
    assert country_name("JP", "en", "?") == "Japan"
    assert (country_name("", "en", "?"), country_name("XX", "en", "?")) == ("?", "XX")
    known = countries()
    assert len(known) > 240
    assert known["SG"].path == ""
    assert known["SG"].x
    assert all(set(each.path) <= set("Mlz0123456789.- ") for each in known.values())


def test_darker_countries_send_more() -> None:
    assert [shade(share) for share in (1.0, 0.6, 0.3, 0.1, 0.01)] == [1, 1, 2, 3, 4]
