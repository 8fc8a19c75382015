"""When the DMARC record of a domain changed, from the records that reports contain: the only definition of a change.

Which tags count: `p`, `sp`, `np`, `adkim`, `aspf`, `t` and `pct`, by their effective values.

- An absent `sp` equals `p`; an absent `np` equals `sp` (RFC 9989 section 4.7). An absent `adkim` or `aspf` is `r`.
- A report of RFC 7489 cannot contain `np` and `t`. A report of RFC 9990 cannot contain `pct`. What a report cannot
  contain is unknown. An unknown value is equivalent to every value, so the first report of the other form is no change.
  In a report of RFC 7489, an absent `pct` is 100. In a report of RFC 9990, an absent `np` or `t` is the default.
- `pct=0` and `t=y` are two tags. `rua`, `ruf` and `fo` are not compared: reports do not contain them reliably.

Who counts: each reporter has a sequence of records of its own. A change begins on the day of the first report, by the
reporter that saw it first, if one of these is true:

- A second reporter begins to report an equivalent record within `AGREE_DAYS` days.
- No other reporter reports a different record on these days, so one reporter suffices where it is the only witness.

A reporter that never reported another record changes nothing, unless the reporters that begin to report the new record
outnumber those that still report the record in force. A reporter may write a record in its own way for ever.

Taken back: a record that is replaced after some days was published. Both changes are listed.

Caches: a reporter that still reports the old record begins nothing, so it causes no change. A record that was in force
before is in force again only if a reporter reports it that reported the record in force since that came into force.
A reporter that reports the old record for a day and the new one within `CACHE_DAYS` days returned an answer of a cache.

Days are the days of the reports: a report belongs to the day of the middle of its span.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar

from msgspec import Struct

from inalign.dmarc.record import AlignmentMode, DmarcRecord
from inalign.dmarc.result import Policy

AGREE_DAYS = 7
"""Within so many days a second reporter confirms a change: some reporters send one report a week."""
CACHE_DAYS = 2
"""DNS caches hold a record for up to a day; servers of one reporter have caches of their own."""
MAX_RECORDS = 64
"""Different records of a domain that are compared, those that most reports contain; the cost is bounded by it."""
MAX_REPORTERS = 100
"""Reporters of a domain that are heard, those with reports of the most days; the cost is bounded by it."""
MAX_RUNS = 50
"""Records of one reporter, one after another, that are compared; the latest ones."""
MAX_VALUE = 40
"""Characters of an invalid value of a report that are printed."""

_NOT_A_VALUE = re.compile(r"[^\x21-\x3a\x3c-\x7e]")  # RFC 9989 section 4.8: a tag value has no semicolon
_DEFAULT_PCT = 100  # RFC 7489 section 6.3
E = TypeVar("E", bound=StrEnum)


class SeenRecord(NamedTuple):
    """A DMARC record as a report contains it, by its effective values. None is unknown."""

    p: str
    sp: str
    np: str | None
    """Empty: equal to `sp`."""
    adkim: str
    aspf: str
    testing: bool | None
    pct: int | None

    def __str__(self) -> str:
        """The canonical record, printed by `DmarcRecord`; defaults and unknown values are left out."""
        valid: dict[str, Policy] = {}
        invalid: list[tuple[str, str]] = []
        for tag, value in (("p", self.p), ("sp", self.sp if self.sp != self.p else ""), ("np", self.np or "")):
            policy = _member(Policy, value)
            if policy is not None:
                valid[tag] = policy
            elif value:
                invalid.append((tag, _printable(value)))
        modes: dict[str, AlignmentMode] = {}
        for tag, value in (("adkim", self.adkim), ("aspf", self.aspf)):
            mode = _member(AlignmentMode, value)
            if mode is not None:
                modes[tag] = mode
            else:
                invalid.append((tag, _printable(value)))
        record = DmarcRecord(
            p=valid.get("p"),
            sp=valid.get("sp"),
            np=valid.get("np"),
            adkim=modes.get("adkim", AlignmentMode.RELAXED),
            aspf=modes.get("aspf", AlignmentMode.RELAXED),
            testing=bool(self.testing),
            invalid=tuple(invalid),
            unknown=(("pct", str(self.pct)),) if self.pct not in (None, _DEFAULT_PCT) else (),
        )
        return str(record)


def _member(kind: type[E], value: str) -> E | None:
    return next((member for member in kind if member == value), None)


def _printable(value: str) -> str:
    return _NOT_A_VALUE.sub("?", value)[:MAX_VALUE]


def seen_record(
    *, p: str, sp: str, np: str, adkim: str, aspf: str, testing: str, pct: int | None, is_rfc9990: bool
) -> SeenRecord:
    """Make the effective values of what a report contains; an empty text, or a negative `pct`, is absent."""
    sp = sp or p
    is_default = np == sp or (not np and is_rfc9990)
    return SeenRecord(
        p=p,
        sp=sp,
        np="" if is_default else np or None,
        adkim=adkim or "r",
        aspf=aspf or "r",
        testing=testing == "y" if testing or is_rfc9990 else None,
        pct=pct if pct is not None and pct >= 0 else None if is_rfc9990 else _DEFAULT_PCT,
    )


class Sighting(NamedTuple):
    """A record in the reports of one reporter about one day."""

    day: date
    reporter: str
    record: SeenRecord


class RecordChange(Struct, frozen=True):
    """A change of the DMARC record: the day of the first report that contains the new one, and both records."""

    day: date
    before: str
    """Empty: it is the first record that reports contain."""
    after: str


@dataclass(slots=True)
class _Run:
    """Days on which one reporter reports one record."""

    reporter: str
    days: list[date]
    record: SeenRecord
    before: _Run | None

    @property
    def first(self) -> date:
        return self.days[0]

    @property
    def last(self) -> date:
        return self.days[-1]


def record_history(sightings: Iterable[Sighting]) -> tuple[RecordChange, ...]:
    """List the records of one domain by the day on which each came into force, the first one with an empty `before`."""
    runs = _all_runs(sightings)
    if not runs:
        return ()
    begin = runs[0].first
    by_day: dict[date, list[_Run]] = defaultdict(list)
    for run in runs:
        for day in run.days:
            by_day[day].append(run)
    in_force = [(begin, _first_record(runs, begin))]
    for run in runs:
        since, current = in_force[-1]
        if _is_equivalent(run.record, current):
            in_force[-1] = (since, _filled(current, run.record))
            continue
        agreeing = [
            other
            for offset in range(AGREE_DAYS + 1)
            for other in by_day.get(run.first + timedelta(offset), ())
            if other.first >= run.first and _is_equivalent(other.record, run.record)
        ]
        if _comes_into_force(run, agreeing, runs, by_day, in_force):
            record = run.record
            for other in agreeing:
                record = _filled(record, other.record) if _is_equivalent(other.record, record) else record
            in_force.append((run.first, _filled(record, current)))
    texts = [(day, str(record)) for day, record in in_force]
    return tuple(
        RecordChange(day, texts[place - 1][1] if place else "", text) for place, (day, text) in enumerate(texts)
    )


def changes_of(history: Iterable[RecordChange]) -> tuple[RecordChange, ...]:
    """Leave out the first record, which is no change."""
    return tuple(change for change in history if change.before)


def record_on(history: Iterable[RecordChange], day: date) -> str:
    """The record in force on a day; empty before the first report."""
    text = ""
    for change in history:
        if change.day <= day:
            text = change.after
    return text


def _comes_into_force(
    run: _Run,
    agreeing: Sequence[_Run],
    runs: Sequence[_Run],
    by_day: Mapping[date, Sequence[_Run]],
    in_force: Sequence[tuple[date, SeenRecord]],
) -> bool:
    since, current = in_force[-1]
    supporters = {other.reporter for other in agreeing}
    if run.before is None:
        # A newcomer, or a reporter that writes records in its own way
        holders = {
            other.reporter for other in runs if other.last >= run.first and _is_equivalent(other.record, current)
        }
        return len(supporters - holders) > len(holders)
    if any(_is_equivalent(run.record, earlier) for _, earlier in in_force[:-1]):
        knows = _is_equivalent(run.before.record, current) and run.before.first >= since
        if not knows:
            return False  # it has a record of the past in its cache
    days = range((min(run.last, run.first + timedelta(AGREE_DAYS)) - run.first).days + 1)
    return len(supporters) > 1 or not any(
        other.reporter != run.reporter and not _is_equivalent(other.record, run.record)
        for offset in days
        for other in by_day.get(run.first + timedelta(offset), ())
    )


def _first_record(runs: Sequence[_Run], begin: date) -> SeenRecord:
    """The record that most reporters begin with; of these the earliest."""
    first = [run for run in runs if run.before is None and run.first <= begin + timedelta(AGREE_DAYS)]
    counts = Counter(run.record for run in first)
    support = {
        record: sum(count for other, count in counts.items() if _is_equivalent(record, other)) for record in counts
    }
    chosen = max(first, key=lambda run: support[run.record]).record
    for run in first:
        chosen = _filled(chosen, run.record) if _is_equivalent(run.record, chosen) else chosen
    return chosen


def _all_runs(sightings: Iterable[Sighting]) -> list[_Run]:
    found = list(sightings)
    counts = Counter(sighting.record for sighting in found)
    compared = {record for record, _ in sorted(counts.items(), key=lambda each: (-each[1], repr(each)))[:MAX_RECORDS]}
    days: dict[str, dict[date, set[SeenRecord]]] = defaultdict(lambda: defaultdict(set))
    for sighting in found:
        if sighting.record in compared:
            days[sighting.reporter][sighting.day].add(sighting.record)
    heard = sorted(days, key=lambda reporter: (-len(days[reporter]), reporter))[:MAX_REPORTERS]
    runs = [run for reporter in heard for run in _runs(reporter, days[reporter])]
    return sorted(runs, key=lambda run: (run.first, run.reporter, repr(run.record)))


def _runs(reporter: str, seen: Mapping[date, set[SeenRecord]]) -> list[_Run]:
    runs: list[_Run] = []
    for day in sorted(seen):
        if runs and seen[day] == {runs[-1].record}:
            runs[-1].days.append(day)
            continue
        records = sorted(seen[day], key=repr)
        if not runs:
            runs.append(_Run(reporter, [day], records[0], None))
        run = runs[-1]
        for record in records:
            if _is_equivalent(record, run.record):
                run.record = _filled(run.record, record)
                if run.last != day:
                    run.days.append(day)
        others = [record for record in records if not _is_equivalent(record, run.record)]
        if run.before is not None and (run.last == day or _is_seen_soon(run.record, day, seen)):
            others = [record for record in others if not _is_equivalent(record, run.before.record)]
        if others:
            runs.append(_Run(reporter, [day], others[0], run))
    latest = runs[-MAX_RUNS:]
    latest[0].before = None
    return latest


def _is_seen_soon(record: SeenRecord, day: date, seen: Mapping[date, set[SeenRecord]]) -> bool:
    return any(
        _is_equivalent(record, other)
        for offset in range(1, CACHE_DAYS + 1)
        for other in seen.get(day + timedelta(offset), ())
    )


def _is_equivalent(one: SeenRecord, other: SeenRecord) -> bool:
    return one == other or all(mine is None or its is None or mine == its for mine, its in zip(one, other, strict=True))


def _filled(record: SeenRecord, other: SeenRecord) -> SeenRecord:
    """The record, with its unknown values taken from another one."""
    np = other.np if record.np is None else record.np
    return record._replace(
        np="" if np == record.sp else np,
        testing=other.testing if record.testing is None else record.testing,
        pct=other.pct if record.pct is None else record.pct,
    )
