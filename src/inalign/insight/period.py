"""A week or a month, as reports for people have them: `2026-W47` (Monday to Sunday, ISO 8601) or `2026-10`."""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum

from msgspec import Struct

from inalign.errors import ParseError

_FORM = re.compile(r"([0-9]{4})-(?:W([0-9]{2})|([0-9]{2}))")


class PeriodKind(StrEnum):
    """How long a period is."""

    WEEK = "week"
    MONTH = "month"


class Period(Struct, frozen=True, order=True):
    """Days, both included. Periods of one kind sort by time."""

    since: date
    until: date
    kind: PeriodKind

    @property
    def name(self) -> str:
        """As `parse_period` reads it."""
        if self.kind is PeriodKind.MONTH:
            return f"{self.since:%Y-%m}"
        year, week, _ = self.since.isocalendar()
        return f"{year:04}-W{week:02}"

    @property
    def before(self) -> Period:
        """The one before."""
        return period_of(self.since - timedelta(1), self.kind)

    @property
    def after(self) -> Period:
        """The one after."""
        return period_of(self.until + timedelta(1), self.kind)

    @property
    def days(self) -> tuple[date, ...]:
        """All of them."""
        return tuple(self.since + timedelta(place) for place in range((self.until - self.since).days + 1))


def period_of(day: date, kind: PeriodKind) -> Period:
    """The one that a day is in."""
    if kind is PeriodKind.WEEK:
        monday = day - timedelta(day.weekday())
        return Period(monday, monday + timedelta(6), kind)
    first = day.replace(day=1)
    return Period(first, (first + timedelta(31)).replace(day=1) - timedelta(1), kind)


def last_whole(today: date, kind: PeriodKind, *, delay: int = 0) -> Period:
    """The newest one that ended, with `delay` whole days after its last one."""
    return period_of(today - timedelta(delay), kind).before


def parse_period(text: str) -> Period:
    """`2026-10` or `2026-W47`. Raises `ParseError`."""
    found = _FORM.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, week, month = found.groups()
        if not 1970 < int(year) < 9999:  # calendars of computers, with room for the one before and after
            raise ValueError
        if week:
            return period_of(date.fromisocalendar(int(year), int(week), 1), PeriodKind.WEEK)
        return period_of(date(int(year), int(month), 1), PeriodKind.MONTH)
    except ValueError:
        raise ParseError(f"period: {text[:20]!r} is no month such as 2026-10 and no week such as 2026-W47") from None
