"""One address that sends in the name of a domain, whole: its class and why, what was counted of it, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import asdict, replace

from inalign.assessment.assess import AssessmentCache
from inalign.errors import ParseError
from inalign.insight.rows import AssessedSource, BlockingRow, Code, PlanRow
from inalign.store.queries.filters import Filters, is_visible
from inalign.store.queries.sender_rows import SenderAddressRow
from inalign.store.queries.senders import ask_addresses
from inalign.store.queries.source import (
    DayOfRow,
    IdentityRow,
    NameRow,
    ReasonRow,
    ReporterOfRow,
    ReportOfRow,
    source_rows_of,
)
from inalign.store.queries.view import ViewAnswer, page_of
from inalign.store.state.control import Control
from inalign.store.state.overrides import SourceOverrideRow, overrides


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


AssessedSources = Callable[[Filters], ViewAnswer[AssessedSource]]
"""Answers the view `sources` for the given filters."""
Plans = Callable[[Filters], ViewAnswer[PlanRow]]
"""Answers the view `plan` for the given filters."""


def ask_source(
    assessments: AssessmentCache, judge: AssessedSources, plans: Plans, filters: Filters
) -> ViewAnswer[SourceDetail]:
    """One row; none where nothing was seen of the address, or none is named. Raises `ParseError` for a network."""
    if "/" in filters.source:
        raise ParseError("source: one address, not a network")
    if filters.after:
        raise ParseError("after: no cursor of an answer")
    if not filters.domain or not filters.source:
        return ViewAnswer(())
    of_it = Filters(domain=filters.domain, source=filters.source, scope=filters.scope)
    judged = next(iter(judge(of_it).rows), None)
    counted = ask_addresses(assessments.reader, assessments.host, filters).rows
    ever = counted or ask_addresses(assessments.reader, assessments.host, of_it).rows
    if not ever:
        return ViewAnswer(())
    planned = plans(Filters(domain=filters.domain, scope=filters.scope)).rows if judged else ()
    service = judged.service if judged else None
    first = ever[0]
    found = SourceDetail(
        domain=judged.domain if judged else first.domain,
        **{name: getattr(first, name) for name in ("source_ip", "network", "host", "country", "as_name")},
        source_class=judged.source_class if judged else "",
        sender=judged.sender if judged else "",
        service=service or "",
        page=next((each.page for each in assessments.directory.services if each.name == service and each.page), ""),
        evidence=judged.evidence if judged else (),
        classes=judged.classes if judged and isinstance(judged.classes, dict) else {},
        blocking=tuple(each for plan in planned for each in plan.blocking if first.source_ip in each.addresses),
        **_numbers(counted),  # type: ignore[arg-type]  # the columns of the same names
        **asdict(source_rows_of(assessments.reader, filters)),
    )
    return ViewAnswer((found,))


def _numbers(rows: Sequence[SenderAddressRow]) -> dict[str, object]:
    """Of an address in the name of several policy domains, together."""
    messages = sum(row.messages for row in rows)
    found: dict[str, object] = {
        name: sum(getattr(row, name) for row in rows) for name in ("messages", "passed", "none", "quarantine", "reject")
    }
    for name in ("passed_percent", "dkim_percent", "spf_percent"):
        found[name] = sum(getattr(row, name) * row.messages for row in rows) / messages if messages else 0.0
    found["first_day"] = min((row.first_day for row in rows), default=None)
    found["last_day"] = max((row.last_day for row in rows), default=None)
    return found


def ask_overrides(control: Control, filters: Filters) -> ViewAnswer[SourceOverrideRow]:
    """What was set by hand; of a domain, and of those below it."""
    meant = replace(filters, scope=(filters.domain.lower().rstrip("."),)) if filters.domain else Filters()
    rows = [row for row in overrides(control) if is_visible(filters, row.domain) and is_visible(meant, row.domain)]
    return page_of(rows, lambda row: (row.domain, row.source), SourceOverrideRow, filters)
