"""Where mail comes from: countries, with the classes of the addresses in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from inalign.insight.result import SourceClass
from inalign.store.assessments import OF_NOW
from inalign.store.counts import PASSES, sum_where
from inalign.store.engine.interface import Engine, Parameter
from inalign.store.queries.filters import Filters, counted
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page


class CountryRow(Struct, frozen=True):
    """A country, by the registry of addresses. Mail counts with the class that its address has as a whole."""

    country: str
    """ISO 3166, two letters; empty where it is not known."""
    messages: int
    passed: int
    own: int
    approved: int
    forwarded: int
    unwanted: int
    """Of all other classes."""
    addresses: int


def stored_countries(
    engine: Engine, host: str, filters: Filters, families: Mapping[str, Sequence[str]]
) -> ViewAnswer[CountryRow]:
    """The largest first. `families` are the judged domains with the policy domains that belong to them."""
    where, parameters = counted(engine, filters)
    judged, names = _judged(families)
    sums = ", ".join(
        f"sum(CASE WHEN j.source_class = '{name}' THEN s.messages ELSE 0 END) AS {column}"
        for name, column in (
            (SourceClass.OWN, "own"),
            (SourceClass.APPROVED, "approved"),
            (SourceClass.FORWARDER, "forwarded"),
        )
    )
    of_address = (
        f"SELECT {judged} AS judged, t.source_key AS source_key, max(t.country) AS country, sum(t.count) AS messages, "
        f"{sum_where(PASSES)} AS passed FROM records AS t WHERE {where} "
        "GROUP BY t.domain, t.source_key"
    )
    classes = f"SELECT domain, source_key, source_class FROM assessed_sources WHERE host = :host AND {OF_NOW}"
    sql = (
        "SELECT *, messages - own - approved - forwarded AS unwanted FROM (SELECT s.country AS country, "
        f"sum(s.messages) AS messages, sum(s.passed) AS passed, {sums}, count(DISTINCT s.source_key) AS addresses "
        f"FROM ({of_address}) AS s LEFT JOIN ({classes}) AS j ON j.domain = s.judged AND j.source_key = s.source_key "
        "GROUP BY s.country) AS summed"
    )
    order = (Order("messages", True), Order("country"))
    return page(engine, filters, ViewQuery(sql, {**parameters, **names, "host": host}, CountryRow, order))


def _judged(families: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, Parameter]]:
    """The domain with which the one of a record is judged, in SQL: mostly itself."""
    others = [(policy, judged) for judged, family in families.items() for policy in family if policy != judged]
    if not others:
        return "t.domain", {}
    names: dict[str, Parameter] = {}
    cases = ""
    for place, (policy, judged) in enumerate(others):
        names |= {f"policy_{place}": policy, f"judged_{place}": judged}
        cases += f" WHEN :policy_{place} THEN :judged_{place}"
    return f"CASE t.domain{cases} ELSE t.domain END", names
