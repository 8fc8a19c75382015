"""The facts that insight judges, from the tables: one question each for policies, reporters, sources and mail.

They equal what `insight.gather` makes of the same reports: what is grouped here in SQL is grouped there by hand, and
both put looks and sums together with the same functions. Forged reports have no records, and those that do not tell
their span say nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple, cast

import msgspec
from msgspec import Struct

from inalign.insight.facts import DomainFacts
from inalign.insight.facts_builder import Look, Sums, look_of_record, seen_policy
from inalign.insight.names import judged_domain
from inalign.insight.record_history import Sighting, seen_record
from inalign.insight.window import Window, window_to
from inalign.reports.report import AggregateRecord, DkimAuth, OverrideReason, SpfAuth
from inalign.store.counts import PASSES, STOPPED
from inalign.store.engine.interface import Engine, Parameter, Row, domain_parameters, same_or_below, whole
from inalign.store.window import window_of

SLICE_RECORDS = 20_000
"""Of one answer about mail: whoever asks meanwhile waits for as long as it takes to make Python of it, a tenth of a
second."""
SLICE_SEEN = 500_000
"""The same of an answer about who saw whom: of so many records there are far fewer pairs."""
MAX_FAMILY = 100
"""Domains that are asked for by their whole names, which is much faster than by their ends."""

_COUNTED = "kind = 'aggregate' AND is_counted AND begin_at <> 0 AND end_at <> 0"
_WHOLE = "begin_at <> 0 AND end_at <> 0 AND source_ip <> ''"
_SUMS = f"sum(t.count), {', '.join(STOPPED)}"
_ENVELOPE = "CASE WHEN spf = '[]' OR spf LIKE '%[\"\",%' THEN envelope_from ELSE '' END"
_LOOK = f"header_from, dkim_aligned = 'pass', spf_aligned = 'pass', dkim, spf, reasons, {_ENVELOPE}"


class _Question(NamedTuple):
    """Of records, about some days at a time."""

    columns: str
    groups: str
    records: int


_SEEN = _Question(
    "domain, reporter, source_ip, sum(count), sum(CASE WHEN is_rfc9990 THEN count ELSE 0 END)",
    "domain, reporter, source_ip",
    SLICE_SEEN,
)
_MAIL = _Question(f"domain, source_ip, slot, {_SUMS}, {_LOOK}", f"domain, source_ip, slot, {_LOOK}", SLICE_RECORDS)


class Span(Struct, frozen=True):
    """Days, both included; a report belongs to the day of the middle of its span."""

    since: date
    until: date


EVER = Span(date(1971, 1, 1), date(2199, 12, 31))


class DomainRows(NamedTuple):
    """What the tables tell of a domain, as rows: facts can be made of it elsewhere."""

    domain: str
    family: frozenset[str]
    """The policy domains that are judged with it."""
    published: list[Row]
    """Domain, day, reporter, p, sp, np, adkim, aspf, testing, pct, whether it is of RFC 9990."""
    reporters: list[Row]
    """Domain and reporter, also of those who saw nothing."""
    seen: Iterable[list[Row]]
    """Domain, reporter, address, messages, messages in the form of RFC 9990; some days at a time, and can be gone
    through once, as the next one."""
    mail: Iterable[list[Row]]
    """Domain, address, slot, messages, of these in quarantine and refused, look."""
    names: list[Row]
    """Address, reverse name and when it was asked for, in the order of time."""
    window: Window
    """The window of the store, or as many days up to the end of the span that was asked for."""
    unplaced: list[Row]
    """Slot, whether it passes, messages, of these in quarantine and refused: of records without an address or a span,
    which nobody can judge."""


def assessed_domains(engine: Engine) -> dict[str, list[str]]:
    """The domains that are judged, each with the policy domains that belong to it."""
    found = engine.query(f"SELECT DISTINCT domain FROM reports WHERE {_COUNTED}")
    return families_of([str(name) for (name,) in found])


def families_of(domains: Collection[str]) -> dict[str, list[str]]:
    """Policy domains by the domain that they are judged with."""
    found = frozenset(domains)
    families: dict[str, list[str]] = {}
    for name in sorted(found):
        families.setdefault(judged_domain(name, found), []).append(name)
    return dict(sorted(families.items()))


def report_counts(engine: Engine) -> dict[str, tuple[int, int]]:
    """Of each policy domain how many reports count, and the sum of the times at which they were stored: who knew both
    sees whether any came, went or was exchanged."""
    sql = f"SELECT domain, count(*), sum(stored_at) FROM reports WHERE {_COUNTED} GROUP BY domain"
    return {str(domain): (whole(number), whole(times)) for domain, number, times in engine.query(sql)}


def rows_of_domain(engine: Engine, domain: str, family: Collection[str], span: Span = EVER) -> DomainRows | None:
    """What the tables tell of a domain that is judged; None where nothing was reported. Raises `StoreError`."""
    if not family:
        return None
    where, values = _where(domain, family)
    where += " AND day >= :since AND day <= :until"
    values |= {"since": span.since, "until": span.until}
    published = _of(
        engine.query(
            "SELECT DISTINCT domain, day, reporter, p, sp, np, adkim, aspf, testing, pct, is_rfc9990 FROM reports "
            f"WHERE {_COUNTED} AND {where}",
            values,
        ),
        family,
    )
    if not published:
        return None
    reporters = engine.query(f"SELECT DISTINCT domain, reporter FROM reports WHERE {_COUNTED} AND {where}", values)
    names = engine.query(
        "SELECT source_ip, name, asked_at FROM names WHERE name <> '' AND source_ip IN "
        f"(SELECT source_ip FROM records WHERE {_WHOLE} AND {where}) ORDER BY asked_at",
        values,
    )
    unplaced = engine.query(
        f"SELECT domain, slot, {PASSES} AS passes, {_SUMS} FROM records AS t WHERE NOT ({_WHOLE}) AND {where} "
        "GROUP BY domain, slot, passes",
        values,
    )
    window = window_of(engine)
    return DomainRows(
        domain,
        frozenset(family),
        published,
        _of(reporters, family),
        _sliced(engine, _SEEN, where, values, family),
        _sliced(engine, _MAIL, where, values, family),
        names,
        window if window.until <= span.until else window_to(span.until),
        [row[1:] for row in _of(unplaced, family)],
    )


def _where(domain: str, family: Collection[str]) -> tuple[str, dict[str, Parameter]]:
    if len(family) > MAX_FAMILY:
        return same_or_below("domain"), domain_parameters(domain)
    names: dict[str, Parameter] = {f"of_{place}": name for place, name in enumerate(sorted(family))}
    return f"domain IN ({', '.join(f':{name}' for name in names)})", names


def _of(rows: Iterable[Row], family: Collection[str]) -> list[Row]:
    """Without those of domains below that are judged by themselves."""
    return [row for row in rows if row[0] in family]


def _sliced(
    engine: Engine, of: _Question, where: str, values: Mapping[str, Parameter], family: Collection[str]
) -> Iterator[list[Row]]:
    """The answer about some days at a time."""
    where = f"FROM records AS t WHERE {_WHOLE} AND {where}"
    days = engine.query(f"SELECT day, count(*) {where} GROUP BY day ORDER BY day", values)
    for since, until in _slices(cast("list[tuple[date, int]]", days), of.records):
        span = {**values, "since": since, "until": until}
        yield _of(engine.query(f"SELECT {of.columns} {where} GROUP BY {of.groups}", span), family)


def _slices(days: list[tuple[date, int]], most: int) -> Iterator[tuple[date, date]]:
    """Days that follow each other, with as many records as one answer may have."""
    first: date | None = None
    last, records = date.min, 0
    for day, number in days:
        if first is not None and records + number > most:
            yield first, last
            first, records = None, 0
        first, last, records = first or day, day, records + number
    if first is not None:
        yield first, last


def facts_of(engine: Engine, domain: str, span: Span = EVER) -> DomainFacts | None:
    """The facts of the domain with which `domain` is judged; None where nothing was reported. Raises `StoreError`."""
    families = assessed_domains(engine)
    name = judged_domain(domain.lower().rstrip("."), frozenset(families))
    told = rows_of_domain(engine, name, families.get(name, ()), span)
    return facts_from(told) if told is not None else None


def rows_of_domains(
    engine: Engine, span: Span = EVER, *, since: str = "", after: str | None = None
) -> Iterator[DomainRows]:
    """What the tables tell of all domains, by name, one at a time; from a domain on, or those after one.

    Raises `StoreError`.
    """
    for name, family in assessed_domains(engine).items():
        if name < since or (after and name <= after):
            continue
        told = rows_of_domain(engine, name, family, span)
        if told is not None:
            yield told


def facts_from(told: DomainRows) -> DomainFacts | None:
    """The facts of a domain, from rows; None where those of a span are of names below it alone."""
    sums = Sums()
    for domain, day, reporter, p, sp, np, adkim, aspf, testing, pct, is_rfc9990 in cast(
        "list[tuple[str, date, str, str, str, str, str, str, str, int, bool]]", told.published
    ):
        number = day.toordinal()
        sums.add_day(domain, number)
        sums.add_policy(domain, seen_policy(p, testing, None if pct < 0 else pct, adkim, aspf), number, number)
        if p and domain == told.domain:
            record = seen_record(
                p=p, sp=sp, np=np, adkim=adkim, aspf=aspf, testing=testing, pct=pct, is_rfc9990=bool(is_rfc9990)
            )
            sums.add_sighting(domain, Sighting(day, reporter, record))
    for domain, reporter in cast("list[tuple[str, str]]", told.reporters):
        sums.add_reporter(domain, reporter, 0, 0)
    for rows in told.seen:
        for domain, reporter, address, messages, rfc9990 in cast("list[tuple[str, str, str, int, int]]", rows):
            sums.add_reporter(domain, reporter, int(messages), int(rfc9990))
            sums.add_source_reporter(domain, address, reporter)
    looks: dict[tuple[Parameter, ...], Look] = {}
    for rows in told.mail:
        _add_mail(sums, rows, looks)
    return sums.facts().get(told.domain)


def _add_mail(sums: Sums, rows: Iterable[Row], looks: dict[tuple[Parameter, ...], Look]) -> None:
    """Sources, looks and slots."""
    for row in rows:
        domain, address, slot, messages, quarantine, reject = cast("tuple[str, str, int, int, int, int]", row[:6])
        raw = row[6:]
        known = looks.get(raw)
        if known is None:
            known = looks[raw] = sums.one(_look(cast("tuple[str, bool, bool, str, str, str, str]", raw)))
        stopped = int(quarantine), int(reject)
        sums.add_mail(domain, address, known, slot, (int(messages) - sum(stopped), *stopped))


def _look(raw: tuple[str, bool, bool, str, str, str, str]) -> Look:
    header_from, dkim_aligned, spf_aligned, dkim, spf, reasons, envelope_from = raw
    return look_of_record(
        AggregateRecord(
            source_ip=None,
            count=0,
            disposition="",
            dkim_aligned=bool(dkim_aligned),
            spf_aligned=bool(spf_aligned),
            header_from=header_from,
            envelope_from=envelope_from,
            envelope_to=None,
            dkim=_dkim(dkim),
            spf=_spf(spf),
            reasons=_reasons(reasons),
        )
    )


@lru_cache(maxsize=4_096)
def _dkim(text: str) -> tuple[DkimAuth, ...]:
    return tuple(DkimAuth(*each) for each in msgspec.json.decode(text, type=list[tuple[str, str, str]]))


@lru_cache(maxsize=4_096)
def _spf(text: str) -> tuple[SpfAuth, ...]:
    return tuple(SpfAuth(*each) for each in msgspec.json.decode(text, type=list[tuple[str, str, str]]))


@lru_cache(maxsize=4_096)
def _reasons(text: str) -> tuple[OverrideReason, ...]:
    return tuple(OverrideReason(*each) for each in msgspec.json.decode(text, type=list[tuple[str, str]]))
