"""Who sends as us: addresses, and the groups that they are in.

Both are asked for in two steps: the messages of all of them, which say who is on the page, then the rest of what is
told, of those alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from inalign.store.engine.interface import Engine, Parameter
from inalign.store.queries.filters import Condition, Filters, one_of
from inalign.store.queries.headlines import percent
from inalign.store.queries.mail import SUMS, mail
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page, typed_rows
from inalign.store.time_zone import zone_of

SENDER_PREFIX = 64
"""Of IPv6: the network that is one sender."""
MAX_KEYS = 500
"""Rows of a page whose rest is asked for at once."""
_NAMED = ", max(t.as_name) AS as_name, max(t.country) AS country"
_PERCENTS = ", ".join(f"{percent(name)} AS {name}_percent" for name in ("passed", "dkim", "spf"))
R = TypeVar("R", bound=Struct)


class SourceRow(Struct, frozen=True):
    """An address that sent mail of a domain."""

    domain: str
    source_ip: str
    """The address; where several addresses of a /64 of IPv6 are put together, this network, unless it is asked for.
    Empty: reporters gave none that can be read."""
    network: str
    country: str
    as_name: str
    service: str
    messages: int
    passed: int
    passed_percent: float
    """Aligned by DKIM or SPF."""
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date
    addresses: int = 1
    """How many they are."""


class SourceSum(Struct, frozen=True):
    """A sender of a domain, in the order of the answer."""

    domain: str
    sender: str
    messages: int
    last_slot: int


def sources(engine: Engine, filters: Filters) -> ViewAnswer[SourceRow]:
    """The addresses that send as the domains, each where it was in its last slot; those of a /64 of IPv6 are one."""
    key = "source_key" if _is_narrow(filters.source) else "sender"
    table, parameters = mail(engine, filters)
    sql = (
        f"SELECT t.domain AS domain, t.{key} AS sender, sum(t.messages) AS messages, max(t.last_slot) AS last_slot "
        f"FROM {table} AS t GROUP BY t.domain, t.{key}"
    )
    order = (Order("messages", True), Order("domain"), Order("sender"))
    sums, after = page(engine, filters, ViewQuery(sql, parameters, SourceSum, order))
    found: dict[tuple[str, str], SourceRow] = {}
    for part in _parts(sums):
        keys = one_of(f"t.{key}", "key", sorted({each.sender for each in part}))
        domains = one_of("t.domain", "of", sorted({each.domain for each in part}))
        of = "FROM chosen AS t"
        more: dict[str, Parameter] = {"least": part[-1].messages, "oldest": min(each.last_slot for each in part)}
        summed = _summed(of, ("domain", key), {"reporters": "reporter", "addresses": "source_key"})
        rest = (
            f"WITH chosen AS (SELECT * FROM {table} AS t WHERE {keys.sql} AND {domains.sql}) "
            f"SELECT *, CASE WHEN addresses > 1 THEN network ELSE address END AS source_ip, {_PERCENTS} "
            f"FROM (SELECT * FROM ({summed}) AS every WHERE messages >= :least) AS sums "
            f"JOIN (SELECT t.domain AS domain, t.{key} AS {key}, t.last_slot AS last_day, "
            "max(t.source_ip) AS address, max(t.network) AS network, max(t.country) AS country, "
            f"max(t.as_name) AS as_name {of} WHERE t.last_slot >= :oldest GROUP BY t.domain, t.{key}, t.last_slot) "
            f"AS placed USING (domain, {key}, last_day)"
        )
        # The key is in the place of the service until the row is found by it.
        names = [key if name == "service" else name for name in SourceRow.__struct_fields__]
        for row in _rows(
            engine, filters, Condition(rest, parameters | keys.parameters | domains.parameters | more), SourceRow, names
        ):
            found[row.domain, row.service] = replace(row, service="")
    return ViewAnswer([found[at] for each in sums if (at := (each.domain, each.sender)) in found], after)


def _is_narrow(source: str) -> bool:
    """Whether an address is asked for, or a network that one sender has."""
    address, slash, prefix = source.partition("/")
    return ":" in address and (not slash or (prefix.isdecimal() and int(prefix) >= SENDER_PREFIX))


class SourceGroupRow(Struct, frozen=True):
    """The addresses of an AS, or of a network where the AS is not known."""

    place: str
    """AS and its number, or the network."""
    as_name: str
    country: str
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


class SourceGroupSum(Struct, frozen=True):
    """A group, in the order of the answer."""

    place: str
    asn: int
    messages: int


def source_groups(engine: Engine, filters: Filters) -> ViewAnswer[SourceGroupRow]:
    """The same by AS, else by network."""
    table, parameters = mail(engine, filters)
    # By number and by name apart: one key of both is text, which costs six times as much.
    sql = (
        "SELECT concat('AS', CAST(asn AS VARCHAR)) AS place, asn, messages FROM (SELECT t.asn AS asn, "
        f"sum(t.messages) AS messages FROM {table} AS t WHERE t.asn <> 0 GROUP BY t.asn) AS numbered UNION ALL "
        "SELECT t.network AS place, 0 AS asn, sum(t.messages) AS messages "
        f"FROM {table} AS t WHERE t.asn = 0 GROUP BY t.network"
    )
    order = (Order("messages", True), Order("place"))
    sums, after = page(engine, filters, ViewQuery(sql, parameters, SourceGroupSum, order))
    found: dict[str, SourceGroupRow] = {}
    for part in _parts(sums):
        numbers = ", ".join(f"{each.asn:d}" for each in part if each.asn)
        networks = one_of("t.network", "network", [each.place for each in part if not each.asn])
        for key, place, chosen in (
            ("asn", "concat('AS', CAST(asn AS VARCHAR))", Condition(f"t.asn IN ({numbers})" if numbers else "", {})),
            ("network", "network", networks._replace(sql=f"t.asn = 0 AND {networks.sql}")),
        ):
            if any(bool(each.asn) == (key == "asn") for each in part):
                of = f"FROM {table} AS t WHERE {chosen.sql}"
                summed = _summed(of, (key,), {"addresses": "source_key", "reporters": "reporter"}, _NAMED)
                rest = Condition(f"SELECT *, {_PERCENTS}, {place} AS place FROM ({summed}) AS sums", parameters)
                rest.parameters.update(chosen.parameters)
                names = SourceGroupRow.__struct_fields__
                found |= {row.place: row for row in _rows(engine, filters, rest, SourceGroupRow, names)}
    return ViewAnswer([found[each.place] for each in sums if each.place in found], after)


def _summed(of: str, keys: Sequence[str], counts: Mapping[str, str], more: str = "") -> str:
    """Sums by keys, and of how many different ones they are."""
    group, by = ", ".join(f"t.{key} AS {key}" for key in keys), ", ".join(f"t.{key}" for key in keys)
    told = "".join(f", count(DISTINCT t.{column}) AS {name}" for name, column in counts.items())
    return f"SELECT {group}, {SUMS}{told}{more} {of} GROUP BY {by}"


def _parts(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    rest = iter(rows)
    while part := list(islice(rest, MAX_KEYS)):
        yield part


def _rows(engine: Engine, filters: Filters, question: Condition, kind: type[R], names: Sequence[str]) -> list[R]:
    sql = f"SELECT {', '.join(names)} FROM ({question.sql}) AS found"
    return typed_rows(engine.query(sql, question.parameters), kind, zone_of(filters.zone))
