"""The questions whose answer is a judgement: `sources` and `plan`, as the others are asked (`store.queries`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address, ip_network

from inalign.errors import ParseError
from inalign.flow.judge import Judging
from inalign.insight.rows import PlanRow, SourceRow, plan_row, source_rows
from inalign.store.engine import Engine
from inalign.store.facts import EVER, Span
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import Filters, decode_cursor, encode_cursor
from inalign.store.queries.views import Answer, View

SOURCES, PLAN = "sources", "plan"


def all_views(judging: Callable[[Engine], Judging]) -> Mapping[str, View]:
    """Every question by name; `judging` is what judges what is asked of a store."""
    judged = (
        View(
            SOURCES,
            "Who sends in the name of the domains: class and evidence",
            SourceRow,
            lambda engine, filters: ask_sources(judging(engine), filters),
        ),
        View(
            PLAN,
            "What to do next on the way to p=reject, and why",
            PlanRow,
            lambda engine, filters: ask_plans(judging(engine), filters),
        ),
    )
    return {view.name: view for view in judged} | VIEWS


def ask_sources(judging: Judging, filters: Filters) -> Answer:
    """By domain, the largest first; a cursor goes on within a domain."""
    _refuse(filters, "reporter")
    is_meant = _meant(filters.source)
    domain, messages, address = decode_cursor(filters.after, (str, int, str)) if filters.after else ("", 0, "")
    behind = (-int(messages), str(address))
    rows: list[SourceRow] = []
    for name, found in _judged_from(judging, filters, str(domain)):
        for row in found:
            if not is_meant(row.source_ip) or (name == domain and (-row.messages, row.source_ip) <= behind):
                continue
            if len(rows) == filters.limit:
                last = rows[-1]
                return Answer(rows, encode_cursor([last.domain, last.messages, last.source_ip]))
            rows.append(row)
    return Answer(rows)


def ask_plans(judging: Judging, filters: Filters) -> Answer:
    """By domain."""
    _refuse(filters, "reporter")
    _refuse(filters, "source")
    (domain,) = decode_cursor(filters.after, (str,)) if filters.after else ("",)
    rows: list[PlanRow] = []
    for judgement in judging.judgements(filters.domain or None, _span(filters), after=str(domain)):
        if len(rows) == filters.limit:
            return Answer(rows, encode_cursor([rows[-1].domain]))
        rows.append(plan_row(judging.plan(judgement)))
    return Answer(rows)


def _judged_from(judging: Judging, filters: Filters, domain: str) -> Iterator[tuple[str, Iterator[SourceRow]]]:
    """Domains from one on, with their sources."""
    for judgement in judging.judgements(filters.domain or None, _span(filters), since=domain):
        yield judgement.facts.domain, source_rows(judgement)


def _span(filters: Filters) -> Span:
    return Span(filters.since or EVER.since, filters.until or EVER.until)


def _refuse(filters: Filters, name: str) -> None:
    if getattr(filters, name):
        raise ParseError(f"{name}: this question cannot be narrowed to that")


def _meant(source: str) -> Callable[[str], bool]:
    """Whether an address is meant by the filter. Raises `ParseError`."""
    if not source:
        return lambda _: True
    try:
        network = ip_network(source, strict=False)
    except ValueError:
        raise ParseError(f"source: {source[:100]!r} is neither an address nor a network") from None
    return lambda address: ip_address(address) in network
