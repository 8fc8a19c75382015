"""What every question may be narrowed to: domain, span of days, source, reporter; and how far it goes.

One builder makes the conditions, so that nothing is compared in two ways. Values are always parameters. Tables are
called `t` in every question, so that no name of an answer hides one of their columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from ipaddress import ip_address, ip_network
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from inalign.errors import ParseError
from inalign.store.engine.interface import Engine, Parameter, domain_parameters, same_or_below
from inalign.store.schema.tables import source_key
from inalign.store.time_zone import zone_of

MAX_PAGE_ROWS = 10_000
"""In one answer; more are had by the cursor. A page of rows for a person is far shorter."""
MAX_NAMES = 100
"""Below a domain that are asked for one by one."""


class Filters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source_class": "class"}):
    """What is asked for; empty is everything."""

    domain: str = ""
    """A domain: its reports, and those of its subdomains with a record of their own."""
    since: date | None = None
    until: date | None = None
    """Days, both included; a report belongs to the day of the midpoint of its span."""
    zone: Annotated[
        str,
        Meta(
            description="The time zone of days, such as Asia/Tokyo; those that are judged (sources, plan) and their "
            "spans stay days of UTC"
        ),
    ] = "UTC"
    source: str = ""
    """An address, or a network in CIDR form."""
    reporter: str = ""
    source_class: str = ""
    """The class that a source was judged to be of."""
    sender: str = ""
    """A sender, as it is judged."""
    search: str = ""
    """What occurs in the name of a sender, in an address, a network, a reverse name."""
    key: str = ""
    """The key of one report."""
    action: str = ""
    """What the milter did."""
    dmarc: str = ""
    """A result of DMARC."""
    limit: int = 1_000
    after: str = ""
    """The cursor of the last answer: rows behind it."""
    scope: tuple[str, ...] | None = None
    """The domains, with all below them, that whoever asks may see; None: all. Set by the server alone, never read from
    a question."""
    personal: bool = False
    """Whether whoever asks may see what failure reports tell of persons (`web/redaction.py`). Likewise."""


SPELLED = dict(zip(Filters.__struct_fields__, Filters.__struct_encode_fields__, strict=True))
"""How each filter is called in addresses, parameters and options."""
GIVEN = ("scope", "personal")
"""Set by the server alone: what a question says of them is refused."""
NARROWING = tuple(name for name in Filters.__struct_fields__ if name not in ("zone", "limit", "after", *GIVEN))
"""Those that leave rows out."""


def is_visible(filters: Filters, domain: str) -> bool:
    """Whether a domain is in the scope: for answers that are not SQL's."""
    scope = filters.scope
    return scope is None or any(domain == name or domain.endswith(f".{name}") for name in scope)


class Condition(NamedTuple):
    """A condition in SQL and its parameters."""

    sql: str
    parameters: dict[str, Parameter]


def condition(filters: Filters, *, clock: str = "", names: Sequence[str] = ()) -> Condition:
    """The rows of `t` that are meant. `clock` is a column of seconds that stands for the slot where there is none;
    `names` are the domains that the one asked for stands for, where these are known.

    Raises `ParseError` for a source that is neither address nor network, and for a zone that is none.
    """
    parts, parameters = ["1 = 1"], dict[str, Parameter]()
    if filters.domain:
        domain = filters.domain.lower().rstrip(".")
        parameters |= domain_parameters(domain)
        if names:
            sql, more = one_of("t.domain", "domain", names)
            parts.append(sql)
            parameters |= more
        else:
            parts.append(same_or_below("t.domain"))
    if filters.scope is not None:
        seen = ["1 = 0"]
        for place, name in enumerate(filters.scope):
            seen.append(same_or_below("t.domain", f"scope_{place}"))
            parameters |= domain_parameters(name, f"scope_{place}")
        parts.append(f"({' OR '.join(seen)})")
    zone = zone_of(filters.zone)
    for name, sign, bound in (
        ("since", ">=", None if filters.since is None else zone.start(filters.since)),
        ("until", "<", None if filters.until is None else zone.end(filters.until)),
    ):
        if bound is not None:
            parts.append(f"t.{clock or 'slot'} {sign} :{name}")
            parameters[name] = bound
            if not clock:  # how rows lie together
                parts.append(f"t.day {sign[0]}= :{name}_day")
                parameters[f"{name}_day"] = datetime.fromtimestamp(bound, UTC).date()
    for name in ("reporter", "action", "dmarc", "source_class"):
        if value := getattr(filters, name):
            parts.append(f"t.{name} = :{name}")
            parameters[name] = value.lower()
    if filters.key:
        parts.append("t.report_key = :key")
        parameters["key"] = filters.key
    if filters.source:
        sql, more = _source(filters.source)
        parts.append(sql)
        parameters |= more
    return Condition(" AND ".join(parts), parameters)


def counted(engine: Engine, filters: Filters) -> Condition:
    """The same of records and rollups, with the domains looked up first. Raises what the engine raises, too."""
    return condition(filters, names=names_of(engine, filters))


def names_of(engine: Engine, filters: Filters) -> Sequence[str]:
    """The domains that the one asked for stands for, as far as they are few. They are looked up among the reports,
    which are far fewer than records and stay as long: engines compare whole names much faster than their ends.
    """
    if not filters.domain:
        return ()
    span = condition(Filters(since=filters.since, until=filters.until, zone=filters.zone))
    sql = (
        f"SELECT t.domain FROM reports AS t WHERE {span.sql} GROUP BY t.domain "
        f"HAVING {same_or_below('any_value(t.domain)')} LIMIT {MAX_NAMES + 1}"  # compared once for each name
    )
    found = engine.query(sql, span.parameters | domain_parameters(filters.domain.lower().rstrip(".")))
    names = [str(name) for (name,) in found]
    return names if len(names) <= MAX_NAMES else ()


def one_of(column: str, name: str, values: Sequence[str]) -> Condition:
    """That a column has one of some values."""
    parameters: dict[str, Parameter] = {f"{name}_{place}": value for place, value in enumerate(values)}
    return Condition(f"{column} IN ({', '.join(f':{each}' for each in parameters)})" if values else "1 = 0", parameters)


def _source(text: str) -> tuple[str, dict[str, Parameter]]:
    try:
        if "/" not in text:
            return "t.source_key = :source_from", {"source_from": source_key(ip_address(text))}
        network = ip_network(text, strict=False)
    except ValueError:
        raise ParseError(f"source: {text[:100]!r} is neither an address nor a network") from None
    return "(t.source_key >= :source_from AND t.source_key <= :source_to)", {
        "source_from": source_key(network[0]),
        "source_to": source_key(network[-1]),
    }
