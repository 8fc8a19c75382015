"""What is judged of a domain, put into the words of a visitor: the plan as a card, the senders as badges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from inalign.insight.result import SourceClass
from inalign.insight.rows import BlockingRow, Counts, JudgedSource, PlanRow, RecordRow
from inalign.insight.texts import Catalogue

POLICIES = {
    "quarantine": "plan.quarantine",
    "reject": "plan.reject",
    "sp": "plan.sp",
    "np": "plan.np",
    "strict": "plan.strict",
    "relaxed": "plan.relaxed",
}
"""What is counted for, and the key of its word."""


class Badge(Struct, frozen=True):
    """The class of a sender, and what spoke for it."""

    name: str
    word: str
    service: str
    evidence: tuple[str, ...] = ()


class Obstacle(Struct, frozen=True):
    """A sender in the way."""

    sender: str
    badge: Badge
    header_from: str
    messages: int
    failing: int
    addresses: tuple[str, ...]
    remedy: str
    page: str
    """Where its service explains the set-up; empty where that is not known."""


class Reached(Struct, frozen=True):
    """Messages that a policy would have reached, by class in the order of `Card.classes`."""

    key: str
    counts: tuple[int, ...]


class Card(Struct, frozen=True):
    """The plan of a domain."""

    ready: bool
    step: str
    records: tuple[RecordRow, ...]
    why: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]
    classes: tuple[str, ...]
    reached: tuple[Reached, ...]


def make_card(plan: PlanRow, say: Catalogue) -> Card:
    """The record of the next step comes first."""
    own = (RecordRow(f"_dmarc.{plan.domain}", "TXT", plan.next.record),) if plan.next.record else ()
    classes = _classes(plan.policies_last30)
    return Card(
        plan.ready,
        say.say("step", plan.next.step),
        own + plan.next.records,
        tuple(say.say("why", str(each["code"]), each) for each in plan.next.why),
        tuple(_obstacle(each, say) for each in plan.blocking),
        tuple(say.say("class", name) for name in classes),
        tuple(_reached(plan.policies_last30, name, classes) for name in POLICIES),
    )


def make_badges(sources: Iterable[JudgedSource], say: Catalogue) -> Mapping[tuple[str, str], Badge]:
    """By domain and address."""
    return {(row.domain, row.source_ip): _badge(row, say) for row in sources}


def _badge(row: JudgedSource, say: Catalogue) -> Badge:
    evidence = tuple(say.say("evidence", str(each["code"]), each) for each in row.evidence)
    return Badge(row.source_class, say.say("class", row.source_class), row.service or "", evidence)


def _obstacle(row: BlockingRow, say: Catalogue) -> Obstacle:
    page = row.page or ""
    return Obstacle(
        row.source,
        Badge(row.source_class, say.say("class", row.source_class), row.service or ""),
        row.header_from,
        row.messages,
        row.failing,
        row.addresses,
        say.say("remedy", row.remedy, {"selectors": ", ".join(row.selectors)}),
        page if page.startswith("https://") else "",
    )


def _classes(counts: Counts) -> tuple[str, ...]:
    """Those that have messages, in the order of the rules."""
    found = {name for by_class in counts.values() for name, messages in by_class.items() if messages}
    return tuple(str(each) for each in SourceClass if str(each) in found)


def _reached(counts: Counts, policy: str, classes: tuple[str, ...]) -> Reached:
    by_class = counts.get(policy, {})
    return Reached(POLICIES[policy], tuple(by_class.get(name, 0) for name in classes))
