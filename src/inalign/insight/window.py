"""The window: the last 30 complete report days. Each number that is called "30 days" is a number of these days.

A day D is complete when two things are true:

* It has been over for 24 hours in UTC. A report typically covers a single UTC day (RFC 9990 section 3.1.1.4), and
  reporters send it in the hours after the end of the day. By then the day is over in every time zone, too.
* A report of D or of a later complete day has arrived. Where no reports come, the window does not move over days of
  which nothing is known.

So the window ends on the newest reported day that is not later than the day before yesterday (`newest_possible`). A
report can only move it forward, and never beyond that limit: a late report, a report from a wrong clock and a report of
today change nothing. A report that arrived before the middle of its own span comes from a wrong clock and moves nothing
(`store.window`).

The window is one for the whole store, not for a domain: numbers of several domains can be added and compared, and a
domain with few reports shows the days without reports as empty. The two dates are the same in every time zone. The zone
says where each of these days begins and ends.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

WINDOW_DAYS = 30
REPORTING_DAYS = 2
"""A day is complete so many days later at the earliest: it ends with the next one, and has been over for 24 hours with
this one."""
_EARLIEST = date(1971, 1, 1)


class Window(Struct, frozen=True):
    """Days that follow each other, both ends included."""

    since: date
    until: date

    @property
    def first(self) -> int:
        """The ordinal of `since`."""
        return self.since.toordinal()

    @property
    def last(self) -> int:
        """The ordinal of `until`."""
        return self.until.toordinal()

    @property
    def days(self) -> int:
        """How many days the window has."""
        return self.last - self.first + 1


def window_to(until: date, days: int = WINDOW_DAYS) -> Window:
    """The window of so many days that ends on a day."""
    until = max(until, _EARLIEST)
    return Window(until - timedelta(days - 1), until)


def newest_possible(now: datetime) -> date:
    """The newest day that can be complete at an aware time."""
    return now.astimezone(UTC).date() - timedelta(REPORTING_DAYS)
