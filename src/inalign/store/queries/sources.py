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

from inalign.store.engine import Engine, Parameter
from inalign.store.queries.filters import Condition, Filters, counted, one_of
from inalign.store.queries.headlines import DAYS, SUMS_OF_RECORDS, percent
from inalign.store.queries.view import Answer, Order, Question, page, typed_rows
from inalign.store.zone import zone_of

MAX_KEYS = 500
"""Rows of a page whose rest is asked for at once."""
_SUMS = (
    f"{SUMS_OF_RECORDS}, "
    "sum(CASE WHEN t.dkim_aligned = 'pass' THEN t.count ELSE 0 END) AS dkim, "
    "sum(CASE WHEN t.spf_aligned = 'pass' THEN t.count ELSE 0 END) AS spf, " + DAYS
)
_NAMED = ", max(t.as_name) AS as_name, max(t.country) AS country"
_PERCENTS = ", ".join(f"{percent(name)} AS {name}_percent" for name in ("passed", "dkim", "spf"))
R = TypeVar("R", bound=Struct)


class SourceRow(Struct, frozen=True):
    """An address that sent mail of a domain."""

    domain: str
    source_ip: str
    """Empty: reporters gave none that can be read."""
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


class SourceSum(Struct, frozen=True):
    """An address of a domain, in the order of the answer."""

    domain: str
    source_key: str
    messages: int
    last_slot: int


def sources(engine: Engine, filters: Filters) -> Answer[SourceRow]:
    """The addresses that send as the domains, each where it was in its last slot."""
    where, parameters = counted(engine, filters)
    sql = (
        "SELECT t.domain AS domain, t.source_key AS source_key, sum(t.count) AS messages, max(t.slot) AS last_slot "
        f"FROM records AS t WHERE {where} GROUP BY t.domain, t.source_key"
    )
    order = (Order("messages", True), Order("domain"), Order("source_key"))
    sums, after = page(engine, filters, Question(sql, parameters, SourceSum, order))
    found: dict[tuple[str, str], SourceRow] = {}
    for part in _parts(sums):
        keys = one_of("t.source_key", "key", sorted({each.source_key for each in part}))
        of = f"FROM records AS t WHERE {where} AND {keys.sql}"
        more: dict[str, Parameter] = {"least": part[-1].messages, "oldest": min(each.last_slot for each in part)}
        summed = _summed(filters, of, ("domain", "source_key"), {"reporters": "reporter"})
        rest = (
            f"SELECT *, {_PERCENTS} FROM (SELECT * FROM ({summed}) AS every WHERE messages >= :least) AS sums "
            "JOIN (SELECT t.source_key AS source_key, t.slot AS last_day, "
            "max(t.source_ip) AS source_ip, max(t.network) AS network, max(t.country) AS country, "
            f"max(t.as_name) AS as_name {of} AND t.slot >= :oldest GROUP BY t.source_key, t.slot) AS placed "
            "USING (source_key, last_day)"
        )
        # The key is in the place of the service until the row is found by it.
        names = ["source_key" if name == "service" else name for name in SourceRow.__struct_fields__]
        for row in _rows(engine, filters, Condition(rest, parameters | keys.parameters | more), SourceRow, names):
            found[row.domain, row.service] = replace(row, service="")
    return Answer([found[key] for each in sums if (key := (each.domain, each.source_key)) in found], after)


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


def source_groups(engine: Engine, filters: Filters) -> Answer[SourceGroupRow]:
    """The same by AS, else by network."""
    where, parameters = counted(engine, filters)
    # By number and by name apart: one key of both is text, which costs six times as much.
    sql = (
        "SELECT concat('AS', CAST(asn AS VARCHAR)) AS place, asn, messages FROM (SELECT t.asn AS asn, sum(t.count) AS "
        f"messages FROM records AS t WHERE {where} AND t.asn <> 0 GROUP BY t.asn) AS numbered UNION ALL "
        "SELECT t.network AS place, 0 AS asn, sum(t.count) AS messages "
        f"FROM records AS t WHERE {where} AND t.asn = 0 GROUP BY t.network"
    )
    order = (Order("messages", True), Order("place"))
    sums, after = page(engine, filters, Question(sql, parameters, SourceGroupSum, order))
    found: dict[str, SourceGroupRow] = {}
    for part in _parts(sums):
        numbers = ", ".join(f"{each.asn:d}" for each in part if each.asn)
        networks = one_of("t.network", "network", [each.place for each in part if not each.asn])
        for key, place, chosen in (
            ("asn", "concat('AS', CAST(asn AS VARCHAR))", Condition(f"t.asn IN ({numbers})" if numbers else "", {})),
            ("network", "network", networks._replace(sql=f"t.asn = 0 AND {networks.sql}")),
        ):
            if any(bool(each.asn) == (key == "asn") for each in part):
                of = f"FROM records AS t WHERE {where} AND {chosen.sql}"
                summed = _summed(filters, of, (key,), {"addresses": "source_key", "reporters": "reporter"}, _NAMED)
                rest = Condition(f"SELECT *, {_PERCENTS}, {place} AS place FROM ({summed}) AS sums", parameters)
                rest.parameters.update(chosen.parameters)
                names = SourceGroupRow.__struct_fields__
                found |= {row.place: row for row in _rows(engine, filters, rest, SourceGroupRow, names)}
    return Answer([found[each.place] for each in sums if each.place in found], after)


def _summed(filters: Filters, of: str, keys: Sequence[str], counts: Mapping[str, str], more: str = "") -> str:
    """Sums by keys, and of how many different ones they are: for few rows at once; for many each is counted apart,
    which is twice as fast then.
    """
    group, by = ", ".join(f"t.{key} AS {key}" for key in keys), ", ".join(f"t.{key}" for key in keys)
    is_few = bool(filters.source or (filters.domain and filters.since))
    if is_few:
        more += "".join(f", count(DISTINCT t.{column}) AS {name}" for name, column in counts.items())
    sql = f"SELECT {group}, {_SUMS}{more} {of} GROUP BY {by}"
    if is_few:
        return sql
    names = ", ".join(keys)
    for name, column in counts.items():
        sql = (
            f"SELECT * FROM ({sql}) AS summed JOIN (SELECT {names}, count(*) AS {name} FROM "
            f"(SELECT DISTINCT {group}, t.{column} AS value {of}) AS pairs GROUP BY {names}) AS told USING ({names})"
        )
    return sql


def _parts(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    rest = iter(rows)
    while part := list(islice(rest, MAX_KEYS)):
        yield part


def _rows(engine: Engine, filters: Filters, question: Condition, kind: type[R], names: Sequence[str]) -> list[R]:
    sql = f"SELECT {', '.join(names)} FROM ({question.sql}) AS found"
    return typed_rows(engine.query(sql, question.parameters), kind, zone_of(filters.zone))
