"""What the log says of one message: who sent it, what each method found and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inalign.flow.decision import Decision
from inalign.flow.origin import ClientOrigin
from inalign.flow.send import Sent
from inalign.flow.verdict import Envelope, Verdict
from inalign.telemetry import Pairs

MAX_SIGNATURES_SHOWN = 5  # a line is for people; the field in the message has them all


def message_line(
    queue_id: str | None,
    envelope: Envelope,
    verdict: Verdict | None,
    *,
    skipped: str | None,
    removed: int,
    decision: Decision,
    recipients: Sequence[str] = (),
    seconds: float,
    origin: ClientOrigin | None = None,
    sent: Sent | None = None,
    own_rule: str | None = None,
    is_sealed: bool = False,
) -> Pairs:
    """One line; `removed` counts forged fields, `seconds` is from MAIL to the decision.

    `origin` tells how the client is known, of a message that a relay or a gateway handed in; `sent` how one of our own
    was signed; `own_rule` is the rule that makes an author ours, of a message from outside not proven to be his.
    """
    would = decision.overridden
    return Pairs(
        [
            ("id", queue_id or "-"),
            ("client", envelope.client_ip or "-"),
            ("helo", envelope.helo),
            ("from", f"<{envelope.mail_from}>" if envelope.mail_from is not None else "-"),
            *(_results(verdict) if verdict is not None else ()),
            *(_origin(origin) if origin is not None else ()),
            *(_signing(sent) if sent is not None else ()),
            ("own_domain", own_rule),
            ("sealed", "yes" if is_sealed else None),
            ("skipped", skipped),
            ("removed", removed or None),
            ("action", decision.disposition),
            ("rule", decision.rule),
            ("would", would.disposition if would is not None else None),
            ("would_rule", would.rule if would is not None else None),
            ("ms", round(seconds * 1000, 1)),
            *(("to", recipient) for recipient in recipients),
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
