"""The plan of a domain in the words of a visitor: state and next action, staircase, confidence, what is in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from inalign.insight.overview import OverviewRow
from inalign.insight.result import PlanStep, SourceClass, Value, WhyCode
from inalign.insight.rows import BlockingRow, ConfidenceRow, Counts, NextRow, PlanRow, RecordToPublishRow
from inalign.insight.texts import Catalogue
from inalign.web.words import Words

POLICIES = {
    "quarantine": "plan.quarantine",
    "reject": "plan.reject",
    "sp": "plan.sp",
    "np": "plan.np",
    "strict": "plan.strict",
    "relaxed": "plan.relaxed",
}
"""What is counted for, and the key of its word."""
REACHED = {
    "own": (SourceClass.OWN, SourceClass.APPROVED),
    "forwarded": (SourceClass.FORWARDER,),
    "unplaced": (SourceClass.UNKNOWN, SourceClass.HOSTING),
    "stopped": (SourceClass.SPOOF, SourceClass.LOW_REPUTATION),
}
"""Classes as the table of policies has them together."""
STAIRS = ("none", "quarantine_test", "quarantine", "reject_test", "reject")
_STEPS = {
    PlanStep.QUARANTINE_TEST: "quarantine_test",
    PlanStep.QUARANTINE: "quarantine",
    PlanStep.REJECT_TEST: "reject_test",
    PlanStep.REJECT: "reject",
    PlanStep.PARK: "reject",
}
_BY_WHY = {PlanStep.COLLECT, PlanStep.HOLD}
"""Steps of which the first reason says what to do."""


class Obstacle(Struct, frozen=True):
    """A sender in the way."""

    sender: str
    source_class: str
    class_word: str
    header_from: str
    messages: int
    failing: int
    addresses: tuple[str, ...]
    remedy: str
    page: str
    """Where its service explains the set-up; empty where that is not known."""
    since: date | None
    """The days of `messages`, where they are not those of the card."""
    until: date | None


class Reached(NamedTuple):
    """Messages that a policy would have reached, by the names of `REACHED`."""

    key: str
    counts: tuple[int, ...]


class Stair(NamedTuple):
    """A policy on the way, and whether it is done, now, next or later."""

    name: str
    mark: str


class PlanCard(Struct, frozen=True):
    """The plan of a domain."""

    ready: bool
    step: str
    stairs: tuple[Stair, ...]
    np: str
    """The mark of np=reject; empty where DNS is not known."""
    records: tuple[RecordToPublishRow, ...]
    why: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]
    reached: tuple[Reached, ...]
    confidence: ConfidenceRow
    since: date | None
    """The days, in UTC, of the numbers of `obstacles` and `reached`; None in a plan of an older version."""
    until: date | None


def make_card(plan: PlanRow, policy: str, np: str, say: Catalogue, *, testing: bool) -> PlanCard:
    """The record of the next step comes first. `np` is what is published, `?` where that is not known."""
    own = (RecordToPublishRow(f"_dmarc.{plan.domain}", "TXT", plan.next.record),) if plan.next.record else ()
    return PlanCard(
        plan.ready,
        say.say("step", plan.next.step),
        stairs(policy, plan.next.step, testing=testing, ready=plan.ready),
        _np(plan, np),
        own + plan.next.records,
        tuple(say.say("why", str(each["code"]), each) for each in plan.next.why),
        tuple(_obstacle(each, plan, say) for each in plan.blocking),
        tuple(_reached(plan.policies_last30, name) for name in POLICIES),
        plan.confidence,
        plan.since,
        plan.until,
    )


def stairs(policy: str, step: str, *, testing: bool, ready: bool) -> tuple[Stair, ...]:
    """The whole way; a policy that is not known has no stair of its own."""
    present = f"{policy}_test" if testing and policy != "none" else policy
    at = STAIRS.index(present) if present in STAIRS else -1
    aim = _STEPS.get(PlanStep(step)) if step in set(PlanStep) else None
    marks = []
    for place, name in enumerate(STAIRS):
        mark = "done" if place < at else "now" if place == at else "later"
        marks.append(Stair(name, "next" if ready and name == aim and place > at else mark))
    return tuple(marks)


def _np(plan: PlanRow, published: str) -> str:
    if plan.next.step == PlanStep.NP_REJECT:
        return "next"
    return "" if published == "?" else "done" if published == "reject" else "later"


def goal(policy: str, *, testing: bool) -> str:
    """The policy that comes after the published one, as a tag."""
    if policy == "quarantine":
        return "p=quarantine" if testing else "p=reject"
    return "p=reject" if policy == "reject" else "p=quarantine"


def action(row: OverviewRow, t: Words) -> str:
    """What to do next, as one sentence."""
    if row.judged_at is None:
        return t("action.not_judged")
    if row.state == "no_data":
        return t("action.no_data", day=row.last_day.isoformat())
    return _to_do(row.next, row.blocking, t)


def _to_do(following: NextRow, blocking: int, t: Words) -> str:
    why = following.why[0] if following.why else {}
    code = str(why.get("code", ""))
    values: Mapping[str, Value] = {name: value for name, value in why.items() if name != "code"}
    if following.step == PlanStep.FIX and code == WhyCode.UNSIGNED:
        return t("action.unsigned")
    if following.step in (PlanStep.FIX, PlanStep.CONFIRM):
        return t.number(f"action.{following.step}", blocking)
    return t(f"action.{code if following.step in _BY_WHY else following.step}", **values)


def sentence(row: OverviewRow, share: str, t: Words) -> tuple[str, str]:
    """What the page of a domain says on top: how its own mail fares, and what that means."""
    if row.judged_at is None:
        return action(row, t), ""
    first = t("desk.passes", share=share) if row.own_messages else t("desk.passes_none")
    if row.state == "needs_work" and row.blocking:
        key = "desk.confirm" if row.next.step == PlanStep.CONFIRM else "desk.work"
        return first, t.number(key, row.blocking, policy=goal(row.policy, testing=row.testing))
    return first, action(row, t)


def _obstacle(row: BlockingRow, plan: PlanRow, say: Catalogue) -> Obstacle:
    page = row.page or ""
    is_of_window = (row.since, row.until) == (plan.since, plan.until)
    return Obstacle(
        row.source,
        row.source_class,
        say.say("class", row.source_class),
        row.header_from,
        row.messages,
        row.failing,
        row.addresses,
        say.say("remedy", row.remedy, {"selectors": ", ".join(row.selectors)}),
        page if page.startswith("https://") else "",
        None if is_of_window else row.since,
        None if is_of_window else row.until,
    )


def _reached(counts: Counts, policy: str) -> Reached:
    by_class = counts.get(policy, {})
    return Reached(POLICIES[policy], tuple(_sum(by_class, classes) for classes in REACHED.values()))


def _sum(by_class: Mapping[str, int], classes: Sequence[SourceClass]) -> int:
    return sum(by_class.get(str(name), 0) for name in classes)
