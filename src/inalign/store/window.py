"""The window of a store, from the days of its reports (`insight.window`)."""

from __future__ import annotations

from datetime import UTC, date, datetime

from inalign.insight.window import Window, newest_possible, window_to
from inalign.store.engine.interface import Engine

_NOBODY = date(1971, 1, 1)
"""ClickHouse answers 1970-01-01 where nothing is found."""


def window_of(engine: Engine, now: datetime | None = None) -> Window:
    """The last 30 complete report days at a time, by default the present. Raises `StoreError`.

    Without reports the window ends on the newest day that can be complete.
    """
    limit = newest_possible(now or datetime.now(UTC))
    sql = (
        "SELECT max(day) FROM reports WHERE kind = 'aggregate' AND is_counted AND end_at <> 0 "
        # A report that arrived before the middle of its own span comes from a wrong clock.
        "AND slot <= received_at AND day <= :newest_possible"
    )
    ((newest,),) = engine.query(sql, {"newest_possible": limit})
    return window_to(newest if isinstance(newest, date) and newest > _NOBODY else limit)
