"""Days in a time zone: what is told of belongs whole to the day of its slot there, and is never divided.

A day is from one midnight to the next, 23 or 25 hours long where clocks change. Databases know nothing of zones here:
they get bounds in seconds, and what to add to a slot. So the two engines, and a server whose rules are older than ours,
count alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from inalign.errors import ParseError

DAY_SECONDS = 86_400
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Slots are not earlier (`rows.FIRST_DAY`), and will hardly be later."""
STEP = timedelta(days=7)
"""No zone changed its offset and took that back within a week since 2000."""
_DAYS = (date(1970, 1, 2), date(2299, 12, 31))
"""Those that are asked for are taken for one of these."""


class OffsetChange(NamedTuple):
    """An offset from a time on."""

    since: int
    offset: int
    """Seconds that local time is ahead of UTC."""


class Zone:
    """Days and their bounds in one time zone of the tz database."""

    def __init__(self, name: str) -> None:
        """Raises `ParseError` for a name that no zone has."""
        if name not in zone_names():
            raise ParseError(f"zone: no time zone is called {name[:100]!r}")
        self.name = name
        self.info: tzinfo = UTC if name == "UTC" else ZoneInfo(name)
        self._changes = _changes(self.info)

    def day(self, slot: int) -> date:
        """The day of a slot."""
        return datetime.fromtimestamp(slot, self.info).date()

    def start(self, day: date) -> int:
        """The first second of a day."""
        near = min(max(day, _DAYS[0]), _DAYS[1])
        return int(datetime(near.year, near.month, near.day, tzinfo=self.info).timestamp())

    def end(self, day: date) -> int:
        """The first second after a day."""
        return self.start(min(day, _DAYS[1]) + timedelta(days=1))

    def number(self, column: str, since: date | None = None, until: date | None = None) -> str:
        """The number of the day of a slot within a span, as SQL: the days since 1970."""
        offset = _offset(column, self._within(since, until))
        return f"CAST(floor(({column} + {offset}) / {DAY_SECONDS}) AS BIGINT)"

    def _within(self, since: date | None, until: date | None) -> Sequence[OffsetChange]:
        first = 0 if since is None else self.start(since)
        last = self._changes[-1].since + 1 if until is None else self.end(until)
        ended = [after.since <= first for _, after in pairwise(self._changes)] + [False]
        return [
            each for each, is_over in zip(self._changes, ended, strict=True) if not is_over and each.since < last
        ] or self._changes[:1]


@lru_cache(maxsize=64)
def zone_of(name: str) -> Zone:
    """The zone of a name. Raises `ParseError`."""
    return Zone(name)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """All that there are on this machine."""
    return frozenset(available_timezones()) | {"UTC"}


def _changes(info: tzinfo) -> Sequence[OffsetChange]:
    """The offsets that a zone has, each from when on."""
    time, offset = FIRST, _offset_at(info, FIRST)
    found = [OffsetChange(0, offset)]
    while time < LAST:
        later = time + STEP
        if (new := _offset_at(info, later)) != offset:
            low, high = time, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if _offset_at(info, middle) == offset else (low, middle)
            found.append(OffsetChange(int(high.timestamp()), new))
            offset = new
        time = later
    return found


def _offset_at(info: tzinfo, time: datetime) -> int:
    offset = time.astimezone(info).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _offset(column: str, changes: Sequence[OffsetChange]) -> str:
    cases = [f"WHEN {column} < {after.since:d} THEN {each.offset:d}" for each, after in pairwise(changes)]
    return f"CASE {' '.join(cases)} ELSE {changes[-1].offset:d} END" if cases else f"{changes[-1].offset:d}"
