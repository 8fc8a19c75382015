"""What the milter does with one message of our own: forged fields removed, the message signed, nothing verified."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

from inalign.flow.decision import Decision, DecisionRule, Disposition, SmtpRefusal
from inalign.flow.log_line import message_line
from inalign.flow.results_field import login_field
from inalign.flow.send import Sending, Sent, Submission, Unsigned
from inalign.flow.verdict import Envelope
from inalign.mail.fields import make_field
from inalign.milter.macros import Macros
from inalign.milter.messages import EndOfHeader, Recipient
from inalign.milter.replies import Response
from inalign.milterd.actions import act
from inalign.milterd.eager import begin
from inalign.milterd.forged import NOTHING_FORGED, find_forged
from inalign.milterd.service import FilterContext

log = logging.getLogger("inalign.message")

_ACCEPTED = Decision(Disposition.ACCEPT, DecisionRule.SKIPPED)
_DEFERRED = Decision(
    Disposition.TEMPFAIL,
    DecisionRule.KEY_UNAVAILABLE,
    refusal=SmtpRefusal(451, "4.7.5", "This message cannot be signed now: its key cannot be had"),
)


class SendingMessage:
    """One message of our own under way."""

    def __init__(
        self, service: FilterContext, macros: Macros, envelope: Envelope, why: str, *, keeps_results: bool
    ) -> None:
        """`why` says what makes it our own; with `keeps_results` a trusted host handed it in."""
        self._service = service
        self._macros = macros
        self._envelope = envelope
        self._why = why
        self._keeps_results = keeps_results
        self._login = macros.get("{auth_authen}")
        self._now = datetime.now(UTC)
        self._started = time.monotonic()
        self._mailers: set[str] = set()
        self._recipients = 0
        self._excepted = 0
        self._forged = NOTHING_FORGED
        self._sending: Sending | None = None
        self._keys: asyncio.Task[None] | None = None

    def recipient(self, event: Recipient) -> None:
        """Note whether the message may leave this host, and whether it goes where nothing is signed."""
        if self._login:
            self._mailers.add(self._macros.get("{rcpt_mailer}") or "")
        signer = self._service.signer
        if signer is not None and signer.except_recipients:
            self._recipients += 1
            self._excepted += event.address in signer.except_recipients

    def header(self, event: EndOfHeader) -> None:
        """Find forged results, and have the keys found."""
        service = self._service
        if not self._keeps_results:
            self._forged = find_forged(event, (service.options.authserv_id, *service.hosts.gateway_ids))
        signer = service.signer
        if signer is None:
            return
        fields = [make_field(name, value) for name, value in event.fields]
        sending = self._sending = Sending(fields, signer.options, now=self._now, dropped_fields=event.dropped)
        self._keys = begin(sending.find_keys(signer.finder))
        if self._keys is None:
            signer.look_up(sending.chosen(), service.within_budget, self._now)

    def body(self, data: bytes) -> None:
        """Hash a piece of the body."""
        if self._sending is not None:
            self._sending.body(data)

    async def end(self, *, can_hold: bool) -> Response:
        """The signatures."""
        service = self._service
        ended = time.monotonic()
        sent = await self._sign()
        decision = _ACCEPTED
        if sent is not None and sent.unsigned is Unsigned.KEY_UNAVAILABLE and self._defers():
            decision = _DEFERRED
        value = str(login_field(service.options.authserv_id, self._login or "")) if self._shows_login() else None
        response = act(decision, value, self._forged.removals(), sent.fields if sent is not None else ())
        now = time.monotonic()
        service.count(None, decision, self._why, len(self._forged), now - ended)
        level = logging.WARNING if sent is not None and sent.unsigned is Unsigned.KEY_UNAVAILABLE else logging.INFO
        if log.isEnabledFor(level):
            line = message_line(
                self._macros.get("i"),
                self._envelope,
                None,
                skipped=self._why,
                removed=len(self._forged),
                decision=decision,
                seconds=now - self._started,
                sent=sent,
            )
            log.log(level, line)
        return response

    def aborted(self) -> None:
        """Stop what is under way."""
        if self._keys is not None:
            self._keys.cancel()

    async def _sign(self) -> Sent | None:
        sending, signer = self._sending, self._service.signer
        if sending is None or signer is None:
            return None
        if self._keys is not None:
            await self._keys
            signer.look_up(sending.chosen(), self._service.within_budget, self._now)
        submission = Submission(
            login=self._login,
            mail_from=self._envelope.mail_from,
            is_excepted=bool(self._recipients) and self._excepted == self._recipients,
        )
        sent = await sending.sent(submission, signer.published, self._service.within_budget())
        signer.count(sent)
        hazards = sending.hazards()
        if hazards:
            signer.warn(self._macros.get("i") or "-", sent.author, hazards)
        return sent

    def _defers(self) -> bool:
        signer = self._service.signer
        return signer is not None and signer.options.is_deferred

    def _shows_login(self) -> bool:
        """Whether the login name may be shown: never on mail that leaves, where it would publish it."""
        service = self._service
        return (
            bool(self._login) and service.show_login and bool(self._mailers) and self._mailers <= service.local_mailers
        )
