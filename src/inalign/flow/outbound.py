"""One message of our own, from MAIL to its signatures: forged fields are found, the message is signed, not verified."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from inalign.flow.budget import DnsBudget
from inalign.flow.decision import Decision, DecisionRule, Disposition, SmtpRefusal
from inalign.flow.eager import start_eagerly
from inalign.flow.forged import NOTHING_FORGED, find_forged
from inalign.flow.outcome import MessageOutcome
from inalign.flow.results_field import login_field
from inalign.flow.send import Sending, Sent, Submission, Unsigned
from inalign.flow.signer import OutboundSigner
from inalign.flow.verdict import Envelope
from inalign.mail.fields import Field
from inalign.mail.results import AuthenticationResults
from inalign.milter.messages import mailbox_of

_ACCEPTED = Decision(Disposition.ACCEPT, DecisionRule.SKIPPED)
_DEFERRED = Decision(
    Disposition.TEMPFAIL,
    DecisionRule.KEY_UNAVAILABLE,
    refusal=SmtpRefusal(451, "4.7.5", "This message cannot be signed now: its key cannot be had"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundContext:
    """What all messages of our own share: the signer, and the names that only this host and its gateways may use."""

    dns: DnsBudget
    authserv_id: str
    protected_ids: tuple[str, ...]
    """The authserv-ids that no message of our own may have: ours, and those of the gateways."""
    signer: OutboundSigner | None = None
    """None: nothing is signed."""
    show_login: bool = False
    """Whether mail that stays on this host gets the login name of its client (RFC 8601 section 2.7.4)."""
    local_mailers: frozenset[str] = frozenset()
    """The mailers (`{rcpt_mailer}`) of mail that stays on this host."""


class OwnMail(NamedTuple):
    """Why a message is our own, and who handed it in."""

    reason: str
    """`authenticated`, `local_network` or `macro`; see `own_mail`."""
    login: str | None = None
    keeps_results: bool = False
    """Whether the host that handed it in may write Authentication-Results with our authserv-id."""


class Outbound:
    """One message of our own under way: give it the recipients, the header and the body, then ask for the outcome."""

    __slots__ = (
        "_context",
        "_envelope",
        "_excepted",
        "_forged",
        "_keys",
        "_mailers",
        "_own",
        "_recipients",
        "_sending",
        "_started",
        "_time",
    )

    def __init__(
        self, context: OutboundContext, envelope: Envelope, own: OwnMail, *, now: datetime | None = None
    ) -> None:
        """Begin at MAIL. `now` is the time of the message, an aware datetime; None takes it from the clock."""
        self._context = context
        self._envelope = envelope
        self._own = own
        self._time = now or datetime.now(UTC)
        self._started = time.monotonic()
        self._mailers: set[str] = set()
        self._recipients = 0
        self._excepted = 0
        self._forged = NOTHING_FORGED
        self._sending: Sending | None = None
        self._keys: asyncio.Task[None] | None = None

    def recipient(self, path: str, mailer: str = "") -> None:
        """Take one recipient: the forward-path as the client wrote it, and the MTA's mailer for it."""
        self._mailers.add(mailer)
        signer = self._context.signer
        if signer is not None and signer.except_recipients:
            self._recipients += 1
            self._excepted += mailbox_of(path) in signer.except_recipients

    def header(self, fields: Sequence[Field], *, dropped: int = 0, unread: Mapping[bytes, int] | None = None) -> None:
        """Take the header: find forged fields, and have the keys of its author found; see `Inbound.header`."""
        context = self._context
        if not self._own.keeps_results:
            self._forged = find_forged(fields, context.protected_ids, dropped=dropped, unread=unread or {})
        signer = context.signer
        if signer is None:
            return
        sending = self._sending = Sending(fields, signer.options, now=self._time, dropped_fields=dropped)
        self._keys = start_eagerly(sending.find_keys(signer.finder))
        if self._keys is None:
            signer.look_up(sending.chosen(), context.dns.start, self._time)

    def body(self, chunk: bytes) -> None:
        """Take the next piece of the body, cut anywhere; it is hashed and not stored."""
        if self._sending is not None:
            self._sending.body(chunk)

    async def finish(self, *, queue_id: str = "") -> MessageOutcome:
        """Return the signatures, or why the message is not signed; see `Inbound.finish`."""
        ended = time.monotonic()
        sent = await self._sign(queue_id)
        decision = _ACCEPTED
        if sent is not None and sent.unsigned is Unsigned.KEY_UNAVAILABLE and self._defers():
            decision = _DEFERRED
        now = time.monotonic()
        return MessageOutcome(
            decision=decision,
            queue_id=queue_id,
            envelope=self._envelope,
            authentication_results=self._login_field(),
            forged=self._forged,
            new_fields=sent.fields if sent is not None else (),
            skipped=self._own.reason,
            sent=sent,
            total_seconds=now - self._started,
            held_seconds=now - ended,
        )

    def cancel(self) -> None:
        """Stop what is under way: the message does not come to its end."""
        if self._keys is not None:
            self._keys.cancel()

    async def _sign(self, queue_id: str) -> Sent | None:
        sending, signer, dns = self._sending, self._context.signer, self._context.dns
        if sending is None or signer is None:
            return None
        if self._keys is not None:
            await self._keys
            signer.look_up(sending.chosen(), dns.start, self._time)
        submission = Submission(
            login=self._own.login,
            mail_from=self._envelope.mail_from,
            is_excepted=bool(self._recipients) and self._excepted == self._recipients,
        )
        sent = await sending.sent(submission, signer.published, dns.start())
        hazards = sending.hazards()
        if hazards:
            signer.warn(queue_id or "-", sent.author, hazards)
        return sent

    def _defers(self) -> bool:
        """Whether a message whose key is not available is refused for now."""
        signer = self._context.signer
        return signer is not None and signer.options.is_deferred

    def _login_field(self) -> AuthenticationResults | None:
        """The field that names the login; None on mail that leaves this host, where it would publish the name."""
        context, login = self._context, self._own.login
        stays = bool(self._mailers) and self._mailers <= context.local_mailers
        return login_field(context.authserv_id, login) if login and context.show_login and stays else None
