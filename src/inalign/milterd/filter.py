"""What the milter does with one SMTP connection: authenticate what arrives, write one field, remove forged ones.

Translation only: events of the protocol become calls of `flow`, its verdict becomes edits. Nothing is decided about
the message here; monitoring is the only action.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from inalign.errors import ParseError
from inalign.flow.log_line import message_line
from inalign.flow.networks import Networks
from inalign.flow.origin import Hosts, Origin, Source, find_origin
from inalign.flow.receive import ClientChecks, Options, Reception, check_client
from inalign.flow.results_field import login_field
from inalign.flow.transit import Transit
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.claim import claims_authserv_id
from inalign.mail.fields import Field, make_field
from inalign.mail.results import fold_authentication_results
from inalign.mail.reverse_path import parse_reverse_path
from inalign.milter.macros import Macros
from inalign.milter.messages import Action, Command, Connected, EndOfHeader, Helo, MailFrom, Recipient
from inalign.milter.negotiation import Wanted
from inalign.milter.replies import ACCEPT, Decision, Edit, delete_headers, insert_header
from inalign.milterd.server import Filter
from inalign.resolver import IPAddress, Resolver
from inalign.spf.identity import find_client
from inalign.spf.result import SpfResult

log = logging.getLogger("inalign.message")

FIELD_NAME = b"Authentication-Results"

WANTED = Wanted(
    actions=Action.ADD_HEADER | Action.CHANGE_HEADER,
    events=frozenset({Command.CONNECT, Command.HELO, Command.MAIL, Command.RECIPIENT, Command.HEADER, Command.BODY}),
    watched=frozenset({FIELD_NAME.lower()}),
)


class BudgetedResolver(Protocol):
    """A live resolver that can be given one budget for all questions of a message."""

    def within(self, seconds: float) -> Resolver:
        """A view of it whose questions fail when the time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections share, built once by `daemon`."""

    resolver: BudgetedResolver
    options: Options
    message_budget_seconds: float
    hosts: Hosts
    trusted_relays: Networks
    """Authentication-Results with our name are kept in what these hand in."""
    show_login: bool
    local_mailers: frozenset[str]
    count: Callable[[Verdict | None, str | None, int, float], None] = lambda *_: None
    """Told of each message: its verdict, or why it was not verified; forged fields; seconds from its end on."""
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
        service, address = self._service, self._address
        envelope = Envelope(self._client_ip, self._helo, _mail_from(event.path))
        message = self._message = _Message(envelope, login=self._macros.get("{auth_authen}"))
        if message.login:
            message.skipped = "authenticated"
        elif service.hosts.hands_on(address):
            message.relay = address
        elif address is not None and address in service.hosts.local:
            message.skipped = "local_network"
        else:
            message.check_client(service)

    def recipient(self, event: Recipient) -> None:
        """Note whether the message may leave this host."""
        if self._message is not None:
            self._message.mailers.add(self._macros.get("{rcpt_mailer}") or "")

    def header(self, event: EndOfHeader) -> None:
        """Find forged results, and start all questions that the header raises."""
        message = self._message
        if message is None:
            return
        service = self._service
        fields = [make_field(field.name, field.value) for field in event.fields] if not message.skipped else []
        if message.relay is not None:
            message.find_origin(message.relay, fields, service)
        if self._address is None or self._address not in service.trusted_relays:
            ids = (service.options.authserv_id, *(() if message.transit else service.hosts.gateway_ids))
            message.removals = _forged(event, ids)
        if not message.skipped:
            message.reception = Reception(
                fields,
                # A sender may take minutes for the content, and the MTA hands it over when it is whole.
                service.resolver.within(service.message_budget_seconds),
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
        """The verdict as edits: forged fields removed from the last one back, ours inserted on top."""
        message, self._message = self._message, None
        if message is None:
            return Decision(ACCEPT)
        ended = time.monotonic()
        verdict: Verdict | None = None
        value: str | None = None
        if message.reception is not None and message.client is not None:
            verdict = await message.reception.verdict(await message.client)
            value = verdict.authentication_results
        elif message.login and self._stays_here(message):
            value = str(login_field(self._service.options.authserv_id, message.login))
        edits: list[Edit] = list(delete_headers(FIELD_NAME, message.removals))
        if value is not None:
            # RFC 8601 section 4.1: above the trace fields of this host
            edits.append(insert_header(0, FIELD_NAME, fold_authentication_results(value).encode()))
        now = time.monotonic()
        self._service.count(verdict, message.skipped, len(message.removals), now - ended)
        if log.isEnabledFor(logging.INFO):
            line = message_line(
                self._macros.get("i"),
                message.envelope,
                verdict,
                skipped=message.skipped,
                removed=len(message.removals),
                seconds=now - message.started,
                origin=message.origin,
            )
            log.info(line)
        return Decision(ACCEPT, edits)

    def aborted(self) -> None:
        """Forget the message."""
        message, self._message = self._message, None
        if message is not None and message.client is not None:
            message.client.cancel()

    def closed(self) -> None:
        """Forget what is left."""
        self.aborted()

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
        "now",
        "origin",
        "reception",
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
        self.client: asyncio.Task[ClientChecks] | None = None
        self.reception: Reception | None = None
        self.mailers: set[str] = set()
        self.removals: list[int] = []

    def find_origin(self, relay: IPAddress, fields: list[Field], service: Service) -> None:
        """Learn from the header who the client is, and begin what waited for it."""
        origin = self.origin = find_origin(relay, fields, service.hosts, self.envelope.mail_from)
        service.count_origin(origin.source)
        client_ip = None if origin.address is None else str(origin.address)
        self.envelope = replace(self.envelope, client_ip=client_ip, helo=origin.helo)
        if origin.gateway is not None:
            self.transit = Transit(writes_results=origin.gateway.authserv_id is not None, report=origin.report)
        if origin.is_local:
            self.skipped = "local_network"
        else:
            self.check_client(service, reported=origin.spf)

    def check_client(self, service: Service, *, reported: SpfResult | None = None) -> None:
        """Begin to ask what DNS says of the client."""
        resolver = service.resolver.within(service.message_budget_seconds)
        checks = check_client(self.envelope, resolver, service.options, now=self.now, reported=reported)
        self.client = asyncio.get_running_loop().create_task(checks)


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
    """The indexes of the Authentication-Results fields that claim to be one of ours (RFC 8601 section 5)."""
    kept = list(event.occurrences(FIELD_NAME))
    forged = [index for index, field in kept if claims_authserv_id(field.value, ids)]
    # Fields beyond the limits were not read; what cannot be checked is not left to pass for ours.
    unread = event.unread.get(FIELD_NAME.lower(), 0)
    return forged + [len(kept) + number for number in range(1, unread + 1)]
