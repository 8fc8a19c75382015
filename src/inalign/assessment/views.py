"""The questions whose answer is a judgement: `sources` and `plan`, as the others are asked (`store.queries`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address, ip_network

from inalign.alerts.views import IncidentRow, ask_incidents
from inalign.assessment.assess import AssessmentCache
from inalign.assessment.cache import ensure_fresh
from inalign.assessment.record_views import record_views
from inalign.assessment.sender_views import sender_views
from inalign.assessment.source_view import SourceDetail, ask_overrides, ask_source
from inalign.assessment.subdomain_view import SubdomainAdviceRow, ask_subdomains
from inalign.errors import ParseError
from inalign.insight.overview import ClassDayRow, OverviewRow
from inalign.insight.rows import AssessedSource, PlanRow, plan_row, source_rows
from inalign.store.engine.interface import Engine
from inalign.store.facts import EVER, Span, assessed_domains
from inalign.store.queries import VIEWS
from inalign.store.queries.assessments import stored_classes, stored_overview, stored_plans, stored_sources
from inalign.store.queries.filters import Filters, is_visible
from inalign.store.queries.view import View, ViewAnswer, decode_cursor, encode_cursor
from inalign.store.state.overrides import SourceOverrideRow

SOURCES, PLAN, OVERVIEW, CLASSES, INCIDENTS = "sources", "plan", "overview", "classes", "incidents"
SUBDOMAINS = "subdomains"


def all_views(make: Callable[[Engine], AssessmentCache]) -> Mapping[str, View]:
    """Every question by name; `make` gives what judges what is asked of a store. Sums alone are `addresses`."""

    def assessments(engine: Engine) -> AssessmentCache:
        return make(engine).within(engine)

    judged = (
        View(
            SOURCES,
            "Who sends in the name of the domains: class and evidence",
            AssessedSource,
            ("domain", "since", "until", "source", "source_class"),
            lambda engine, filters: ask_sources(assessments(engine), filters),
        ),
        View(
            PLAN,
            "What to do next on the way to p=reject, and why",
            PlanRow,
            ("domain", "since", "until"),
            lambda engine, filters: ask_plans(assessments(engine), filters),
        ),
        *sender_views(assessments),
        View(
            "source",
            "One address whole: class and evidence, names, reporters, days, what to do",
            SourceDetail,
            ("domain", "since", "until", "source"),
            lambda engine, filters: _ask_source(assessments(engine), filters),
        ),
        View(
            "sender-overrides",
            "Classes that were set by hand",
            SourceOverrideRow,
            ("domain",),
            lambda engine, filters: ask_overrides(assessments(engine).control, filters),
        ),
        View(
            OVERVIEW,
            "How each domain fares, worst first",
            OverviewRow,
            ("domain", "since", "until"),
            lambda engine, filters: ask_overview(assessments(engine), filters),
        ),
        View(
            CLASSES,
            "Messages by day in four classes: authenticated, forwarded, failing, unwanted",
            ClassDayRow,
            ("domain", "since", "until"),
            lambda engine, filters: ask_classes(assessments(engine), filters),
        ),
        *record_views(assessments),
        View(
            INCIDENTS,
            "What alerts found: what changed for the worse, and whether it is over",
            IncidentRow,
            ("domain",),
            lambda engine, filters: ask_incidents(assessments(engine).control, filters),
        ),
        *(
            view._replace(name="addresses") if view.name == SOURCES else view
            for view in VIEWS.values()
            if view.name != SUBDOMAINS
        ),
        View(
            SUBDOMAINS,
            "From domains below them: whether DNS has them, which record reaches them, what would serve them better",
            SubdomainAdviceRow,
            VIEWS[SUBDOMAINS].filters,
            lambda engine, filters: ask_subdomains(engine, assessments(engine).control, filters),
        ),
    )
    return {view.name: view for view in judged}


def _nothing(_: Engine) -> AssessmentCache:
    raise AssertionError("these are there to be shown and named, not to be asked")


QUESTIONS = all_views(_nothing)
"""Every question by name, for what it tells and its rows."""


def _ask_source(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[SourceDetail]:
    sources, plans = partial(ask_sources, assessments), partial(ask_plans, assessments)
    return ask_source(assessments, sources, plans, filters)


def ask_sources(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[AssessedSource]:
    """By domain, the largest first; a cursor goes on within a domain. Those of some days are judged by these alone."""
    if not _has_span(filters):
        ensure_fresh(assessments, filters.domain)
        return stored_sources(assessments.reader, assessments.host, filters)
    is_meant = _meant(filters.source)
    domain, behind = "", (0, "")
    if filters.after:
        name, messages, address = decode_cursor(filters.after, AssessedSource, (str, int, str))
        domain, behind = str(name), (-int(str(messages)), str(address))
    rows: list[AssessedSource] = []
    for at, found in _judged_from(assessments, filters, domain):
        for row in found:
            if filters.source_class not in ("", row.source_class):
                continue
            if not is_meant(row.source_ip) or (at == domain and (-row.messages, row.source_ip) <= behind):
                continue
            if len(rows) == filters.limit:
                last = rows[-1]
                return ViewAnswer(rows, encode_cursor(AssessedSource, [last.domain, last.messages, last.source_ip]))
            rows.append(row)
    return ViewAnswer(rows)


def ask_plans(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[PlanRow]:
    """Return the policy plans of the domains in `filters`, ordered by domain."""
    if not _has_span(filters):
        ensure_fresh(assessments, filters.domain)
        return stored_plans(assessments.reader, assessments.host, filters)
    (domain,) = decode_cursor(filters.after, PlanRow, (str,)) if filters.after else ("",)
    rows: list[PlanRow] = []
    for judgement in assessments.judgements(filters.domain or None, _span(filters), after=str(domain)):
        if not is_visible(filters, judgement.facts.domain):
            continue
        if len(rows) == filters.limit:
            return ViewAnswer(rows, encode_cursor(PlanRow, [rows[-1].domain]))
        rows.append(plan_row(assessments.plan(judgement)))
    return ViewAnswer(rows)


def ask_overview(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[OverviewRow]:
    """Return one row for each assessed domain in `filters`, those with the worst state first."""
    ensure_fresh(assessments, filters.domain)
    families = assessed_domains(assessments.reader) if assessments.has_background_refresh else {}
    today = datetime.now(UTC).date()
    return stored_overview(assessments.reader, assessments.host, filters, today=today, families=families)


def ask_classes(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[ClassDayRow]:
    """Return the messages of each source class for `filters`, ordered by day."""
    ensure_fresh(assessments, filters.domain)
    return stored_classes(assessments.reader, assessments.host, filters)


def _has_span(filters: Filters) -> bool:
    return filters.since is not None or filters.until is not None


def _judged_from(
    assessments: AssessmentCache, filters: Filters, domain: str
) -> Iterator[tuple[str, Iterator[AssessedSource]]]:
    """Domains from one on, with their sources."""
    for judgement in assessments.judgements(filters.domain or None, _span(filters), since=domain):
        if is_visible(filters, judgement.facts.domain):
            yield judgement.facts.domain, source_rows(judgement)


def _span(filters: Filters) -> Span:
    return Span(filters.since or EVER.since, filters.until or EVER.until)


def _meant(source: str) -> Callable[[str], bool]:
    """Whether an address is meant by the filter. Raises `ParseError`."""
    if not source:
        return lambda _: True
    try:
        network = ip_network(source, strict=False)
    except ValueError:
        raise ParseError(f"source: {source[:100]!r} is neither an address nor a network") from None
    return lambda address: ip_address(address) in network
