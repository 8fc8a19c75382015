"""What a domain asked for when, from records as reporters of old and new form saw them."""

from __future__ import annotations

from datetime import date

import pytest

from inalign.flow.record_history import history
from inalign.insight.period import parse_period
from inalign.insight.summary import RecordChange
from inalign.store.queries.published import PublishedRow

OCTOBER = parse_period("2026-10")


def row(p: str, first: str, last: str, *, sp: str = "", np: str = "", testing: str = "") -> PublishedRow:
    return PublishedRow(
        "example.com", p, sp or p, np, "r", "r", 100, testing, date.fromisoformat(first), date.fromisoformat(last), 9, 2
    )


def change(day: str, before: str, after: str) -> RecordChange:
    return RecordChange(date.fromisoformat(day), before, after)


def test_nothing_told_is_nothing() -> None:
    assert history([], OCTOBER) == ("", ())


def test_the_first_record_that_is_seen_is_no_change() -> None:
    assert history([row("none", "2026-10-05", "2026-10-31")], OCTOBER) == ("p=none", ())


def test_a_change_is_of_the_day_on_which_the_first_reporter_saw_it() -> None:
    rows = [row("none", "2026-08-01", "2026-10-12"), row("quarantine", "2026-10-10", "2026-10-31", testing="y")]
    assert history(rows, OCTOBER) == (
        "p=quarantine; t=y",
        (change("2026-10-10", "p=none", "p=quarantine; t=y"),),
    )


def test_what_old_reports_cannot_tell_stays() -> None:
    rows = [
        row("none", "2026-08-01", "2026-10-31"),
        row("none", "2026-10-08", "2026-10-31", np="reject"),
        row("none", "2026-10-20", "2026-10-31", sp="quarantine"),
    ]
    assert history(rows, OCTOBER) == (
        "p=none; sp=quarantine; np=reject",
        (
            change("2026-10-08", "p=none", "p=none; np=reject"),
            change("2026-10-20", "p=none; np=reject", "p=none; sp=quarantine; np=reject"),
        ),
    )


def test_a_reporter_with_an_old_answer_changes_nothing() -> None:
    rows = [
        row("none", "2026-08-01", "2026-10-02"),
        row("quarantine", "2026-10-01", "2026-10-31"),
        row("none", "2026-10-03", "2026-10-04", sp="none", np="none"),
    ]
    assert history(rows, OCTOBER) == ("p=quarantine", (change("2026-10-01", "p=none", "p=quarantine"),))


@pytest.mark.parametrize("month", ["2026-09", "2026-11"])
def test_changes_of_other_periods_are_left_to_them(month: str) -> None:
    rows = [row("none", "2026-08-01", "2026-10-12"), row("reject", "2026-10-10", "2026-11-30", testing="n")]
    assert history(rows, parse_period(month)) == ("p=reject", ())
