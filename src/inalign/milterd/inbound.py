"""What the milter does with one message from outside: verify it, decide, write one field, remove forged ones.

Translation only: events of the protocol become calls of `flow`, its verdict and its decision become edits and a reply.
Nothing is decided about the message here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from inalign.dkim.sign import SigningError
from inalign.dmarc.result import DmarcStatus
from inalign.flow.decide import decide
from inalign.flow.decision import Disposition
from inalign.flow.evaluation import evaluation
from inalign.flow.facts import NO_FACTS
from inalign.flow.key_finder import KeyLookupError
from inalign.flow.log_line import message_line
from inalign.flow.origin import ClientOrigin, find_origin
from inalign.flow.receive import ClientChecks, Reception, check_client
from inalign.flow.results_field import with_override
from inalign.flow.send import own_domain_rule
from inalign.flow.transit import Transit
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.fields import Field, make_field
from inalign.mail.results import AuthenticationResults
from inalign.milter.macros import Macros
from inalign.milter.messages import EndOfHeader, Recipient
from inalign.milter.replies import Response
from inalign.milterd.actions import act
from inalign.milterd.eager import begin
from inalign.milterd.forged import NOTHING_FORGED, find_forged
from inalign.milterd.service import FilterContext
from inalign.resolver import IPAddress
from inalign.spf.result import SpfResult

log = logging.getLogger("inalign.message")

MAX_RECIPIENTS_SHOWN = 1000  # in the log line of a message that was discarded; Postfix takes as many by default


PASSED_ON = frozenset({Disposition.ACCEPT, Disposition.QUARANTINE, Disposition.HOLD})
NOBODY = "postmaster@localhost"  # the key that seals does not depend on the author


class ReceivingMessage:
    """One message from outside under way."""

    def __init__(
        self,
        service: FilterContext,
        macros: Macros,
        envelope: Envelope,
        relay: IPAddress | None,
        *,
        keeps_results: bool,
    ) -> None:
        """Asks DNS what it says of the client while he still sends; behind a relay or gateway he is not known yet.

        With `keeps_results` a trusted host handed the message in.
        """
        self._service = service
        self._macros = macros
        self._envelope = envelope
        self._relay = relay
        self._keeps_results = keeps_results
        self._now = datetime.now(UTC)
        self._started = time.monotonic()
        self._skipped: str | None = None
        self._origin: ClientOrigin | None = None
        self._transit: Transit | None = None
        self._client: ClientChecks | asyncio.Task[ClientChecks] | None = None
        self._reception: Reception | None = None
        self._recipients: list[str] = []
        self._mailers: set[str] = set()
        self._forged = NOTHING_FORGED
        self._octets = 0
        if relay is None:
            self._check_client()

    def recipient(self, event: Recipient) -> None:
        """Note for whom it is."""
        if len(self._recipients) < MAX_RECIPIENTS_SHOWN:
            self._recipients.append(event.path)
        if self._service.sealer is not None:
            self._mailers.add(self._macros.get("{rcpt_mailer}") or "")

    def header(self, event: EndOfHeader) -> None:
        """Find forged results, and start all questions that the header raises."""
        service = self._service
        fields = [make_field(name, value) for name, value in event.fields]
        if self._relay is not None:
            self._find_origin(self._relay, fields)
        if service.recorder is not None:
            self._octets = sum([len(field.raw) for field in fields]) + 2  # the empty line
        if not self._keeps_results:
            ids = (service.options.authserv_id, *(() if self._transit else service.hosts.gateway_ids))
            self._forged = find_forged(event, ids)
        if self._client is not None:
            self._reception = Reception(
                fields,
                service.resolver,
                service.options,
                now=self._now,
                dropped_fields=event.dropped,
                transit=self._transit,
                seals=self._seals(),
            )

    def body(self, data: bytes) -> None:
        """Hash a piece of the body."""
        self._octets += len(data)
        if self._reception is not None:
            self._reception.body(data)

    async def end(self, *, can_hold: bool) -> Response:
        """The verdict, and what comes of it."""
        service = self._service
        ended = time.monotonic()
        verdict: Verdict | None = None
        field: AuthenticationResults | None = None
        facts = NO_FACTS
        if self._reception is not None and self._client is not None:
            # From now on the MTA waits, and not before: what the client took to send is no time of ours.
            resolver = service.within_budget()
            client = await self._client if isinstance(self._client, asyncio.Task) else self._client
            verdict = await self._reception.verdict(client, resolver)
            facts = self._reception.facts(verdict, can_hold=can_hold)
            field = verdict.authentication_results
        decision = decide(verdict, facts, service.policy)
        if field is not None and service.policy.is_enforced:
            field = with_override(field, decision)
        arc_set = await self._seal(verdict) if verdict is not None and decision.disposition in PASSED_ON else ()
        response = act(decision, str(field) if field is not None else None, self._forged.removals(), arc_set)
        now = time.monotonic()
        service.count(verdict, decision, self._skipped, len(self._forged), now - ended)
        own_rule = await self._own_rule(verdict)
        is_discarded = decision.disposition is Disposition.DISCARD
        level = logging.WARNING if is_discarded else logging.INFO
        if log.isEnabledFor(level):
            line = message_line(
                self._macros.get("i"),
                self._envelope,
                verdict,
                skipped=self._skipped,
                removed=len(self._forged),
                decision=decision,
                recipients=self._recipients if is_discarded else (),
                seconds=now - self._started,
                origin=self._origin,
                own_rule=own_rule,
                is_sealed=bool(arc_set),
            )
            log.log(level, line)
        if service.recorder is not None and verdict is not None:
            service.recorder.write(
                evaluation(
                    self._envelope,
                    verdict,
                    facts,
                    decision,
                    at=self._now,
                    host=service.recorder.host,
                    queue_id=self._macros.get("i") or "",
                    origin=self._origin.source if self._origin is not None else "",
                    recipient_domains=service.recorder.domains_of(self._recipients),
                    is_sealed=bool(arc_set),
                    forged_fields=len(self._forged),
                    octets=self._octets,
                    total_seconds=now - self._started,
                    held_seconds=now - ended,
                )
            )
        return response

    def aborted(self) -> None:
        """Stop what is under way."""
        if isinstance(self._client, asyncio.Task):
            self._client.cancel()

    def _find_origin(self, relay: IPAddress, fields: Sequence[Field]) -> None:
        """Learn from the header who the client is, and begin what waited for it."""
        origin = self._origin = find_origin(relay, fields, self._service.hosts, self._envelope.mail_from)
        self._service.count_origin(origin.source)
        client_ip = None if origin.address is None else str(origin.address)
        self._envelope = replace(self._envelope, client_ip=client_ip, helo=origin.helo)
        if origin.gateway is not None:
            self._transit = Transit(writes_results=origin.gateway.authserv_id is not None, report=origin.report)
        if origin.is_local:
            # Not verified, and not signed either: a Received field is no reason to vouch for anything.
            self._skipped = "local_network"
        else:
            self._check_client(reported=origin.spf)

    def _check_client(self, *, reported: SpfResult | None = None) -> None:
        """Begin to ask what DNS says of the client."""
        service = self._service
        checks = check_client(
            self._envelope, service.within_budget(), service.options, now=self._now, reported=reported
        )
        self._client = begin(checks)

    def _seals(self) -> bool:
        sealer = self._service.sealer
        if sealer is None:
            return False
        return not (sealer.only_forwarded and self._mailers <= self._service.local_mailers)

    async def _seal(self, verdict: Verdict) -> Sequence[bytes]:
        """The ARC set for a message that is handed on; what keeps it from being sealed never keeps it here."""
        sealer = self._service.sealer
        if sealer is None or self._reception is None or not self._seals():
            return ()
        try:
            choices = await sealer.finder.find(NOBODY)
            arc_set = self._reception.seal(choices[0].key, verdict) if choices else ()
        except (KeyLookupError, SigningError) as problem:
            log.warning("%s: not sealed: %s", self._macros.get("i") or "-", problem)
            sealer.count("key_unavailable")
            return ()
        sealer.count("sealed" if arc_set else "not_possible")
        return arc_set

    async def _own_rule(self, verdict: Verdict | None) -> str | None:
        """The rule of ours that signs for the author whom somebody else uses, and cannot prove to be."""
        signer = self._service.signer
        if signer is None or verdict is None or self._reception is None or verdict.dmarc.result is DmarcStatus.PASS:
            return None
        rule = await own_domain_rule(self._reception.authors.address, signer.finder)
        if rule is not None:
            signer.count_own_domain()
        return rule
