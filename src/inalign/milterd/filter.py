"""What the milter does with one SMTP connection: authenticate what arrives, write one field, remove forged ones.

Translation only: events of the protocol become calls of `flow`, its verdict and its ruling become edits and a reply.
Nothing is decided about the message here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from inalign.errors import ParseError
from inalign.flow.decide import OBSERVE_ONLY, LocalPolicy, decide
from inalign.flow.facts import NO_FACTS
from inalign.flow.log_line import message_line
from inalign.flow.networks import Networks
from inalign.flow.origin import Hosts, Origin, Source, find_origin
from inalign.flow.receive import ClientChecks, Options, Reception, check_client
from inalign.flow.results_field import login_field, with_override
from inalign.flow.ruling import Handling, Ruling
from inalign.flow.transit import Transit
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.claim import claims_authserv_id
from inalign.mail.fields import Field, make_field
from inalign.mail.reverse_path import parse_reverse_path
from inalign.milter.macros import Macros
from inalign.milter.messages import Action, Command, Connected, EndOfHeader, Helo, MailFrom, Recipient
from inalign.milter.negotiation import Wanted
from inalign.milter.replies import ACCEPT, Decision
from inalign.milterd.acting import MARK_NAME, RESULTS_NAME, act
from inalign.milterd.begin import begin
from inalign.milterd.server import Filter
from inalign.resolver import IPAddress, Resolver
from inalign.spf.identity import find_client
from inalign.spf.result import SpfResult

log = logging.getLogger("inalign.message")

MAX_RECIPIENTS_SHOWN = 1000  # in the log line of a message that was discarded; Postfix takes as many by default

WANTED = Wanted(
    actions=Action.ADD_HEADER | Action.CHANGE_HEADER,
    welcome=Action.QUARANTINE,
    events=frozenset({Command.CONNECT, Command.HELO, Command.MAIL, Command.RECIPIENT, Command.HEADER, Command.BODY}),
    watched=frozenset({RESULTS_NAME.lower(), MARK_NAME.lower()}),
)


class BudgetedResolver(Resolver, Protocol):
    """A live resolver whose questions can be given a budget."""

    def within(self, seconds: float) -> Resolver:
        """A view of it whose questions fail when the time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections share, built once by `daemon`."""

    resolver: BudgetedResolver
    options: Options
    policy: LocalPolicy = OBSERVE_ONLY
    message_budget_seconds: float
    hosts: Hosts
    trusted_relays: Networks
    """Authentication-Results with our name are kept in what these hand in."""
    show_login: bool
    local_mailers: frozenset[str]
    count: Callable[[Verdict | None, Ruling, str | None, int, float], None] = lambda *_: None
    """Told of each message: verdict, ruling, why it was not verified, forged fields, seconds from its end on."""
    count_origin: Callable[[Source], None] = lambda _: None
    """Told of each message that a relay or a gateway handed in: from where its client is known."""


class ReceivingFilter(Filter):
    """One SMTP connection; the messages on it come one after another."""

    def __init__(self, macros: Macros, service: Service) -> None:
        self._macros = macros
        self._service = service
        self._client_ip: str | None = None
        self._address: IPAddress | None = None
        self._helo: str | None = None
        self._message: _Message | None = None

    def connected(self, event: Connected) -> None:
        """Note who the client is."""
        self._client_ip = event.client_ip
        self._helo = None
        client = find_client(event.client_ip)
        self._address = None if client is None else client.address

    def helo(self, event: Helo) -> None:
        """Note the name that the client gives itself."""
        self._helo = event.name

    def mail(self, event: MailFrom) -> None:
        """Begin a message; what DNS says of the client is asked for while the client still sends.

        Behind a relay or a gateway the client is only known when the header is there.
        """
        hosts, address = self._service.hosts, self._address
        envelope = Envelope(self._client_ip, self._helo, _mail_from(event.path))
        message = self._message = _Message(envelope, login=self._macros.get("{auth_authen}"))
        if message.login:
            message.skipped = "authenticated"
        elif hosts.hands_on(address):
            message.relay = address
        elif address is not None and address in hosts.local:
            message.skipped = "local_network"
        else:
            self._check_client(message)

    def recipient(self, event: Recipient) -> None:
        """Note whether the message may leave this host."""
        if self._message is not None:
            if self._message.login:
                self._message.mailers.add(self._macros.get("{rcpt_mailer}") or "")
            if len(self._message.recipients) < MAX_RECIPIENTS_SHOWN:
                self._message.recipients.append(event.path)

    def header(self, event: EndOfHeader) -> None:
        """Find forged results, and start all questions that the header raises."""
        message = self._message
        if message is None:
            return
        service = self._service
        fields = [] if message.skipped else [make_field(name, value) for name, value in event.fields]
        if message.relay is not None:
            self._find_origin(message, message.relay, fields)
        if self._address is None or self._address not in service.trusted_relays:
            ids = (service.options.authserv_id, *(() if message.transit else service.hosts.gateway_ids))
            names = {field.name.rstrip(b" \t").lower() for field in event.fields}
            if RESULTS_NAME.lower() in names or event.dropped:
                message.removals = _forged(event, ids)
            if MARK_NAME.lower() in names or event.dropped:
                message.marks = _marks(event)
        if message.client is not None:
            message.reception = Reception(
                fields,
                service.resolver,
                service.options,
                now=message.now,
                dropped_fields=event.dropped,
                transit=message.transit,
            )

    def body(self, data: bytes) -> None:
        """Hash a piece of the body."""
        if self._message is not None and self._message.reception is not None:
            self._message.reception.body(data)

    async def end_of_message(self) -> Decision:
        """The verdict, and what comes of it."""
        message, self._message = self._message, None
        if message is None:
            return Decision(ACCEPT)
        service = self._service
        ended = time.monotonic()
        verdict: Verdict | None = None
        value: str | None = None
        facts = NO_FACTS
        if message.reception is not None and message.client is not None:
            # From now on the MTA waits, and not before: what the client took to send is no time of ours.
            resolver = self._within_budget()
            client = message.client
            client = await client if isinstance(client, asyncio.Task) else client
            verdict = await message.reception.verdict(client, resolver)
            facts = message.reception.facts(can_hold=bool(self.actions & Action.QUARANTINE))
            value = verdict.authentication_results
        elif message.login and self._stays_here(message):
            value = str(login_field(service.options.authserv_id, message.login))
        ruling = decide(verdict, facts, service.policy)
        if value is not None and service.policy.is_enforced:
            value = with_override(value, ruling)
        decision = act(ruling, value, ((RESULTS_NAME, message.removals), (MARK_NAME, message.marks)))
        now = time.monotonic()
        removed = len(message.removals) + len(message.marks)
        service.count(verdict, ruling, message.skipped, removed, now - ended)
        is_discarded = ruling.handling is Handling.DISCARD
        level = logging.WARNING if is_discarded else logging.INFO
        if log.isEnabledFor(level):
            line = message_line(
                self._macros.get("i"),
                message.envelope,
                verdict,
                skipped=message.skipped,
                removed=removed,
                ruling=ruling,
                recipients=message.recipients if is_discarded else (),
                seconds=now - message.started,
                origin=message.origin,
            )
            log.log(level, line)
        return decision

    def aborted(self) -> None:
        """Forget the message."""
        message, self._message = self._message, None
        if message is not None and isinstance(message.client, asyncio.Task):
            message.client.cancel()

    def closed(self) -> None:
        """Forget what is left."""
        self.aborted()

    def _find_origin(self, message: _Message, relay: IPAddress, fields: Sequence[Field]) -> None:
        """Learn from the header who the client is, and begin what waited for it."""
        origin = message.origin = find_origin(relay, fields, self._service.hosts, message.envelope.mail_from)
        self._service.count_origin(origin.source)
        client_ip = None if origin.address is None else str(origin.address)
        message.envelope = replace(message.envelope, client_ip=client_ip, helo=origin.helo)
        if origin.gateway is not None:
            message.transit = Transit(writes_results=origin.gateway.authserv_id is not None, report=origin.report)
        if origin.is_local:
            message.skipped = "local_network"
        else:
            self._check_client(message, reported=origin.spf)

    def _check_client(self, message: _Message, *, reported: SpfResult | None = None) -> None:
        """Begin to ask what DNS says of the client."""
        checks = check_client(
            message.envelope, self._within_budget(), self._service.options, now=message.now, reported=reported
        )
        message.client = begin(checks)

    def _within_budget(self) -> Resolver:
        """The resolver, with the budget of a message from now on."""
        return self._service.resolver.within(self._service.message_budget_seconds)

    def _stays_here(self, message: _Message) -> bool:
        """Whether the login name may be shown: never on mail that leaves, where it would publish it."""
        return self._service.show_login and bool(message.mailers) and message.mailers <= self._service.local_mailers


class _Message:
    """One message under way."""

    __slots__ = (
        "client",
        "envelope",
        "login",
        "mailers",
        "marks",
        "now",
        "origin",
        "reception",
        "recipients",
        "relay",
        "removals",
        "skipped",
        "started",
        "transit",
    )

    def __init__(self, envelope: Envelope, *, login: str | None) -> None:
        self.envelope = envelope
        self.login = login
        self.now = datetime.now(UTC)
        self.started = time.monotonic()
        self.skipped: str | None = None
        self.relay: IPAddress | None = None
        self.origin: Origin | None = None
        self.transit: Transit | None = None
        self.client: ClientChecks | asyncio.Task[ClientChecks] | None = None
        self.reception: Reception | None = None
        self.mailers: set[str] = set()
        self.recipients: list[str] = []
        self.removals: list[int] = []
        self.marks: list[int] = []


def _mail_from(path: str) -> str | None:
    """The reverse-path as SPF takes it; None for what names no mailbox with a domain."""
    try:
        reverse_path = parse_reverse_path(path)
    except ParseError:
        return None
    if not reverse_path.domain:
        return None if reverse_path.local_part else ""
    return f"{reverse_path.local_part}@{reverse_path.domain}"


def _forged(event: EndOfHeader, ids: tuple[str, ...]) -> list[int]:
    """The indexes of the Authentication-Results fields that claim to be by one of us (RFC 8601 section 5)."""
    kept = list(event.occurrences(RESULTS_NAME))
    forged = [index for index, field in kept if claims_authserv_id(field.value, ids)]
    # Fields beyond the limits were not read; what cannot be checked is not left to pass for ours.
    return forged + _unread(event, RESULTS_NAME, len(kept))


def _marks(event: EndOfHeader) -> list[int]:
    """The indexes of the fields that look like our mark for the junk folder; nobody else may write it."""
    marks = [index for index, _ in event.occurrences(MARK_NAME)]
    return marks + _unread(event, MARK_NAME, len(marks))


def _unread(event: EndOfHeader, name: bytes, read: int) -> list[int]:
    return [read + number for number in range(1, event.unread.get(name.lower(), 0) + 1)]
