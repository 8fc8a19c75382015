"""The staged way to p=reject: whether the next step can be taken now, and why or why not yet.

The order of the rules, and where they go beyond RFC 9989, is told in docs/decisions/010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inalign.dmarc.record import DmarcRecord
from inalign.dmarc.result import Policy
from inalign.insight.classify import Judgement
from inalign.insight.directory import Directory
from inalign.insight.policies import count_policies
from inalign.insight.result import (
    Blocking,
    Confidence,
    Plan,
    PlanStep,
    PolicyCounts,
    PolicyQuestion,
    SourceClass,
    Why,
    WhyCode,
)
from inalign.insight.senders import (
    MIN_FAILING,
    Sender,
    blocking_of,
    failing_senders,
    quiet_senders,
    reached_by_step,
    senders_of,
    unsigned_sender,
)
from inalign.insight.window import Window

MIN_DAYS = 14  # with reports
MIN_MESSAGES = 100  # own and approved, in the window
MIN_UNKNOWN = 20  # failing messages of an unknown sender in the window; fewer can wait for an answer
MIN_ABUSED = 20  # messages from names that do not exist, in the window
MAX_FORWARDED = 0.01  # failing forwarded mail, of own, approved and forwarded mail
DAYS_AT_QUARANTINE = 30  # RFC 9989 section 7.4: "at least a month", then "an equally long period of time"


@dataclass(frozen=True, slots=True)
class _Decision:
    ready: bool
    step: PlanStep
    why: tuple[Why, ...]
    blocking: tuple[Blocking, ...] = ()
    parked: bool = False


def plan_domain(judgement: Judgement, directory: Directory) -> Plan:
    """The next step for a judged domain."""
    senders = senders_of(judgement)
    last30 = count_policies(judgement, judgement.window)
    decision = _decide(judgement, senders, last30, directory)
    lookups = judgement.lookups
    return Plan(
        domain=lookups.domain,
        ready=decision.ready,
        parked=decision.parked,
        step=decision.step,
        record=_record(lookups.dmarc, decision.step),
        more_records=_more_records(judgement) if decision.step is PlanStep.PARK else (),
        why=decision.why,
        policies=count_policies(judgement),
        policies_last30=last30,
        window=judgement.window,
        blocking=decision.blocking,
        confidence=_confidence(judgement, senders),
    )


def _decide(judgement: Judgement, senders: list[Sender], last30: PolicyCounts, directory: Directory) -> _Decision:
    lookups = judgement.lookups
    legitimate = [sender for sender in senders if sender.source_class.is_legitimate]
    if lookups.denies_sending and sum(sum(s.messages_by_day.values()) for s in legitimate) < MIN_FAILING:
        return _parked(judgement)
    if why := _too_little(judgement, legitimate):
        return _Decision(False, PlanStep.COLLECT, why)
    reached = reached_by_step(senders, lookups)
    if failing := failing_senders(reached, judgement.window):
        blocking = tuple(blocking_of(sender, judgement, directory) for sender in failing)
        return _Decision(False, PlanStep.FIX, (Why(WhyCode.SENDERS_FAIL, {"senders": len(failing)}),), blocking)
    forwarded = _forwarded_share(judgement, senders)
    if forwarded > MAX_FORWARDED and (unsigned := _unsigned(legitimate, judgement.window)):
        blocking = tuple(unsigned_sender(sender, judgement.window) for sender in unsigned)
        return _Decision(False, PlanStep.FIX, (Why(WhyCode.UNSIGNED, {"percent": _percent(forwarded)}),), blocking)
    unknown = [
        sender
        for sender in reached
        if sender.source_class is SourceClass.UNKNOWN and sender.within(judgement.window)[1] >= MIN_UNKNOWN
    ]
    if unknown:
        blocking = tuple(blocking_of(sender, judgement, directory) for sender in unknown)
        return _Decision(False, PlanStep.CONFIRM, (Why(WhyCode.UNKNOWN_SENDERS, {"senders": len(unknown)}),), blocking)
    return _advance(judgement, senders, last30, forwarded)


# Before anything else: a domain that sends nothing, or one of which too little is known


def _parked(judgement: Judgement) -> _Decision:
    lookups = judgement.lookups
    record = lookups.dmarc
    refuses = record is not None and not record.testing and record.domain_policy is Policy.REJECT
    if record is not None and refuses:
        refuses = Policy.REJECT == record.subdomain_policy == record.nonexistent_policy
    if refuses and lookups.null_mx and lookups.spf is not None and not lookups.direct and not lookups.included:
        return _Decision(True, PlanStep.HOLD, (Why(WhyCode.ALL_PUBLISHED),), parked=True)
    return _Decision(True, PlanStep.PARK, (Why(WhyCode.PARKED, {"messages": judgement.facts.messages}),), parked=True)


def _too_little(judgement: Judgement, legitimate: Sequence[Sender]) -> tuple[Why, ...]:
    facts = judgement.facts
    why = []
    if len(facts.days) < MIN_DAYS:
        why.append(Why(WhyCode.FEW_DAYS, {"days": len(facts.days), "needed": MIN_DAYS}))
    messages = sum(sender.within(judgement.window)[0] for sender in legitimate)
    if messages < MIN_MESSAGES:
        why.append(Why(WhyCode.FEW_MESSAGES, {"messages": messages, "needed": MIN_MESSAGES}))
    if len(facts.reporters) < 2:
        why.append(Why(WhyCode.ONE_REPORTER))
    return tuple(why)


# What stands in the way


def _forwarded_share(judgement: Judgement, senders: Sequence[Sender]) -> float:
    """Failing forwarded mail of own, approved and forwarded mail in the window; spoofing is not in it."""
    all_mail = failing = 0
    for sender in senders:
        if sender.source_class.is_legitimate or sender.source_class is SourceClass.FORWARDER:
            messages, failed = sender.within(judgement.window)
            all_mail += messages
            failing += failed if sender.source_class is SourceClass.FORWARDER else 0
    return failing / all_mail if all_mail else 0.0


def _unsigned(legitimate: Sequence[Sender], window: Window) -> list[Sender]:
    """The senders without an aligned signature, if most of the mail has none."""
    unsigned: dict[int, int] = {}
    total = 0
    for index, sender in enumerate(legitimate):
        total += sender.within(window)[0]
        for _, judged in sender.mails:
            if not judged.mail.dkim_aligned:
                unsigned[index] = unsigned.get(index, 0) + judged.mail.messages_within(window.first, window.last)
    if 2 * sum(unsigned.values()) <= total:
        return []
    return [legitimate[index] for index, count in unsigned.items() if 2 * count > legitimate[index].within(window)[0]]


# The steps


def _advance(judgement: Judgement, senders: Sequence[Sender], last30: PolicyCounts, forwarded: float) -> _Decision:
    record = judgement.lookups.dmarc
    if not judgement.lookups.known:
        return _Decision(False, PlanStep.COLLECT, (Why(WhyCode.NOT_LOOKED_UP),))
    if (abused := _abused(judgement, senders, last30)) and _may_refuse_names(record):
        return _Decision(True, PlanStep.NP_REJECT, (Why(WhyCode.ABUSED_NAMES, {"messages": abused}),))
    step = next_step(record)
    clean = Why(WhyCode.CLEAN if record is not None else WhyCode.NO_RECORD)
    if step is PlanStep.HOLD:
        return _Decision(True, PlanStep.HOLD, (Why(WhyCode.ALL_PUBLISHED),))
    if step in (PlanStep.REJECT_TEST, PlanStep.REJECT):
        if forwarded > MAX_FORWARDED:
            # RFC 9989 section 7.4: such domains "SHOULD NOT publish" p=reject
            return _Decision(False, PlanStep.HOLD, (Why(WhyCode.FORWARDING, {"percent": _percent(forwarded)}),))
        days = days_at_quarantine(judgement)
        if days < DAYS_AT_QUARANTINE:
            return _Decision(False, PlanStep.HOLD, (Why(WhyCode.SHORT_AT_QUARANTINE, {"days": days}),))
    return _Decision(True, step, (clean,))


def next_step(record: DmarcRecord | None) -> PlanStep:
    """The step after what is published, nothing standing in the way."""
    policy = record.domain_policy if record is not None else None
    if record is None or policy is None or policy is Policy.NONE:
        return PlanStep.QUARANTINE_TEST
    testing = record.testing or ("pct", "0") in record.unknown
    if policy is Policy.QUARANTINE:
        return PlanStep.QUARANTINE if testing else PlanStep.REJECT_TEST
    return PlanStep.REJECT if testing else PlanStep.HOLD


def days_at_quarantine(judgement: Judgement) -> int:
    """For how long reports show at least quarantine in force without a break; p=reject in test mode counts."""
    weaker = [
        seen.last_day
        for seen in judgement.facts.published
        if seen.p == "none" or (seen.p == "quarantine" and seen.testing) or not seen.p
    ]
    return judgement.last_day - max(weaker, default=judgement.first_day - 1)


def _abused(judgement: Judgement, senders: Sequence[Sender], last30: PolicyCounts) -> int:
    """Messages of the window from names that do not exist, if nobody of the owner uses such names."""
    lookups = judgement.lookups
    in_use = any(
        sender.source_class.is_legitimate
        and sender.header_from != lookups.domain
        and lookups.exists(sender.header_from) is False
        for sender in senders
    )
    messages = sum(last30[PolicyQuestion.NP].values())
    return 0 if in_use or messages < MIN_ABUSED else messages


def _may_refuse_names(record: DmarcRecord | None) -> bool:
    return record is not None and record.nonexistent_policy is not Policy.REJECT


def _record(record: DmarcRecord | None, step: PlanStep) -> str | None:
    """The record of a step. A test says `pct=0` too: receivers by RFC 7489 do not know `t` (RFC 9989 appendix A.6)."""
    record = record or DmarcRecord()
    others = tuple(tag for tag in record.unknown if tag[0] != "pct")
    if step is PlanStep.NP_REJECT:
        return str(replace(record, np=Policy.REJECT))
    if step is PlanStep.PARK:
        return str(replace(record, p=Policy.REJECT, sp=None, np=None, testing=False, unknown=others, invalid=()))
    if step in (PlanStep.QUARANTINE_TEST, PlanStep.QUARANTINE, PlanStep.REJECT_TEST, PlanStep.REJECT):
        testing = step in (PlanStep.QUARANTINE_TEST, PlanStep.REJECT_TEST)
        policy = Policy.QUARANTINE if step in (PlanStep.QUARANTINE_TEST, PlanStep.QUARANTINE) else Policy.REJECT
        unknown = (*others, ("pct", "0")) if testing else others
        return str(replace(record, p=policy, testing=testing, unknown=unknown))
    return None


def _more_records(judgement: Judgement) -> tuple[tuple[str, str, str], ...]:
    lookups = judgement.lookups
    found = []
    if lookups.spf is None or lookups.direct or lookups.included:
        found.append((lookups.domain, "TXT", "v=spf1 -all"))
    if not lookups.null_mx:
        found.append((lookups.domain, "MX", "0 ."))  # RFC 7505 section 3
    found.append(("*._domainkey." + lookups.domain, "TXT", "v=DKIM1; p="))  # RFC 6376 section 3.6.1
    return tuple(found)


def _percent(share: float) -> float:
    return round(100 * share, 2)


def _confidence(judgement: Judgement, senders: Sequence[Sender]) -> Confidence:
    facts = judgement.facts
    messages = facts.messages
    largest = max((count for _, count in facts.reporters), default=0)
    return Confidence(
        days=len(facts.days),
        reporters=len(facts.reporters),
        largest_reporter_percent=_percent(largest / messages) if messages else 0.0,
        rfc7489_percent=_percent(1 - facts.messages_rfc9990 / messages) if messages else 0.0,
        quiet_senders=quiet_senders(senders, judgement.last_day),
    )
