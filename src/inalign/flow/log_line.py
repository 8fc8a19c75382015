"""The log line of one message: its client, the result of each method with its reason, and the decision."""

from __future__ import annotations

from collections.abc import Iterator

from inalign.flow.decision import Disposition
from inalign.flow.origin import ClientOrigin
from inalign.flow.outcome import MessageOutcome
from inalign.flow.send import Sent
from inalign.flow.verdict import Verdict
from inalign.telemetry import Pairs

MAX_SIGNATURES_SHOWN = 5  # a line is for people; the field in the message has them all


def message_line(outcome: MessageOutcome) -> Pairs:
    """Return the names and values of the log line of a message; recipients are named where it is discarded."""
    decision, envelope = outcome.decision, outcome.envelope
    overridden = decision.overridden
    verdict, origin, sent = outcome.verdict, outcome.origin, outcome.sent
    return Pairs(
        [
            ("id", outcome.queue_id or "-"),
            ("client", envelope.client_ip or "-"),
            ("helo", envelope.helo),
            ("from", f"<{envelope.mail_from}>" if envelope.mail_from is not None else "-"),
            *(_results(verdict) if verdict is not None else ()),
            *(_origin(origin) if origin is not None else ()),
            *(_signing(sent) if sent is not None else ()),
            ("own_domain", outcome.own_rule),
            ("sealed", "yes" if outcome.sealed.fields else None),
            ("skipped", outcome.skipped),
            ("removed", len(outcome.forged) or None),
            ("action", decision.disposition),
            ("rule", decision.rule),
            ("would", overridden.disposition if overridden is not None else None),
            ("would_rule", overridden.rule if overridden is not None else None),
            ("ms", round(outcome.total_seconds * 1000, 1)),
            *(
                [("to", recipient) for recipient in outcome.recipients]
                if decision.disposition is Disposition.DISCARD
                else ()
            ),
        ]
    )


def _origin(origin: ClientOrigin) -> Iterator[tuple[str, object]]:
    yield "origin", origin.source
    yield "via", ",".join(map(str, origin.via))
    yield "unknown", origin.detail or None


def _signing(sent: Sent) -> Iterator[tuple[str, object]]:
    yield "author", sent.author or "-"
    for choice in sent.choices:
        yield "signed", f"{choice.key.domain}/{choice.key.selector}/{choice.key.algorithm}"
        yield "by", choice.rule
    yield "unsigned", sent.unsigned
    yield "why", sent.detail or None


def _results(verdict: Verdict) -> Iterator[tuple[str, object]]:
    dmarc = verdict.dmarc
    yield "author", dmarc.author_domain or "-"
    yield "spf", f"{verdict.spf.result}/{verdict.spf.reason}"
    for result in verdict.dkim[:MAX_SIGNATURES_SHOWN]:
        yield "dkim", f"{result.result}/{result.reason}/{result.domain or '-'}/{result.selector or '-'}"
    if not verdict.dkim:
        yield "dkim", "none"
    yield "arc", f"{verdict.arc.result}/{verdict.arc.reason}"
    yield "dmarc", f"{dmarc.result}/{dmarc.reason}"
    yield "policy", dmarc.applied_policy
    if verdict.iprev is not None:
        yield "iprev", verdict.iprev.result
