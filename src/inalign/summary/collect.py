"""The content of a weekly or monthly summary: the views that pages and `inalign reports` ask, for a period and the one
before, put together by domain. Numbers are those of the questions; nothing is counted here a second time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from inalign.insight.overview import ClassDayRow, OverviewRow
from inalign.insight.period import Period
from inalign.insight.record_history import changes_of, record_on
from inalign.insight.result import SourceClass
from inalign.insight.rows import AssessedSource, PlanRow
from inalign.insight.window import Window
from inalign.store.queries.addresses import SourceRow
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.queries.headlines import ReporterRow
from inalign.store.queries.published import RecordHistoryRow
from inalign.store.queries.view import ViewAnswer
from inalign.summary.model import DomainSummary, Figures, NewSender, Share, Summary, SummaryDay

MAX_DETAILED = 30
"""Domains of which more than a line is summaries: each costs several questions, and nobody reads a hundred parts."""
MAX_PAGES = 5
"""Of addresses, of `MAX_PAGE_ROWS` each, the largest first: what is behind them changes no list of the largest."""
TOP = 5
"""Countries, networks and reporters."""
_NOTABLE = (SourceClass.OWN, SourceClass.APPROVED, SourceClass.UNKNOWN)
"""Classes whose new senders somebody should know of; new forwarders and spoofers come every day."""
_WANTED = (SourceClass.OWN, SourceClass.APPROVED, SourceClass.FORWARDER)

Ask = Callable[[str, Filters], ViewAnswer[Struct]]
"""Answers a question by its name."""
R = TypeVar("R", bound=Struct)


def summarize(
    ask: Ask,
    domains: Sequence[str],
    period: Period,
    *,
    zone: str,
    today: date,
    scope: tuple[str, ...] | None = None,
) -> Summary:
    """Collect the summary of some domains, or of all in the scope. Raises what the views raise."""
    asked = _Questions(ask, period, zone, scope)
    found = [row for name in domains or ("",) for row in asked.rows("overview", OverviewRow, Filters(domain=name))]
    rows = list({row.domain: row for row in found}.values())
    now, before = asked.figures(period, domains), asked.figures(period.before, domains)
    summaries = [
        DomainSummary(
            domain=row.domain,
            state=row.state,
            assessed=row.judged_at is not None,
            next=row.next,
            now=now.get(row.domain, Figures()),
            before=before.get(row.domain, Figures()),
        )
        for row in rows
    ]
    detailed = [asked.details(each) for each in summaries[:MAX_DETAILED]]
    known = {row.domain for row in rows}
    missing = [DomainSummary(domain=name) for name in map(_plain, domains) if name not in known]
    return Summary(period=period, zone=zone, made=today, domains=(*detailed, *summaries[MAX_DETAILED:], *missing))


def _plain(domain: str) -> str:
    return domain.lower().rstrip(".")


class _Questions:
    """Asked for one report."""

    def __init__(self, ask: Ask, period: Period, zone: str, scope: tuple[str, ...] | None) -> None:
        self._ask = ask
        self._period = period
        self._zone = zone
        self._scope = scope

    def rows(self, name: str, kind: type[R], filters: Filters) -> list[R]:
        """All rows, as far as `MAX_PAGES` go."""
        wanted = replace(filters, zone=self._zone, scope=self._scope, limit=MAX_PAGE_ROWS)
        found: list[Struct] = []
        for _ in range(MAX_PAGES):
            answer = self._ask(name, wanted)
            found += answer.rows
            if not answer.after:
                break
            wanted = replace(wanted, after=answer.after)
        return cast("list[R]", found)

    def of(self, period: Period, domain: str = "") -> Filters:
        """The days of a period, in the zone."""
        return Filters(domain=domain, since=period.since, until=period.until)

    def figures(self, period: Period, domains: Sequence[str]) -> Mapping[str, Figures]:
        """Return the figures of a period by domain."""
        found = {}
        for name in domains or ("",):
            for row in self.rows("overview", OverviewRow, self.of(period, name)):
                found[row.domain] = Figures(
                    messages=row.messages,
                    own=row.own_messages,
                    own_passed=row.own_passed,
                    forwarded=row.forwarded_failing,
                    unwanted=row.unwanted,
                    stopped=row.unwanted - row.unwanted_delivered,
                )
        return found

    def details(self, found: DomainSummary) -> DomainSummary:
        """All that is summaries of a domain."""
        domain, period = found.domain, self._period
        plans = self.rows("plan", PlanRow, Filters(domain=domain))
        plan = next((row for row in plans if row.domain == domain), None)
        if plan is not None:
            window = Window(plan.since, plan.until) if plan.since and plan.until else None
            quiet = tuple(plan.confidence.quiet_senders)
            found = replace(found, next=plan.next, blocking=plan.blocking, window=window, quiet=quiet)
        rows = self.rows("record-history", RecordHistoryRow, Filters(domain=domain))
        history = [row.change for row in rows if row.domain == domain]
        changes = tuple(each for each in changes_of(history) if period.since <= each.day <= period.until)
        found = replace(found, record=record_on(history, period.until), changes=changes)
        if not found.now.messages or not found.assessed:
            return found
        assessed = self.rows("sources", AssessedSource, Filters(domain=domain))
        sent = self.rows("addresses", SourceRow, self.of(period, domain))
        reporters = self.rows("reporters", ReporterRow, self.of(period, domain))
        classes = {row.source_ip: row.source_class for row in assessed}
        unwanted = [row for row in sent if classes.get(row.source_ip) not in _WANTED and row.messages > row.passed]
        return replace(
            found,
            days=self._days(domain),
            new_senders=new_senders(assessed, sent, period),
            countries=_top((row.country, row.messages - row.passed) for row in unwanted),
            networks=_top((row.as_name or row.network, row.messages - row.passed) for row in unwanted),
            reporters=_top((row.reporter, row.messages) for row in reporters),
            reporter_count=len(reporters),
            last_day=max((row.last_day for row in reporters), default=None),
        )

    def _days(self, domain: str) -> tuple[SummaryDay, ...]:
        rows = self.rows("classes", ClassDayRow, self.of(self._period, domain))
        known = {
            row.day: SummaryDay(row.day, row.authenticated, row.forwarded, row.failing, row.unwanted) for row in rows
        }
        return tuple(known.get(day, SummaryDay(day)) for day in self._period.days)


def new_senders(assessed: Iterable[AssessedSource], sent: Iterable[SourceRow], period: Period) -> tuple[NewSender, ...]:
    """Those that appear for the first time, the largest first; none where the first reports are of this period."""
    groups: dict[str, list[AssessedSource]] = defaultdict(list)
    for row in assessed:
        groups[row.service or row.sender].append(row)
    first = {name: min(row.first_day for row in rows) for name, rows in groups.items()}
    if not first or min(first.values()) >= period.since:
        return ()
    messages = {row.source_ip: row.messages for row in sent}
    found = []
    for name, rows in groups.items():
        largest = max(rows, key=lambda row: row.messages)
        count = sum(messages.get(row.source_ip, 0) for row in rows)
        if period.since <= first[name] <= period.until and largest.source_class in _NOTABLE and count:
            found.append(
                NewSender(sender=name, source_class=largest.source_class, messages=count, first_day=first[name])
            )
    return tuple(sorted(found, key=lambda each: (-each.messages, each.sender)))


def _top(counts: Iterable[tuple[str, int]]) -> tuple[Share, ...]:
    sums: dict[str, int] = defaultdict(int)
    for name, messages in counts:
        sums[name] += messages
    return tuple(Share(*each) for each in sorted(sums.items(), key=lambda each: (-each[1], each[0]))[:TOP])
