"""What a domain asked for when, told from the records that reporters saw.

Old reports cannot tell `np` and `t` (RFC 9990 brought them), so a record is put together from what each report tells;
and reporters see a change one after another, so a change is of the day on which the first one saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from inalign.insight.period import Period
from inalign.insight.summary import RecordChange
from inalign.store.queries.published import PublishedRow

_FIELDS = ("p", "sp", "np", "testing")


def history(rows: Iterable[PublishedRow], period: Period) -> tuple[str, tuple[RecordChange, ...]]:
    """The record at the end of a period, in short, and what changed within it."""
    found = list(rows)
    seen = sorted(
        (row for row in found if not any(_is_late(row, other) for other in found)),
        key=lambda row: (row.first_day, row.last_day),
    )
    told: dict[str, str] = {}
    changes = []
    for row in seen:
        before = in_short(told)
        told |= _told(row)
        after = in_short(told)
        if before and after != before and period.since <= row.first_day <= period.until:
            changes.append(RecordChange(row.first_day, before, after))
    now: dict[str, str] = {}
    for row in sorted(seen, key=lambda row: (row.last_day, row.reports)):
        now |= _told(row)
    return in_short(now), tuple(changes)


def _is_late(row: PublishedRow, other: PublishedRow) -> bool:
    """Whether a reporter still had an old record in its cache while others had the new one all the time."""
    return (row.p, row.sp) != (other.p, other.sp) and other.first_day <= row.first_day and row.last_day < other.last_day


def _told(row: PublishedRow) -> Mapping[str, str]:
    return {name: value for name in _FIELDS if (value := getattr(row, name))}


def in_short(told: Mapping[str, str]) -> str:
    """A record without what goes without saying."""
    p = told.get("p", "")
    sp = told.get("sp", p)
    np = told.get("np", sp)
    parts = [f"p={p}"] if p else []
    parts += [f"sp={sp}"] if sp != p else []
    parts += [f"np={np}"] if np != sp else []
    parts += ["t=y"] if told.get("testing") == "y" else []
    return "; ".join(parts)
