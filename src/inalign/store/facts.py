"""The facts that insight judges, from the tables: one question each for policies, reporters, sources and mail.

They equal what `insight.gather` makes of the same reports: what is grouped here in SQL is grouped there by hand, and
both put looks and sums together with the same functions. Forged reports have no records, and those that do not tell
their span say nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import cast

import msgspec
from msgspec import Struct

from inalign.insight.facts import DomainFacts
from inalign.insight.gather import SLOT_SECONDS, Look, Sums, look_of_record, seen_policy
from inalign.insight.names import judged_domain
from inalign.reports.report import AggregateRecord, DkimAuth, Reason, SpfAuth
from inalign.store.engine import Engine, Parameter, Row, domain_parameters, same_or_below

SLICE_DAYS = 92
"""Of one answer about mail: a large domain has some hundred thousand rows in a quarter."""

_COUNTED = "kind = 'aggregate' AND is_counted AND begin_at <> 0 AND end_at <> 0"
_WHOLE = "begin_at <> 0 AND end_at <> 0 AND source_ip <> ''"
_SUMS = "sum(count), " + ", ".join(
    f"sum(CASE WHEN disposition = '{word}' THEN count ELSE 0 END)" for word in ("quarantine", "reject")
)
_SLOT = f"CAST(floor((begin_at + (end_at - begin_at) / 2) / {SLOT_SECONDS}) AS BIGINT) * {SLOT_SECONDS}"


class Span(Struct, frozen=True):
    """Days, both included; a report belongs to the day of the middle of its span."""

    since: date
    until: date


EVER = Span(date(1971, 1, 1), date(2199, 12, 31))


def judged_domains(engine: Engine) -> dict[str, list[str]]:
    """The domains that are judged, each with the policy domains that belong to it."""
    found = {str(name) for (name,) in engine.query(f"SELECT DISTINCT domain FROM reports WHERE {_COUNTED}")}
    families: dict[str, list[str]] = {}
    for name in sorted(found):
        families.setdefault(judged_domain(name, found), []).append(name)
    return dict(sorted(families.items()))


def facts_of(engine: Engine, domain: str, span: Span = EVER) -> DomainFacts | None:
    """The facts of the domain with which `domain` is judged; None where nothing was reported. Raises `StoreError`."""
    families = judged_domains(engine)
    name = judged_domain(domain.lower().rstrip("."), frozenset(families))
    return _facts(engine, name, frozenset(families.get(name, ())), span)


def all_facts(engine: Engine, span: Span = EVER, *, since: str = "", after: str | None = None) -> Iterator[DomainFacts]:
    """The facts of all domains, by name, one in memory at a time; from a domain on, or those after one.

    Raises `StoreError`.
    """
    for name, family in judged_domains(engine).items():
        if name < since or (after and name <= after):
            continue
        found = _facts(engine, name, frozenset(family), span)
        if found is not None:
            yield found


def _facts(engine: Engine, name: str, family: frozenset[str], span: Span) -> DomainFacts | None:
    if not family:
        return None
    sums = Sums()
    where = f"{same_or_below('domain')} AND day >= :since AND day <= :until"
    values = domain_parameters(name) | {"since": span.since, "until": span.until}
    days = _add_reports(engine, sums, where, values, family)
    if not days:
        return None
    _add_reporters(engine, sums, where, values, family)
    first, last = min(days), max(days)
    while first <= last:
        until = min(last, first + timedelta(days=SLICE_DAYS - 1))
        _add_mail(engine, sums, where, {**values, "since": first, "until": until}, family)
        first = until + timedelta(days=1)
    return sums.facts().get(name)


def _of(rows: list[Row], family: frozenset[str]) -> Iterator[Row]:
    """Without those of domains below that are judged by themselves."""
    return (row for row in rows if row[0] in family)


def _add_reports(
    engine: Engine, sums: Sums, where: str, values: Mapping[str, Parameter], family: frozenset[str]
) -> set[date]:
    """Records as reporters saw them, and the days that have reports."""
    days: set[date] = set()
    asked = engine.query(
        "SELECT domain, day, p, testing, pct, adkim, aspf FROM reports "
        f"WHERE {_COUNTED} AND {where} GROUP BY domain, day, p, testing, pct, adkim, aspf",
        values,
    )
    for domain, day, p, testing, pct, adkim, aspf in cast(
        "Iterator[tuple[str, date, str, str, int, str, str]]", _of(asked, family)
    ):
        days.add(day)
        number = day.toordinal()
        sums.add_day(domain, number)
        sums.add_policy(domain, seen_policy(p, testing, None if pct < 0 else pct, adkim, aspf), number, number)
    return days


def _add_reporters(
    engine: Engine, sums: Sums, where: str, values: Mapping[str, Parameter], family: frozenset[str]
) -> None:
    """Who reported, also those who saw nothing; and who saw which source."""
    asked = engine.query(
        f"SELECT DISTINCT domain, reporter FROM reports WHERE {_COUNTED} AND {where}",
        values,
    )
    for domain, reporter in cast("Iterator[tuple[str, str]]", _of(asked, family)):
        sums.add_reporter(domain, reporter, 0, 0)
    asked = engine.query(
        "SELECT domain, reporter, source_ip, sum(count), sum(CASE WHEN is_rfc9990 THEN count ELSE 0 END) "
        f"FROM records WHERE {_WHOLE} AND {where} GROUP BY domain, reporter, source_ip",
        values,
    )
    for domain, reporter, address, messages, rfc9990 in cast(
        "Iterator[tuple[str, str, str, int, int]]", _of(asked, family)
    ):
        sums.add_reporter(domain, reporter, int(messages), int(rfc9990))
        sums.add_source_reporter(domain, address, reporter)


def _add_mail(engine: Engine, sums: Sums, where: str, values: Mapping[str, Parameter], family: frozenset[str]) -> None:
    """Sources, looks and days."""
    envelope = "CASE WHEN spf = '[]' OR spf LIKE '%[\"\",%' THEN envelope_from ELSE '' END"
    look = f"header_from, dkim_aligned = 'pass', spf_aligned = 'pass', dkim, spf, reasons, {envelope}"
    asked = engine.query(
        f"SELECT domain, source_ip, {_SLOT} AS slot, {_SUMS}, {look} "
        f"FROM records WHERE {_WHOLE} AND {where} GROUP BY domain, source_ip, slot, {look}",
        values,
    )
    looks: dict[tuple[Parameter, ...], Look] = {}
    for row in _of(asked, family):
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
def _reasons(text: str) -> tuple[Reason, ...]:
    return tuple(Reason(*each) for each in msgspec.json.decode(text, type=list[tuple[str, str]]))
