"""Records of a domain: as DNS has them beside what reporters saw, and when they changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from inalign.dmarc.record import DmarcRecord, parse_dmarc_record
from inalign.errors import ParseError
from inalign.flow.record_views import LookedUpRow
from inalign.store.queries.published import PublishedRow

LATE_DAYS = 7
"""What no reporter saw for so long before the last report is a record of the past."""
MIN_REPORTERS = 2
"""That saw a record, where there are so many: one alone may write it in its own way."""


class Seen(Struct, frozen=True):
    """A record as reporters saw it, beside DNS; what only some of them tell of it is no other record."""

    text: str
    status: str
    """same, differs or earlier; empty where DNS is not known."""
    differing: tuple[str, ...]
    """Tags."""
    first_day: date
    last_day: date
    reports: int


class Shown(Struct, frozen=True):
    """What the page shows of records."""

    dmarc: DmarcRecord | None
    known: bool
    """Whether DNS is known at all."""
    main: tuple[LookedUpRow, ...]
    keys: tuple[LookedUpRow, ...]
    includes: tuple[LookedUpRow, ...]
    seen: tuple[Seen, ...]

    @property
    def np(self) -> str:
        """The policy for names that do not exist; `?` where it is not known."""
        if not self.known:
            return "?"
        return str(self.dmarc.nonexistent_policy or "") if self.dmarc is not None else ""


def shown(domain: str, looked_up: Sequence[LookedUpRow], published: Sequence[PublishedRow]) -> Shown:
    """Of a domain; published records of names below are left out."""
    dmarc = _dmarc(f"_dmarc.{domain}", looked_up)
    rows = [row for row in published if row.domain == domain]
    latest = max((row.last_day for row in rows), default=date.min)
    own = [row for row in looked_up if row.kind != "spf" or row.name == domain]
    order = {"dmarc": 0, "spf": 1, "mx": 2, "error": 3}
    return Shown(
        dmarc,
        bool(looked_up),
        tuple(sorted((row for row in own if row.kind in order), key=lambda row: (order[row.kind], row.name))),
        tuple(row for row in own if row.kind == "dkim"),
        tuple(row for row in looked_up if row.kind == "spf" and row.name != domain),
        _together(rows, [_compared(row, dmarc, latest, known=bool(looked_up)) for row in rows]),
    )


def _together(rows: Sequence[PublishedRow], compared: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[Seen, ...]:
    """One line for what reads alike, the latest first."""
    found: dict[tuple[str, str], Seen] = {}
    for row, (status, differing) in zip(rows, compared, strict=True):
        key = (as_text(row), status)
        known = found.get(key)
        first, last, reports = row.first_day, row.last_day, row.reports
        if known is not None:
            first, last, reports = min(first, known.first_day), max(last, known.last_day), reports + known.reports
        found[key] = Seen(*key, differing, first, last, reports)
    return tuple(sorted(found.values(), key=lambda seen: (seen.last_day, seen.first_day), reverse=True))


def changes(domain: str, published: Sequence[PublishedRow]) -> list[tuple[date, str]]:
    """The days on which reporters first saw another record, with what it said."""
    rows = sorted((row for row in published if row.domain == domain), key=lambda row: row.first_day)
    least = min(MIN_REPORTERS, max((row.reporters for row in rows), default=0))
    known: list[PublishedRow] = []
    found = []
    for row in rows:
        if row.reporters < least or any(_alike(row, each) for each in known):
            continue
        if known and row.first_day > known[0].first_day:
            found.append((row.first_day, as_text(row)))
        known.append(row)
    return found


def as_text(row: PublishedRow) -> str:
    """In short, defaults left away."""
    words = [f"p={row.p}"]
    words += [f"sp={row.sp}"] if row.sp != row.p else []
    words += [f"np={row.np}"] if row.np and row.np != row.sp else []
    words += [f"{name}=s" for name in ("adkim", "aspf") if getattr(row, name) == "s"]
    words += ["t=y"] if row.testing == "y" else []
    words += [f"pct={row.pct}"] if row.pct != 100 else []
    return " ".join(words)


def _alike(one: PublishedRow, other: PublishedRow) -> bool:
    """Whether both say the same, as far as both tell it."""
    return all(getattr(one, name) == getattr(other, name) for name in ("p", "sp", "adkim", "aspf", "pct")) and all(
        "" in (getattr(one, name), getattr(other, name)) or getattr(one, name) == getattr(other, name)
        for name in ("np", "testing")
    )


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
