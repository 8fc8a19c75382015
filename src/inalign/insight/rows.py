"""Judgement and plan as plain values: what `inalign reports sources|plan --json` prints and the API gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from inalign.insight.judge import Judgement
from inalign.insight.result import Blocking, Evidence, Plan, PolicyCounts, Why

Row = dict[str, object]


def source_rows(judgement: Judgement) -> Iterator[Row]:
    """One row a source, the largest first. `classes` is there where an address carries several kinds of mail."""
    for source in judgement.sources:
        row: Row = {
            "domain": judgement.facts.domain,
            "source_ip": source.source_ip,
            "class": str(source.source_class),
            "service": source.service,
            "sender": source.sender,
            "evidence": _codes(source.evidence),
            "messages": source.messages,
            "failing": source.failing,
        }
        classes: dict[str, int] = {}
        for judged in source.mails:
            name = str(judged.source_class)
            classes[name] = classes.get(name, 0) + judged.mail.messages
        if len(classes) > 1:
            row["classes"] = classes
        yield row


def plan_row(plan: Plan) -> Row:
    """The plan of a domain."""
    confidence = plan.confidence
    return {
        "domain": plan.domain,
        "ready": plan.ready,
        "parked": plan.parked,
        "next": {
            "step": str(plan.step),
            "record": plan.record,
            "records": [{"name": name, "type": kind, "value": value} for name, kind, value in plan.more_records],
            "why": _codes(plan.why),
        },
        "policies": _counts(plan.policies),
        "policies_last30": _counts(plan.policies_last30),
        "blocking": [_blocking(found) for found in plan.blocking],
        "confidence": {
            "days": confidence.days,
            "reporters": confidence.reporters,
            "largest_reporter_percent": confidence.largest_reporter_percent,
            "rfc7489_percent": confidence.rfc7489_percent,
            "quiet_senders": [
                {
                    "source": quiet.sender,
                    "last_day": date.fromordinal(quiet.last_day).isoformat(),
                    "quiet_days": quiet.quiet_days,
                }
                for quiet in confidence.quiet_senders
            ],
        },
    }


def _codes(found: Iterable[Evidence | Why]) -> list[Mapping[str, object]]:
    return [{"code": str(each.code), **each.values} for each in found]


def _counts(policies: PolicyCounts) -> Row:
    return {
        str(question): {str(name): count for name, count in by_class.items()} for question, by_class in policies.items()
    }


def _blocking(found: Blocking) -> Row:
    return {
        "source": found.sender,
        "service": found.service,
        "class": str(found.source_class),
        "header_from": found.header_from,
        "messages": found.messages,
        "failing": found.failing,
        "addresses": list(found.addresses),
        "remedy": str(found.remedy),
        "selectors": list(found.selectors),
        "page": found.page,
    }
