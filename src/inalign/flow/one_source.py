"""One address that sends in the name of a domain, whole: its class and why, what was counted of it, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import asdict, replace

from inalign.errors import ParseError
from inalign.flow.senders import Judge, SenderAddressRow, ask_addresses
from inalign.insight.directory import Directory
from inalign.insight.rows import BlockingRow, Code, PlanRow
from inalign.store.control import Control
from inalign.store.engine import Engine
from inalign.store.overrides import OverrideRow, overrides
from inalign.store.queries.filters import Filters, is_visible
from inalign.store.queries.one_source import (
    DayOfRow,
    IdentityRow,
    NameRow,
    ReasonRow,
    ReporterOfRow,
    ReportOfRow,
    told_of,
)
from inalign.store.queries.view import Answer, page_of


class SourceDetail(Struct, frozen=True, kw_only=True, rename={"source_class": "class"}):
    """An address, whole. Counts are those of the days asked for; the class comes from all that is known."""

    domain: str
    source_ip: str
    network: str
    host: str
    country: str
    as_name: str
    source_class: str
    sender: str
    service: str
    page: str
    """Where its service explains the set-up; empty where that is not known."""
    evidence: tuple[Code, ...]
    classes: Mapping[str, int]
    """Messages by class, where the address carries several kinds of mail."""
    blocking: tuple[BlockingRow, ...]
    """What stands in the way of the next step because of it, with what to do."""
    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    first_day: date | None
    last_day: date | None
    header_from: tuple[NameRow, ...]
    dkim: tuple[IdentityRow, ...]
    spf: tuple[IdentityRow, ...]
    reasons: tuple[ReasonRow, ...]
    reporters: tuple[ReporterOfRow, ...]
    days: tuple[DayOfRow, ...]
    reports: tuple[ReportOfRow, ...]


Plans = Callable[[Filters], Answer[PlanRow]]
"""Asks `plan`."""


def ask_source(
    engine: Engine, judge: Judge, plans: Plans, directory: Directory, filters: Filters
) -> Answer[SourceDetail]:
    """One row; none where nothing was seen of the address, or none is named. Raises `ParseError` for a network."""
    if "/" in filters.source:
        raise ParseError("source: one address, not a network")
    if not filters.domain or not filters.source:
        return Answer(())
    of_it = Filters(domain=filters.domain, source=filters.source, scope=filters.scope)
    judged = next(iter(judge(of_it).rows), None)
    rows = ask_addresses(engine, judge, filters).rows
    counted = next((row for row in rows if judged is None or row.domain == judged.domain), None)
    if counted is None and judged is None:
        return Answer(())
    ever = counted or next(iter(ask_addresses(engine, judge, of_it).rows), None)
    if ever is None:
        return Answer(())
    told = told_of(engine, filters)
    planned = plans(Filters(domain=filters.domain, scope=filters.scope)).rows if judged else ()
    service = judged.service if judged else None
    found = SourceDetail(
        page=next((each.page for each in directory.services if each.name == service and each.page), ""),
        evidence=judged.evidence if judged else (),
        classes=judged.classes if judged and isinstance(judged.classes, dict) else {},
        blocking=tuple(each for plan in planned for each in plan.blocking if ever.source_ip in each.addresses),
        **(_numbers(counted) if counted else _nothing(ever)),  # type: ignore[arg-type]  # the columns of the same names
        **asdict(told),
    )
    return Answer((found,))


_SHARED = tuple(
    name
    for name in SenderAddressRow.__struct_fields__
    if name in SourceDetail.__struct_fields__ and name != "reporters"
)


def _numbers(row: SenderAddressRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in _SHARED}


def _nothing(row: SenderAddressRow) -> dict[str, object]:
    """Seen, but not on these days."""
    none = dict.fromkeys(("messages", "passed", "none", "quarantine", "reject"), 0)
    shares = {f"{name}_percent": 0.0 for name in ("passed", "dkim", "spf")}
    return _numbers(row) | none | shares | {"first_day": None, "last_day": None}


def ask_overrides(control: Control, filters: Filters) -> Answer[OverrideRow]:
    """What was set by hand; of a domain, and of those below it."""
    meant = replace(filters, scope=(filters.domain.lower().rstrip("."),)) if filters.domain else Filters()
    rows = [row for row in overrides(control) if is_visible(filters, row.domain) and is_visible(meant, row.domain)]
    return page_of(rows, lambda row: (row.domain, row.source), OverrideRow, filters)
