"""How the domains fare, and the days of their mail by class, as plain rows: `inalign reports overview | classes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from msgspec import Struct

from inalign.insight.classify import Judgement
from inalign.insight.result import DomainState, SourceClass
from inalign.insight.rows import NextRow, PlanRow
from inalign.insight.state import state_of
from inalign.insight.window import Window

FORWARDER = str(SourceClass.FORWARDER)
OWNERS = tuple(str(each) for each in SourceClass if each.is_legitimate)
_STATES = tuple(DomainState)


class OverviewRow(Struct, frozen=True, kw_only=True):
    """A domain, and how it fares."""

    domain: str
    state: str
    """needs_work, ready, collecting, no_data or safe (docs/insight.md)."""
    policy: str
    """p as DNS has it, else as reporters saw it last; empty where there is none."""
    testing: bool
    messages: int
    own_messages: int
    """Of own servers and approved services."""
    own_passed: int
    own_percent: float
    forwarded: int
    forwarded_failing: int
    unwanted: int
    """Fails, and is neither the owner's nor forwarded."""
    unwanted_delivered: int
    """Of these, what receivers let pass."""
    reporters: int
    first_day: date
    last_day: date
    trend: tuple[tuple[int, int], ...]
    """Messages of the owner and how many of them passed, of each day from `trend_since` to `trend_until`."""
    trend_since: date
    trend_until: date
    """The last 30 complete report days, or the 30 days up to the last one that was asked for."""
    ready: bool
    parked: bool
    next: NextRow
    blocking: int
    """Senders in the way."""
    judged_at: datetime | None = None
    """None: not yet; its numbers are there, its plan is not."""


class ClassDayRow(Struct, frozen=True, kw_only=True):
    """A day: each message is in one of the four classes."""

    day: date
    messages: int
    authenticated: int
    """Passes DMARC."""
    forwarded: int
    """Fails, and somebody passed it on."""
    failing: int
    """Fails, and is the owner's."""
    unwanted: int
    """Fails, and is none of these; the next ones say what became of it."""
    unwanted_none: int
    unwanted_quarantine: int
    unwanted_reject: int


class SlotSum(NamedTuple):
    """Messages of a quarter of an hour that are of one class, by what became of them."""

    slot: int
    source_class: str
    passes: bool
    none: int
    quarantine: int
    reject: int


def slot_sums(judgement: Judgement) -> list[SlotSum]:
    """All messages of a domain, by the class of the mail."""
    sums: dict[tuple[int, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
    for source in judgement.sources:
        for judged in source.mails:
            source_class, passes = str(judged.source_class), judged.passes
            for slot, none, quarantine, reject in judged.mail.slots:
                known = sums[slot, source_class, passes]
                known[0] += none
                known[1] += quarantine
                known[2] += reject
    return [SlotSum(*key, *counts) for key, counts in sorted(sums.items())]


class CurrentPolicy(NamedTuple):
    """The DMARC policy that is in force for a domain, and whether it is in test mode."""

    policy: str
    testing: bool


def published_of(judgement: Judgement) -> CurrentPolicy:
    """Return the policy of the record in DNS, or of the newest record in reports where DNS was not looked up."""
    record = judgement.lookups.dmarc
    if record is not None:
        return CurrentPolicy(str(record.domain_policy or ""), record.testing)
    latest = max(judgement.facts.published, key=lambda seen: seen.last_day, default=None)
    if judgement.lookups.known or latest is None:
        return CurrentPolicy("", testing=False)
    return CurrentPolicy(latest.p, latest.testing)


class ClassSums(NamedTuple):
    """Messages of a span, as the overview tells them."""

    messages: int = 0
    own_messages: int = 0
    own_passed: int = 0
    forwarded: int = 0
    forwarded_failing: int = 0
    unwanted: int = 0
    unwanted_delivered: int = 0


def overview_row(
    plan: PlanRow,
    published: CurrentPolicy,
    sums: ClassSums,
    *,
    reporters: int,
    days: tuple[date, date],
    trend: tuple[tuple[int, int], ...],
    window: Window,
    last_report: int,
    today: int,
    judged_at: datetime | None,
) -> OverviewRow:
    """A domain as it stands on a day; `last_report` and `today` are ordinals, `window` the days of
    `trend`."""
    why = [str(each["code"]) for each in plan.next.why]
    return OverviewRow(
        domain=plan.domain,
        state=str(state_of(plan.next.step, why, last_report, today, ready=plan.ready)),
        policy=published.policy,
        testing=published.testing,
        **sums._asdict(),
        own_percent=100.0 * sums.own_passed / sums.own_messages if sums.own_messages else 0.0,
        reporters=reporters,
        first_day=days[0],
        last_day=days[1],
        trend=trend,
        trend_since=window.since,
        trend_until=window.until,
        ready=plan.ready,
        parked=plan.parked,
        next=plan.next,
        blocking=len(plan.blocking),
        judged_at=judged_at,
    )


def worst_first(row: OverviewRow) -> tuple[int, int, str]:
    """What rows of the overview are sorted by."""
    return _STATES.index(DomainState(row.state)), row.own_passed - row.own_messages, row.domain


def class_days(sums: Iterable[tuple[date, SlotSum]]) -> Iterator[ClassDayRow]:
    """A row a day, of sums whose day is known."""
    days: dict[date, list[int]] = defaultdict(lambda: [0] * 6)
    for day, each in sums:
        count, of_day = each.none + each.quarantine + each.reject, days[day]
        if each.passes:
            of_day[0] += count
        elif each.source_class == FORWARDER:
            of_day[1] += count
        elif each.source_class in OWNERS:
            of_day[2] += count
        else:
            of_day[3] += each.none
            of_day[4] += each.quarantine
            of_day[5] += each.reject
    for day, (authenticated, forwarded, failing, *unwanted) in sorted(days.items()):
        yield ClassDayRow(
            day=day,
            messages=authenticated + forwarded + failing + sum(unwanted),
            authenticated=authenticated,
            forwarded=forwarded,
            failing=failing,
            unwanted=sum(unwanted),
            unwanted_none=unwanted[0],
            unwanted_quarantine=unwanted[1],
            unwanted_reject=unwanted[2],
        )
