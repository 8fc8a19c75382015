"""The window of a store: it follows the reports, and no late, early or wrong report moves it back or too far."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from inalign.store.engine.interface import Engine
from inalign.store.window import window_of
from tests.store.material import NOW, aggregate, arrival, store

NEWEST = date(2026, 11, 16)


def test_the_window_ends_on_the_newest_complete_report_day(engine: Engine, tmp_path: Path) -> None:
    assert window_of(engine, NOW).until == date(2026, 11, 18)  # without reports, the newest possible day
    number = 0

    def until(*ago: int, **given: object) -> date:
        nonlocal number
        for each in ago:
            number += 1
            report = aggregate(day=each, report_id=f"w{number}", **given)  # type: ignore[arg-type]
            store(engine, tmp_path, arrival(report))
        return window_of(engine, NOW).until

    assert until(3, 4, 5, 40) == NEWEST
    assert window_of(engine, NOW).since == date(2026, 10, 18)
    assert until(20, 200) == NEWEST  # late
    assert until(-4, -1, 0) == NEWEST  # of the future, of today and of yesterday
    assert until(90, domain="small.example", org="other.example") == NEWEST  # a domain with few reports
    # The day before yesterday is complete with its first report.
    assert until(1) == date(2026, 11, 18)
    # When the time of the wrong clock has come, its report moves nothing; the other ones count then.
    later = NOW + timedelta(days=30)
    assert window_of(engine, later).until == date(2026, 11, 20)
    assert window_of(engine, NOW + timedelta(days=1)).until == date(2026, 11, 19)
