"""Who sends, put together: what is judged of each address (class, sender) and what is counted of it, as a tree of
class, sender, network and address. Classes come from all that is known; the counts are those of the days asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from inalign.insight.names import network_of
from inalign.insight.result import SourceClass
from inalign.insight.rows import JudgedSource
from inalign.store.engine import Engine
from inalign.store.facts import judged_domains
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.queries.senders import AddressSums, address_days, address_reporters, address_sums
from inalign.store.queries.view import Answer, page_of

TREND_DAYS = 30
UNTOLD = ""
"""The class of mail whose address no reporter told in a form that can be read: nobody can judge it."""
LISTED = (
    *(str(each) for each in (SourceClass.OWN, SourceClass.APPROVED, SourceClass.UNKNOWN, SourceClass.SPOOF)),
    *(str(each) for each in (SourceClass.LOW_REPUTATION, SourceClass.FORWARDER, SourceClass.HOSTING)),
    UNTOLD,
)
"""Classes in the order in which they are listed: what the owner can do something about first, what is no fault of his
(forwarders and hosts that everybody has) after it."""

Judge = Callable[[Filters], Answer[JudgedSource]]
"""Asks `sources`."""


class SenderRow(Struct, frozen=True, kw_only=True, rename={"source_class": "class"}):
    """A sender of one class: its addresses together."""

    source_class: str
    sender: str
    service: str
    domains: tuple[str, ...]
    networks: int
    addresses: int
    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date
    trend: tuple[int, ...]
    """Messages of each of the last 30 days of the span, the oldest first."""


class SenderAddressRow(Struct, frozen=True, kw_only=True, rename={"source_class": "class"}):
    """An address of a sender. `network` is the /24 or /64 that it is listed under."""

    domain: str
    source_ip: str
    network: str
    host: str
    """Its reverse name, where it was looked up and leads back."""
    source_class: str
    sender: str
    service: str
    country: str
    as_name: str
    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date
    trend: tuple[int, ...]


@dataclass
class _Group:
    """Addresses that are put together."""

    rows: list[AddressSums] = field(default_factory=list)
    reporters: set[str] = field(default_factory=set)
    days: dict[date, int] = field(default_factory=lambda: defaultdict(int))

    def sum(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows)

    def trend(self, last: date) -> tuple[int, ...]:
        return tuple(self.days.get(last - timedelta(days), 0) for days in range(TREND_DAYS - 1, -1, -1))

    def numbers(self) -> dict[str, int | float | date]:
        """The columns that both kinds of rows have."""
        messages = self.sum("messages")
        found: dict[str, int | float | date] = {
            name: self.sum(name) for name in ("messages", "passed", "none", "quarantine", "reject")
        }
        found |= {
            f"{name}_percent": 100.0 * self.sum(name) / messages if messages else 0.0
            for name in ("passed", "dkim", "spf")
        }
        found["reporters"] = len(self.reporters)
        found["first_day"] = min(row.first_day for row in self.rows)
        found["last_day"] = max(row.last_day for row in self.rows)
        return found


class _Known(Struct, frozen=True):
    """What is judged of an address."""

    domain: str
    source_class: str = UNTOLD
    sender: str = ""
    service: str = ""


def ask_senders(engine: Engine, judge: Judge, filters: Filters) -> Answer[SenderRow]:
    """By class in the order of `LISTED`, the largest first."""
    found = _groups(engine, judge, filters, lambda _, known: (known.source_class, known.sender))
    last = _last(found, filters)
    rows = [
        SenderRow(
            source_class=known.source_class,
            sender=known.sender,
            service=known.service,
            domains=tuple(sorted({each.domain for each in group.rows})),
            networks=len({_network(each) for each in group.rows}),
            addresses=len({each.source_key for each in group.rows}),
            trend=group.trend(last),
            **group.numbers(),  # type: ignore[arg-type]  # columns of one name have one kind
        )
        for known, group in found
    ]
    return page_of(rows, lambda row: (_place(row.source_class), -row.messages, row.sender), SenderRow, filters)


def ask_addresses(engine: Engine, judge: Judge, filters: Filters) -> Answer[SenderAddressRow]:
    """By class; of each class one network after another, the largest first, and in each the addresses."""
    found = _groups(engine, judge, filters, lambda row, known: (known.domain, row.source_key))
    last = _last(found, filters)
    rows = []
    by_network: dict[str, int] = defaultdict(int)
    for known, group in found:
        first = group.rows[0]
        by_network[_network(first)] += group.sum("messages")
        rows.append(
            SenderAddressRow(
                domain=known.domain,
                source_ip=first.source_ip,
                network=_network(first),
                host=first.host,
                source_class=known.source_class,
                sender=known.sender,
                service=known.service,
                country=first.country,
                as_name=first.as_name,
                trend=group.trend(last),
                **group.numbers(),  # type: ignore[arg-type]  # columns of one name have one kind
            )
        )

    def order(row: SenderAddressRow) -> tuple[str | int, ...]:
        place, whole = _place(row.source_class), -by_network[row.network]
        return (place, whole, row.network, -row.messages, row.domain, row.source_ip)

    return page_of(rows, order, SenderAddressRow, filters)


def _place(name: str) -> int:
    return LISTED.index(name)


def _network(row: AddressSums) -> str:
    return network_of(row.source_ip) if row.source_ip else ""


Grouped = Sequence[tuple[_Known, _Group]]


def _last(groups: Grouped, filters: Filters) -> date:
    """The day on which trends end."""
    return filters.until or max((row.last_day for _, group in groups for row in group.rows), default=date.min)


def _groups(
    engine: Engine, judge: Judge, filters: Filters, key: Callable[[AddressSums, _Known], tuple[str, ...]]
) -> Grouped:
    """The addresses that are meant, put together by a key; of each group what is judged of its largest address."""
    counted = replace(filters, source_class="", sender="", search="", limit=MAX_PAGE_ROWS, after="")
    known_of = _judged(engine, judge, filters)
    is_meant = _meant(filters)
    groups: dict[tuple[str, ...], tuple[_Known, _Group]] = {}
    of: dict[tuple[str, str], _Group] = {}
    for row in sorted(address_sums(engine, counted), key=lambda row: (-row.messages, row.domain, row.source_key)):
        known = known_of(row)
        if is_meant(row, known):
            _, group = groups.setdefault(key(row, known), (known, _Group()))
            group.rows.append(row)
            of[row.domain, row.source_key] = group
    for address, reporter in address_reporters(engine, counted) if of else ():
        if address in of:
            of[address].reporters.add(reporter)
    found = list(groups.values())
    for day in address_days(engine, counted, _last(found, filters) - timedelta(TREND_DAYS - 1)) if of else ():
        if (day.domain, day.source_key) in of:
            of[day.domain, day.source_key].days[day.day] += day.messages
    return found


def _judged(engine: Engine, judge: Judge, filters: Filters) -> Callable[[AddressSums], _Known]:
    """What is judged of an address, from all that is known of its domain."""
    above = {name: judged for judged, family in judged_domains(engine).items() for name in family}
    asked = Filters(domain=filters.domain, source=filters.source, scope=filters.scope, limit=MAX_PAGE_ROWS)
    known: dict[tuple[str, str], _Known] = {}
    while True:
        answer = judge(asked)
        for row in answer.rows:
            known[row.domain, row.source_ip] = _Known(row.domain, row.source_class, row.sender, row.service or "")
        if not answer.after:
            break
        asked = replace(asked, after=answer.after)

    def find(row: AddressSums) -> _Known:
        domain = above.get(row.domain, row.domain)
        return known.get((domain, row.source_ip)) or _Known(row.domain)

    return find


def _meant(filters: Filters) -> Callable[[AddressSums, _Known], bool]:
    """Whether class, sender and what is searched for fit."""
    text = filters.search.strip().lower()

    def fits(row: AddressSums, known: _Known) -> bool:
        if filters.source_class and known.source_class != filters.source_class:
            return False
        if filters.sender and known.sender != filters.sender:
            return False
        told = (known.sender, known.service, row.host, row.as_name, row.source_ip, row.network, row.domain)
        return not text or any(text in each.lower() for each in told)

    return fits
