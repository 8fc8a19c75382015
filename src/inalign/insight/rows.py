"""Judgement and plan as plain rows: what `inalign reports sources|plan --json` prints and the API gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec import UNSET, Struct, UnsetType, convert

from inalign.insight.classify import Judgement
from inalign.insight.records import record_findings
from inalign.insight.result import Blocking, ClassifiedSource, Evidence, EvidenceCode, Plan, PolicyCounts, Value, Why

Code = Mapping[str, Value]
"""`code`, and its values by name."""


class AssessedSource(Struct, frozen=True, kw_only=True, rename={"source_class": "class"}):
    """An address that sent in the name of a domain."""

    domain: str
    source_ip: str
    source_class: str
    service: str | None
    sender: str
    """The group it belongs to: a service, else an organisation or network."""
    evidence: tuple[Code, ...]
    """Codes with their values; `rule` names the rule that gave the evidence (docs/insight.md)."""
    messages: int
    failing: int
    first_day: date
    last_day: date
    classes: Mapping[str, int] | UnsetType = UNSET
    """Messages by class, where the address carries several kinds of mail."""


class RecordToPublishRow(Struct, frozen=True):
    """A record to publish beside the DMARC record."""

    name: str
    type: str
    value: str


class NextRow(Struct, frozen=True):
    """What to do, and why or why not yet."""

    step: str
    record: str | None
    records: tuple[RecordToPublishRow, ...]
    why: tuple[Code, ...]


class BlockingRow(Struct, frozen=True, kw_only=True, rename={"source_class": "class"}):
    """A sender that stands in the way."""

    source: str
    service: str | None
    source_class: str
    header_from: str
    messages: int
    failing: int
    addresses: tuple[str, ...]
    remedy: str
    selectors: tuple[str, ...]
    page: str | None
    since: date | None = None
    """`messages` and `failing` are of the days from `since` to `until`; None in a plan of an older version."""
    until: date | None = None


class QuietRow(Struct, frozen=True):
    """A sender of the owner that is silent."""

    source: str
    last_day: date
    quiet_days: int


class ConfidenceRow(Struct, frozen=True, kw_only=True):
    """How far the data carries."""

    days: int
    reporters: int
    largest_reporter_percent: float
    rfc7489_percent: float
    quiet_senders: tuple[QuietRow, ...]


Counts = Mapping[str, Mapping[str, int]]


class PlanRow(Struct, frozen=True, kw_only=True):
    """The plan of a domain; `policies` are failing messages by policy and class."""

    domain: str
    ready: bool
    parked: bool
    next: NextRow
    policies: Counts
    policies_last30: Counts
    blocking: tuple[BlockingRow, ...]
    confidence: ConfidenceRow
    since: date | None = None
    """`policies_last30` are of the days from `since` to `until`; None in a plan of an older version."""
    until: date | None = None


class FindingRow(Struct, frozen=True, kw_only=True):
    """One thing that reports say about the records of a domain; values that its code does not have are empty or 0."""

    domain: str
    number: int
    code: str
    include: str = ""
    name: str = ""
    selector: str = ""
    sender: str = ""
    messages: int = 0
    percent: float = 0.0
    days: int = 0


def finding_rows(judgement: Judgement) -> Iterator[FindingRow]:
    """In the order of `record_findings`."""
    for number, found in enumerate(record_findings(judgement), 1):
        plain = {"domain": judgement.facts.domain, "number": number, "code": str(found.code), **found.values}
        yield convert(plain, FindingRow)


def source_rows(judgement: Judgement) -> Iterator[AssessedSource]:
    """One row a source, the largest first."""
    for source in judgement.sources:
        classes: dict[str, int] = {}
        for judged in source.mails:
            name = str(judged.source_class)
            classes[name] = classes.get(name, 0) + judged.mail.messages
        yield AssessedSource(
            domain=judgement.facts.domain,
            source_ip=source.source_ip,
            source_class=str(source.source_class),
            service=source.service,
            sender=source.sender,
            evidence=_evidence(source),
            messages=source.messages,
            failing=source.failing,
            first_day=date.fromordinal(
                min((judged.mail.days[0][0] for judged in source.mails if judged.mail.days), default=1)
            ),
            last_day=date.fromordinal(
                max((judged.mail.days[-1][0] for judged in source.mails if judged.mail.days), default=1)
            ),
            classes=classes if len(classes) > 1 else UNSET,
        )


def plan_row(plan: Plan) -> PlanRow:
    """The plan of a domain."""
    confidence = plan.confidence
    return PlanRow(
        domain=plan.domain,
        ready=plan.ready,
        parked=plan.parked,
        next=NextRow(
            str(plan.step),
            plan.record,
            tuple(RecordToPublishRow(*each) for each in plan.more_records),
            _codes(plan.why),
        ),
        policies=_counts(plan.policies),
        policies_last30=_counts(plan.policies_last30),
        blocking=tuple(map(_blocking, plan.blocking)),
        since=plan.window.since,
        until=plan.window.until,
        confidence=ConfidenceRow(
            days=confidence.days,
            reporters=confidence.reporters,
            largest_reporter_percent=confidence.largest_reporter_percent,
            rfc7489_percent=confidence.rfc7489_percent,
            quiet_senders=tuple(
                QuietRow(quiet.sender, date.fromordinal(quiet.last_day), quiet.quiet_days)
                for quiet in confidence.quiet_senders
            ),
        ),
    )


def _evidence(source: ClassifiedSource) -> tuple[Code, ...]:
    """Return the evidence of a source; what a rule gave has the name of the rule."""
    return tuple(
        {**code} if code["code"] in _WITHOUT_RULE else {**code, "rule": source.rule} for code in _codes(source.evidence)
    )


_WITHOUT_RULE = (EvidenceCode.OVERRIDDEN, EvidenceCode.SAME_AS_REST)


def _codes(found: Iterable[Evidence | Why]) -> tuple[Code, ...]:
    return tuple({"code": str(each.code), **each.values} for each in found)


def _counts(policies: PolicyCounts) -> Counts:
    return {
        str(question): {str(name): count for name, count in by_class.items()} for question, by_class in policies.items()
    }


def _blocking(found: Blocking) -> BlockingRow:
    return BlockingRow(
        source=found.sender,
        service=found.service,
        source_class=str(found.source_class),
        header_from=found.header_from,
        messages=found.messages,
        failing=found.failing,
        addresses=found.addresses,
        remedy=str(found.remedy),
        selectors=found.selectors,
        page=found.page,
        since=found.window.since,
        until=found.window.until,
    )
