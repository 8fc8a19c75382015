"""Who sends, put together: what is judged of each address (class, sender) and what is counted of it, as a tree of
class, sender, network and address. Classes come from all that is known; the counts are those of the days asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from msgspec.structs import asdict, replace

from inalign.errors import ParseError
from inalign.insight.names import network_of
from inalign.insight.window import WINDOW_DAYS, window_to
from inalign.store.assessments import OF_NOW
from inalign.store.engine.interface import Engine, Parameter, whole
from inalign.store.facts import assessed_domains
from inalign.store.queries.filters import Condition, Filters, condition, counted, one_of
from inalign.store.queries.headlines import percent
from inalign.store.queries.mail import SUMS, mail
from inalign.store.queries.sender_rows import LISTED, ClassRow, SenderAddressRow, SenderRow
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page, typed_rows
from inalign.store.time_zone import zone_of
from inalign.store.window import window_of

TOP = 8
"""Senders of a class that are told with it."""
MAX_KEYS = 500
"""Rows of a page whose trends are asked for alone; of more, those of all are."""
_PLACES = " ".join(f"WHEN source_class = '{name}' THEN {at}" for at, name in enumerate(LISTED))
_PLACE = f"CASE {_PLACES} END"
"""No trend ends before: nothing is older, and calendars end somewhere."""
_COUNTS = ("messages", "passed", "none", "quarantine", "reject", "dkim", "spf")
_SUMMED = ", ".join(f"sum({name}) AS {name}" for name in _COUNTS)
_PERCENTS = ", ".join(f"{percent(name)} AS {name}_percent" for name in ("passed", "dkim", "spf"))


class _Sender(SenderRow, frozen=True):
    place: int
    """Of the class among `LISTED`."""
    rank: int
    """In its class, from 1."""
    of_class: int
    """Number of senders in the class."""


class _ClassOrSender(_Sender, frozen=True):
    is_class: int
    """1: the row has the sums of a class, and names no sender."""


class _Address(SenderAddressRow, frozen=True):
    place: int
    source_key: str
    prefix: str
    of_network: int
    """Messages of the network."""


class _Trend(NamedTuple):
    """How days and reporters are put together: the columns that make a row one and the same."""

    keys: tuple[str, ...]
    chief: str
    """The one by which rows are chosen."""


_SENDERS = _Trend(("source_class", "sender"), "sender")
_ADDRESSES = _Trend(("domain", "source_key"), "source_key")


def ask_senders(engine: Engine, host: str, filters: Filters) -> ViewAnswer[SenderRow]:
    """By class in the order of `LISTED`, the largest first."""
    meant = _meant(engine, host, filters)
    order = (Order("place"), Order("messages", True), Order("sender"))
    found = page(engine, filters, ViewQuery(_senders(meant), meant.parameters, _Sender, order))
    return ViewAnswer(_whole(engine, filters, meant, found.rows), found.after)


def ask_classes_of_senders(engine: Engine, host: str, filters: Filters) -> ViewAnswer[ClassRow]:
    """By class in the order of `LISTED`, each with its largest senders. All of them at once: there is no cursor."""
    if filters.after:
        raise ParseError("after: no cursor of an answer")
    meant = _meant(engine, host, filters)
    columns = ", ".join(_ClassOrSender.__struct_fields__)
    sets = "GROUPING SETS ((source_class, sender), (source_class))"
    sql = (
        f"SELECT {columns} FROM ({_senders(meant, sets, 'grouping(sender)')}) AS f "
        f"WHERE is_class = 1 OR rank <= {TOP:d} ORDER BY place, is_class, rank"
    )
    found = typed_rows(engine.query(sql, meant.parameters), _ClassOrSender, zone_of(filters.zone))
    shown = [row for row in found if not row.is_class]
    of_class = {row.source_class: row.of_class for row in shown}
    by_class: defaultdict[str, list[SenderRow]] = defaultdict(list)
    for row in _whole(engine, filters, meant, shown):
        by_class[row.source_class].append(row)
    return ViewAnswer(
        [
            ClassRow(
                source_class=each.source_class,
                senders=of_class[each.source_class],
                addresses=each.addresses,
                messages=whole(each.messages),
                passed=whole(each.passed),
                passed_percent=each.passed_percent,
                none=whole(each.none),
                quarantine=whole(each.quarantine),
                reject=whole(each.reject),
                top=tuple(by_class[each.source_class]),
            )
            for each in found
            if each.is_class
        ]
    )


def ask_addresses(engine: Engine, host: str, filters: Filters) -> ViewAnswer[SenderAddressRow]:
    """By class; of each class one network after another, the largest first, and in each the addresses."""
    meant = _meant(engine, host, filters)
    sql = (
        f"SELECT *, {_PLACE} AS place, '' AS trend, 0 AS reporters, '' AS network, {_PERCENTS}, "
        f"sum(messages) OVER (PARTITION BY source_class, prefix) AS of_network FROM ({meant.sql}) AS e"
    )
    order = (
        Order("place"), Order("of_network", True), Order("prefix"), Order("messages", True), Order("domain"),
        Order("source_key"),
    )  # fmt: skip
    found = page(engine, filters, ViewQuery(sql, meant.parameters, _Address, order))
    more = _more(engine, filters, meant, _ADDRESSES, [row.source_key for row in found.rows])
    rows = []
    for row in found.rows:
        told = {name: value for name, value in asdict(row).items() if name in SenderAddressRow.__struct_fields__}
        told["network"] = network_of(row.source_ip) if row.source_ip else ""
        told["trend"], told["reporters"] = more.of((row.domain, row.source_key))
        rows.append(SenderAddressRow(**told))
    return ViewAnswer(rows, found.after)


def _senders(meant: Condition, groups: str = "source_class, sender", is_class: str = "0") -> str:
    """Return the SQL of all senders with their class's place and their rank in it; of classes, too, by other groups."""
    return (
        f"SELECT *, {_PERCENTS}, '' AS trend, 0 AS reporters, "
        "CASE WHEN domains = 1 THEN a_domain ELSE '' END AS domain, "
        "row_number() OVER (PARTITION BY source_class, is_class ORDER BY messages DESC, sender) AS rank, "
        "count(*) OVER (PARTITION BY source_class, is_class) AS of_class FROM ("
        f"SELECT source_class, sender, {is_class} AS is_class, max(service) AS service, min({_PLACE}) AS place, "
        "min(domain) AS a_domain, "
        "count(DISTINCT domain) AS domains, count(DISTINCT prefix) AS networks, "
        f"count(DISTINCT source_key) AS addresses, {_SUMMED}, min(first_day) AS first_day, "
        f"max(last_day) AS last_day FROM ({meant.sql}) AS e GROUP BY {groups}) AS g"
    )


def _whole(engine: Engine, filters: Filters, meant: Condition, rows: Sequence[_Sender]) -> list[SenderRow]:
    """Senders with their reporters and trends."""
    more = _more(engine, filters, meant, _SENDERS, [row.sender for row in rows])
    found = []
    for row in rows:
        told = {name: value for name, value in asdict(row).items() if name in SenderRow.__struct_fields__}
        told["trend"], told["reporters"] = more.of((row.source_class, row.sender))
        found.append(SenderRow(**told))
    return found


def _meant(engine: Engine, host: str, filters: Filters) -> Condition:
    """The addresses that are meant, each in the name of one policy domain, with what is judged of them."""
    table, parameters = mail(engine, _of_records(filters))
    visible, of_scope = condition(Filters(scope=filters.scope))
    judged, of_families = _judged_as(assessed_domains(engine))
    fits, of_fits = _fitting(filters)
    sql = (
        "SELECT * FROM (SELECT s.domain AS domain, s.source_key AS source_key, s.source_ip AS source_ip, "
        "s.country AS country, s.as_name AS as_name, s.first_day AS first_day, s.last_day AS last_day, "
        f"{', '.join(f's.{name} AS {name}' for name in _COUNTS)}, coalesce(n.name, '') AS host, "
        "coalesce(j.source_class, '') AS source_class, coalesce(j.sender, '') AS sender, "
        "coalesce(j.service, '') AS service, "
        # Of a key, the version and the digits of a /24 or a /64 (`columns.source_key`).
        "CASE WHEN substr(s.source_key, 1, 1) = '4' THEN substr(s.source_key, 1, 7) "
        "ELSE substr(s.source_key, 1, 17) END AS prefix FROM ("
        f"SELECT t.domain AS domain, {judged} AS judged, t.source_key AS source_key, max(t.source_ip) AS source_ip, "
        f"max(t.country) AS country, max(t.as_name) AS as_name, {SUMS} FROM {table} AS t "
        "GROUP BY t.domain, t.source_key) AS s LEFT JOIN ("
        "SELECT t.domain AS domain, t.source_key AS source_key, t.source_class AS source_class, t.sender AS sender, "
        f"t.service AS service FROM assessed_sources AS t WHERE t.host = :host AND t.{OF_NOW} AND {visible}"
        ") AS j ON j.domain = s.judged AND j.source_key = s.source_key LEFT JOIN ("
        "SELECT source_ip, max(name) AS name FROM names GROUP BY source_ip) AS n ON n.source_ip = s.source_ip"
        f") AS b WHERE {fits}"
    )
    return Condition(sql, {**parameters, **of_scope, **of_families, **of_fits, "host": host})


def _of_records(filters: Filters) -> Filters:
    """Without what records do not tell."""
    return replace(filters, source_class="", sender="", search="")


def _judged_as(families: Mapping[str, Iterable[str]]) -> Condition:
    """The domain with which that of a record is judged."""
    parts, parameters = [], dict[str, Parameter]()
    below = [(name, above) for above, family in families.items() for name in family if name != above]
    for at, (name, above) in enumerate(below):
        parts.append(f"WHEN t.domain = :below_{at} THEN :above_{at}")
        parameters |= {f"below_{at}": name, f"above_{at}": above}
    return Condition(f"CASE {' '.join(parts)} ELSE t.domain END" if parts else "t.domain", parameters)


def _fitting(filters: Filters) -> Condition:
    """Class, sender, and what is searched for."""
    parts, parameters = ["1 = 1"], dict[str, Parameter]()
    for name in ("source_class", "sender"):
        if value := getattr(filters, name):
            parts.append(f"{name} = :only_{name}")
            parameters[f"only_{name}"] = value
    if text := filters.search.strip().lower():
        told = "lower(concat(sender, ' ', service, ' ', host, ' ', as_name, ' ', source_ip, ' ', domain))"
        # What is left where it is taken out: no LIKE, whose signs would have to be escaped in two ways.
        parts.append(f"replace({told}, :search, '') <> {told}")
        parameters["search"] = text
    return Condition(" AND ".join(parts), parameters)


class _More(NamedTuple):
    """Days and reporters of rows."""

    days: Mapping[tuple[str, str], Mapping[date, int]]
    reporters: Mapping[tuple[str, str], int]
    last: date

    def of(self, key: tuple[str, str]) -> tuple[tuple[int, ...], int]:
        days = self.days.get(key, {})
        trend = tuple(days.get(self.last - timedelta(ago), 0) for ago in range(WINDOW_DAYS - 1, -1, -1))
        return trend, self.reporters.get(key, 0)


def _more(engine: Engine, filters: Filters, meant: Condition, by: _Trend, chosen: Sequence[str]) -> _More:
    """Of the rows that are shown."""
    where, _ = counted(engine, _of_records(filters))
    only, of_only = Condition("1 = 1", {}), dict[str, Parameter]()
    if len(chosen) <= MAX_KEYS:
        only = one_of(f"e.{by.chief}", "chief", sorted({*chosen}))
        of_only = only.parameters
    parameters = {**meant.parameters, **of_only}
    zone = zone_of(filters.zone)
    table, _ = mail(engine, _of_records(filters))
    window = window_to(filters.until) if filters.until else window_of(engine)
    first, last = window.since, window.until
    number = zone.number("t.slot", first, last)
    keys = ", ".join(f"e.{key} AS {key}" for key in by.keys)
    group = ", ".join(f"e.{key}" for key in by.keys)
    joined = (
        f"AS t JOIN (SELECT * FROM ({meant.sql}) AS e WHERE {only.sql}) AS e "
        "ON e.domain = t.domain AND e.source_key = t.source_key"
    )
    days: defaultdict[tuple[str, str], dict[date, int]] = defaultdict(dict)
    parameters |= {"trend_from": zone.start(first), "trend_to": zone.end(last)}
    asked = (
        f"SELECT {keys}, min(t.slot) AS slot, sum(t.count) AS messages FROM records {joined} "
        f"WHERE {where} AND t.slot >= :trend_from AND t.slot < :trend_to GROUP BY {group}, {number}"
    )
    for one, other, slot, messages in engine.query(asked, parameters):
        days[str(one), str(other)][zone.day(int(str(slot)))] = int(str(messages))
    asked = f"SELECT {keys}, count(DISTINCT t.reporter) AS reporters FROM {table} {joined} GROUP BY {group}"
    reporters = {(str(one), str(other)): int(str(number)) for one, other, number in engine.query(asked, parameters)}
    return _More(days, reporters, last)
