"""Records of a domain, as DNS has them and as reporters saw them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from inalign.assessment.record_views import LookedUpRow
from inalign.dmarc.record import DmarcRecord, parse_dmarc_record
from inalign.errors import ParseError
from inalign.store.queries.published import PublishedRow

LATE_DAYS = 7
"""What no reporter saw for so long before the last report is a record of the past."""


class RecordComparison(Struct, frozen=True):
    """A record as reporters saw it, compared with DNS. Tags that only some reporters send make no other record."""

    text: str
    status: str
    """same, differs or earlier; empty where DNS is not known."""
    differing: tuple[str, ...]
    """The tags whose values differ from DNS."""
    first_day: date
    last_day: date
    reports: int


class ShownRecords(Struct, frozen=True):
    """What the page shows of records."""

    dmarc: DmarcRecord | None
    known: bool
    """Whether DNS is known at all."""
    main: tuple[LookedUpRow, ...]
    keys: tuple[LookedUpRow, ...]
    includes: tuple[LookedUpRow, ...]
    seen: tuple[RecordComparison, ...]

    @property
    def np(self) -> str:
        """The policy for names that do not exist; `?` where it is not known."""
        if not self.known:
            return "?"
        return str(self.dmarc.nonexistent_policy or "") if self.dmarc is not None else ""


def shown(domain: str, looked_up: Sequence[LookedUpRow], published: Sequence[PublishedRow]) -> ShownRecords:
    """Of a domain; published records of names below are left out."""
    dmarc = _dmarc(f"_dmarc.{domain}", looked_up)
    rows = [row for row in published if row.domain == domain]
    latest = max((row.last_day for row in rows), default=date.min)
    own = [row for row in looked_up if row.kind != "spf" or row.name == domain]
    order = {"dmarc": 0, "spf": 1, "mx": 2, "error": 3}
    return ShownRecords(
        dmarc,
        bool(looked_up),
        tuple(sorted((row for row in own if row.kind in order), key=lambda row: (order[row.kind], row.name))),
        tuple(row for row in own if row.kind == "dkim"),
        tuple(row for row in looked_up if row.kind == "spf" and row.name != domain),
        _together(rows, [_compared(row, dmarc, latest, known=bool(looked_up)) for row in rows]),
    )


def _together(
    rows: Sequence[PublishedRow], compared: Sequence[tuple[str, tuple[str, ...]]]
) -> tuple[RecordComparison, ...]:
    """One line for what reads alike, the latest first."""
    found: dict[tuple[str, str], RecordComparison] = {}
    for row, (status, differing) in zip(rows, compared, strict=True):
        key = (str(row.record), status)
        known = found.get(key)
        first, last, reports = row.first_day, row.last_day, row.reports
        if known is not None:
            first, last, reports = min(first, known.first_day), max(last, known.last_day), reports + known.reports
        found[key] = RecordComparison(*key, differing, first, last, reports)
    return tuple(sorted(found.values(), key=lambda seen: (seen.last_day, seen.first_day), reverse=True))


def _dmarc(name: str, rows: Sequence[LookedUpRow]) -> DmarcRecord | None:
    for row in rows:
        if row.kind == "dmarc" and row.name == name:
            try:
                return parse_dmarc_record(row.value)
            except ParseError:
                return None
    return None


def _compared(
    row: PublishedRow, dmarc: DmarcRecord | None, latest: date, *, known: bool
) -> tuple[str, tuple[str, ...]]:
    """With DNS: the status and the tags that differ."""
    if row.last_day < latest - timedelta(LATE_DAYS):
        return ("earlier", ())
    if not known:
        return ("", ())
    if dmarc is None:
        return ("differs", ("p",))
    now = {
        "p": str(dmarc.domain_policy or ""),
        "sp": str(dmarc.subdomain_policy or ""),
        "np": str(dmarc.nonexistent_policy or ""),
        "adkim": str(dmarc.adkim),
        "aspf": str(dmarc.aspf),
        "testing": "y" if dmarc.testing else "n",
    }
    differing = tuple(
        "t" if name == "testing" else name for name, value in now.items() if getattr(row, name) not in ("", value)
    )
    return ("differs" if differing else "same", differing)
