"""One message from outside, from MAIL to the decision: what becomes of it, and every fact behind that.

`Inbound` takes the envelope, the header and the body as they come and gives a `MessageOutcome`. It verifies the
message, decides by the local policy, seals what is passed on, and makes the record. It knows no milter: the caller
carries the outcome out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from inalign.dkim.sign import SigningError
from inalign.dmarc.result import DmarcStatus
from inalign.flow.arc_sealer import UNSEALED, ArcSealer, Sealed, SealStatus
from inalign.flow.budget import DnsBudget
from inalign.flow.decide import OBSERVE_ONLY, LocalPolicy, decide
from inalign.flow.decision import Decision, Disposition
from inalign.flow.eager import start_eagerly
from inalign.flow.evaluation import RecordOptions, evaluation
from inalign.flow.facts import NO_FACTS
from inalign.flow.forged import NOTHING_FORGED, find_forged
from inalign.flow.key_finder import KeyFinder, KeyLookupError
from inalign.flow.origin import ClientOrigin, Hosts, find_origin
from inalign.flow.outcome import MessageOutcome
from inalign.flow.receive import ClientChecks, Reception, VerificationOptions, check_client
from inalign.flow.results_field import with_override
from inalign.flow.send import own_domain_rule
from inalign.flow.transit import Transit
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.fields import Field
from inalign.resolver import IPAddress
from inalign.spf.result import SpfResult

MAX_RECIPIENTS_SHOWN = 1000
"""Recipients that an outcome names; Postfix takes as many for one message by default."""

PASSED_ON = frozenset({Disposition.ACCEPT, Disposition.QUARANTINE, Disposition.HOLD})
"""Dispositions after which the message goes on, so that an ARC set is of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundContext:
    """What all messages from outside share: DNS, the options, the policy, and who may hand in mail for others."""

    dns: DnsBudget
    options: VerificationOptions
    policy: LocalPolicy = OBSERVE_ONLY
    hosts: Hosts
    sealer: ArcSealer | None = None
    """Seals what is passed on; None: nothing is sealed."""
    own_authors: KeyFinder | None = None
    """Knows the authors of our own domains; None: a message in the name of one is not noticed."""
    recording: RecordOptions | None = None
    """None: outcomes have no record."""


class Handover(NamedTuple):
    """How a message from outside came to this host."""

    relay: IPAddress | None = None
    """The listed relay or gateway that handed it in, so that the header names the client; None: the client itself."""
    keeps_results: bool = False
    """Whether the host that handed it in may write Authentication-Results with our authserv-id."""
    can_hold: bool = False
    """Whether the MTA can hold a message in its queue."""


FROM_CLIENT = Handover()
"""The client itself connected to this host."""


class Inbound:
    """One message from outside under way: give it the recipients, the header and the body, then ask for the outcome."""

    __slots__ = (
        "_body_octets",
        "_client",
        "_context",
        "_envelope",
        "_forged",
        "_handover",
        "_mailers",
        "_origin",
        "_reception",
        "_recipients",
        "_started",
        "_time",
    )

    def __init__(
        self,
        context: InboundContext,
        envelope: Envelope,
        handover: Handover = FROM_CLIENT,
        *,
        now: datetime | None = None,
    ) -> None:
        """Begin at MAIL. The client is checked at once, while it sends, unless only the header names it.

        `now` is the time of the message, an aware datetime; None takes it from the clock.
        """
        self._context = context
        self._envelope = envelope
        self._handover = handover
        self._time = now or datetime.now(UTC)
        self._started = time.monotonic()
        self._client: ClientChecks | asyncio.Task[ClientChecks] | None = None
        self._origin: ClientOrigin | None = None
        self._reception: Reception | None = None
        self._recipients: list[str] = []
        self._mailers: set[str] = set()
        self._forged = NOTHING_FORGED
        self._body_octets = 0
        if handover.relay is None:
            self._check_client()

    def recipient(self, path: str, mailer: str = "") -> None:
        """Take one recipient: the forward-path as the client wrote it, and the MTA's mailer for it."""
        if len(self._recipients) < MAX_RECIPIENTS_SHOWN:
            self._recipients.append(path)
        self._mailers.add(mailer)

    def header(self, fields: Sequence[Field], *, dropped: int = 0, unread: Mapping[bytes, int] | None = None) -> None:
        """Take the header: find forged fields, and ask DNS for all keys and policies that the header names.

        `dropped` fields beyond the limits are not among `fields`; `unread` has how many of them have a name that only
        this host may write, by lower-case name.
        """
        context = self._context
        transit = None
        if self._handover.relay is not None:
            transit = self._find_origin(self._handover.relay, fields)
        if context.recording is not None:
            self._body_octets = sum([len(field.raw) for field in fields]) + 2  # the empty line
        if not self._handover.keeps_results:
            ids = (context.options.authserv_id, *(() if transit is not None else context.hosts.gateway_ids))
            self._forged = find_forged(fields, ids, dropped=dropped, unread=unread or {})
        if self._client is not None:
            self._reception = Reception(
                fields,
                context.dns.resolver,
                context.options,
                now=self._time,
                dropped_fields=dropped,
                transit=transit,
                seals=context.sealer is not None and context.sealer.applies_to(self._mailers),
            )

    def body(self, chunk: bytes) -> None:
        """Take the next piece of the body, cut anywhere; it is hashed and not stored."""
        self._body_octets += len(chunk)
        if self._reception is not None:
            self._reception.body(chunk)

    async def finish(self, *, queue_id: str = "") -> MessageOutcome:
        """Return what becomes of the message, once DNS has answered or the budget is used up.

        `queue_id` is the MTA's name of the message, for log and record.
        """
        context = self._context
        ended = time.monotonic()
        verdict: Verdict | None = None
        field, facts = None, NO_FACTS
        if self._reception is not None and self._client is not None:
            # The budget begins now, when the MTA begins to wait: the time that the client took to send does not count.
            resolver = context.dns.start()
            client = await self._client if isinstance(self._client, asyncio.Task) else self._client
            verdict = await self._reception.verdict(client, resolver)
            facts = self._reception.facts(verdict, can_hold=self._handover.can_hold)
            field = verdict.authentication_results
        decision = decide(verdict, facts, context.policy)
        if field is not None and context.policy.is_enforced:
            field = with_override(field, decision)
        sealed = UNSEALED if context.sealer is None else await self._seal(context.sealer, verdict, decision)
        now = time.monotonic()
        outcome = MessageOutcome(
            decision=decision,
            queue_id=queue_id,
            envelope=self._envelope,
            authentication_results=field,
            forged=self._forged,
            new_fields=sealed.fields,
            verdict=verdict,
            skipped="local_network" if self._origin is not None and self._origin.is_local else None,
            origin=self._origin,
            recipients=self._recipients,
            sealed=sealed,
            total_seconds=now - self._started,
            held_seconds=now - ended,
        )
        if context.own_authors is not None:
            outcome.own_rule = await self._own_rule(context.own_authors, verdict)
        if context.recording is not None and verdict is not None:
            outcome.record = evaluation(
                outcome, verdict, facts, context.recording, at=self._time, octets=self._body_octets
            )
        return outcome

    def cancel(self) -> None:
        """Stop what is under way: the message does not come to its end."""
        if isinstance(self._client, asyncio.Task):
            self._client.cancel()

    def _find_origin(self, relay: IPAddress, fields: Sequence[Field]) -> Transit | None:
        """Find the client in the header and check it; returns the way through a gateway, where it came by one."""
        origin = self._origin = find_origin(relay, fields, self._context.hosts, self._envelope.mail_from)
        client_ip = None if origin.address is None else str(origin.address)
        self._envelope = replace(self._envelope, client_ip=client_ip, helo=origin.helo)
        # Mail of our own by a relay is not verified, and not signed either: a Received field proves nothing.
        if not origin.is_local:
            self._check_client(reported=origin.spf)
        if origin.gateway is None:
            return None
        return Transit(writes_results=origin.gateway.authserv_id is not None, report=origin.report)

    def _check_client(self, *, reported: SpfResult | None = None) -> None:
        """Begin to ask DNS about the client."""
        context = self._context
        self._client = start_eagerly(
            check_client(self._envelope, context.dns.start(), context.options, now=self._time, reported=reported)
        )

    async def _seal(self, sealer: ArcSealer, verdict: Verdict | None, decision: Decision) -> Sealed:
        """Seal a message that is passed on; a message that cannot be sealed is passed on without an ARC set."""
        if verdict is None or self._reception is None or decision.disposition not in PASSED_ON:
            return UNSEALED
        if not sealer.applies_to(self._mailers):
            return UNSEALED
        try:
            arc_set = self._reception.seal(await sealer.key(), verdict)
        except (KeyLookupError, SigningError) as problem:
            return Sealed(SealStatus.KEY_UNAVAILABLE, problem=str(problem))
        return Sealed(SealStatus.SEALED if arc_set else SealStatus.NOT_POSSIBLE, arc_set)

    async def _own_rule(self, finder: KeyFinder, verdict: Verdict | None) -> str | None:
        """The rule of ours that signs for the author, of a message that is not proven to be from that author."""
        if verdict is None or self._reception is None or verdict.dmarc.result is DmarcStatus.PASS:
            return None
        return await own_domain_rule(self._reception.authors.address, finder)
