"""The window: which days "30 days" are, and that no single report moves it back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from inalign.insight.window import WINDOW_DAYS, Window, newest_possible, window_to


def test_a_window_has_thirty_days_and_both_ends() -> None:
    window = window_to(date(2026, 11, 19))
    assert window == Window(date(2026, 10, 21), date(2026, 11, 19))
    assert window.days == WINDOW_DAYS == 30
    assert window.last - window.first == 29
    assert window_to(date(2026, 11, 19), 7).since == date(2026, 11, 13)
    assert window_to(date.min).until == date(1971, 1, 1)


def test_a_day_is_complete_when_it_has_been_over_for_a_day() -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    assert newest_possible(midnight - timedelta(seconds=1)) == date(2026, 11, 18)
    assert newest_possible(midnight) == date(2026, 11, 19)
    # The same instant in other zones is the same day.
    for hours in (-12, 14):
        assert newest_possible(midnight.astimezone(timezone(timedelta(hours=hours)))) == date(2026, 11, 19)
