"""Where mail comes from: countries with the classes of the addresses in them."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

from inalign.flow.judge import Judging
from inalign.insight.result import SourceClass
from inalign.store.facts import judged_domains
from inalign.store.queries.countries import placed
from inalign.store.queries.filters import Filters
from inalign.store.queries.view import Answer, page_of


class CountryRow(Struct, frozen=True, kw_only=True):
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


_COUNTED_AS = {
    str(SourceClass.OWN): "own",
    str(SourceClass.APPROVED): "approved",
    str(SourceClass.FORWARDER): "forwarded",
}


def ask_countries(judging: Judging, filters: Filters) -> Answer[CountryRow]:
    """The largest first."""
    classes = _classes(judging, filters)
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    addresses: dict[str, set[str]] = defaultdict(set)
    for each in placed(judging.engine, filters):
        of_country = sums[each.country]
        of_country["messages"] += each.messages
        of_country["passed"] += each.passed
        of_country[_COUNTED_AS.get(classes.get((each.domain, each.source_ip), ""), "unwanted")] += each.messages
        addresses[each.country].add(each.source_ip)
    rows = [
        CountryRow(
            country=country,
            addresses=len(addresses[country]),
            **{name: found[name] for name in ("messages", "passed", "own", "approved", "forwarded", "unwanted")},
        )
        for country, found in sums.items()
    ]
    return page_of(rows, lambda row: (-row.messages, row.country), CountryRow, filters)


def _classes(judging: Judging, filters: Filters) -> dict[tuple[str, str], str]:
    """By policy domain and address, from all that is known, whichever days are asked for."""
    families = judged_domains(judging.engine)
    found: dict[tuple[str, str], str] = {}
    for judgement in judging.judgements(filters.domain or None):
        for source in judgement.sources:
            for name in families.get(judgement.facts.domain, ()):
                found[name, source.source_ip] = str(source.source_class)
    return found
