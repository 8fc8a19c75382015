"""Reports as evidence for records: what is published and never seen, and what rests on one check alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inalign.insight.classify import Judgement
from inalign.insight.result import Value
from inalign.insight.senders import senders_of


class RecordCode(StrEnum):
    """What reports say about the records of a domain."""

    INCLUDE_UNUSED = "include_unused"
    """Nothing came from the networks of `include` in `days` days."""
    KEY_UNUSED = "key_unused"
    """Nothing was signed with `selector` of `name` in `days` days."""
    SPF_ONLY = "spf_only"
    """`sender` passes by SPF alone in `percent` of its `messages`: each forwarded copy fails."""
    DKIM_ONLY = "dkim_only"
    """`sender` passes by DKIM alone in `percent` of its `messages`: each broken signature fails."""


@dataclass(frozen=True, slots=True)
class RecordFinding:
    """One thing that reports say about a record."""

    code: RecordCode
    values: Mapping[str, Value]


MOSTLY = 0.9  # of a sender's mail
MIN_SENDER = 20  # messages; fewer say nothing


def record_findings(judgement: Judgement) -> tuple[RecordFinding, ...]:
    """What to look at in the records, the largest senders first."""
    lookups, days = judgement.lookups, len(judgement.facts.days)
    found = [
        RecordFinding(RecordCode.INCLUDE_UNUSED, {"include": include.name, "days": days})
        for include in lookups.included
        if include.by_owner and include.networks
        if not any(source.source_ip in include.networks for source in judgement.sources)
    ]
    used = {
        (signature.domain, signature.selector)
        for source in judgement.sources
        for judged in source.mails
        for signature in judged.mail.signatures
    }
    for name, selector in sorted(lookups.keys - used):
        if lookups.is_ours(name) and selector != "*":
            found.append(RecordFinding(RecordCode.KEY_UNUSED, {"name": name, "selector": selector, "days": days}))
    for sender in senders_of(judgement):
        if not sender.source_class.is_legitimate:
            continue
        messages = sum(sender.messages_by_day.values())
        by_spf = sum(j.mail.messages for _, j in sender.mails if j.mail.spf_aligned and not j.mail.dkim_aligned)
        by_dkim = sum(j.mail.messages for _, j in sender.mails if j.mail.dkim_aligned and not j.mail.spf_aligned)
        for code, count in ((RecordCode.SPF_ONLY, by_spf), (RecordCode.DKIM_ONLY, by_dkim)):
            if messages >= MIN_SENDER and count >= MOSTLY * messages:
                percent = round(100 * count / messages, 1)
                values: dict[str, Value] = {
                    "sender": sender.service or sender.name,
                    "messages": messages,
                    "percent": percent,
                }
                found.append(RecordFinding(code, values))
    return tuple(found)
