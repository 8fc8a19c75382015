"""What the milter does with one SMTP connection: authenticate what arrives, write one field, remove forged ones.

Translation only: events of the protocol become calls of `flow`, its verdict becomes edits. Nothing is decided about
the message here; monitoring is the only action.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from inalign.errors import ParseError
from inalign.flow.log_line import message_line
from inalign.flow.receive import ClientChecks, Options, Reception, check_client
from inalign.flow.results_field import login_field
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.claim import claims_authserv_id
from inalign.mail.fields import make_field
from inalign.mail.results import fold_authentication_results
from inalign.mail.reverse_path import parse_reverse_path
from inalign.milter.macros import Macros
from inalign.milter.messages import Action, Command, Connected, EndOfHeader, Helo, MailFrom, Recipient
from inalign.milter.negotiation import Wanted
from inalign.milter.replies import ACCEPT, Decision, Edit, delete_headers, insert_header
from inalign.milterd.begin import begin
from inalign.milterd.server import Filter
from inalign.resolver import Resolver
from inalign.spf.identity import find_client

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
    local_networks: tuple[IPv4Network | IPv6Network, ...]
    trusted_relays: tuple[IPv4Network | IPv6Network, ...]
    show_login: bool
    local_mailers: frozenset[str]
    count: Callable[[Verdict | None, str | None, int, float], None] = lambda *_: None
    """Told of each message: its verdict, or why it was not verified; forged fields; seconds from its end on."""


class ReceivingFilter(Filter):
    """One SMTP connection; the messages on it come one after another."""

    def __init__(self, macros: Macros, service: Service) -> None:
        self._macros = macros
        self._service = service
        self._client_ip: str | None = None
        self._is_local = False
        self._is_trusted = False
        self._helo: str | None = None
        self._message: _Message | None = None

    def connected(self, event: Connected) -> None:
        """Note who the client is."""
        self._client_ip = event.client_ip
        self._helo = None
        self._is_local = _is_within(event.client_ip, self._service.local_networks)
        self._is_trusted = _is_within(event.client_ip, self._service.trusted_relays)

    def helo(self, event: Helo) -> None:
        """Note the name that the client gives itself."""
        self._helo = event.name

    def mail(self, event: MailFrom) -> None:
        """Begin a message; what DNS says of the client is asked for while the client still sends."""
        envelope = Envelope(self._client_ip, self._helo, _mail_from(event.path))
        message = self._message = _Message(envelope, login=self._macros.get("{auth_authen}"))
        if message.login:
            message.skipped = "authenticated"
        elif self._is_local:
            message.skipped = "local_network"
        else:
            service = self._service
            message.resolver = service.resolver.within(service.message_budget_seconds)
            message.client = begin(check_client(envelope, message.resolver, service.options, now=message.now))

    def recipient(self, event: Recipient) -> None:
        """Note whether the message may leave this host."""
        if self._message is not None:
            self._message.mailers.add(self._macros.get("{rcpt_mailer}") or "")

    def header(self, event: EndOfHeader) -> None:
        """Find forged results, and start all questions that the header raises."""
        message = self._message
        if message is None:
            return
        if not self._is_trusted:
            message.removals = _forged(event, self._service.options.authserv_id)
        if message.resolver is not None:
            fields = [make_field(name, value) for name, value in event.fields]
            message.reception = Reception(
                fields, message.resolver, self._service.options, now=message.now, dropped_fields=event.dropped
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
            client = message.client
            verdict = await message.reception.verdict(await client if isinstance(client, asyncio.Task) else client)
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
            )
            log.info(line)
        return Decision(ACCEPT, edits)

    def aborted(self) -> None:
        """Forget the message."""
        message, self._message = self._message, None
        if message is not None and isinstance(message.client, asyncio.Task):
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
        "reception",
        "removals",
        "resolver",
        "skipped",
        "started",
    )

    def __init__(self, envelope: Envelope, *, login: str | None) -> None:
        self.envelope = envelope
        self.login = login
        self.now = datetime.now(UTC)
        self.started = time.monotonic()
        self.skipped: str | None = None
        self.resolver: Resolver | None = None
        self.client: ClientChecks | asyncio.Task[ClientChecks] | None = None
        self.reception: Reception | None = None
        self.mailers: set[str] = set()
        self.removals: list[int] = []


def _mail_from(path: str) -> str | None:
    """The reverse-path as SPF takes it; None for what names no mailbox with a domain."""
    try:
        reverse_path = parse_reverse_path(path)
    except ParseError:
        return None
    if not reverse_path.domain:
        return None if reverse_path.local_part else ""
    return f"{reverse_path.local_part}@{reverse_path.domain}"


def _forged(event: EndOfHeader, authserv_id: str) -> list[int]:
    """The indexes of the Authentication-Results fields that claim to be ours (RFC 8601 section 5)."""
    ids = (authserv_id,)
    kept = list(event.occurrences(FIELD_NAME))
    forged = [index for index, field in kept if claims_authserv_id(field.value, ids)]
    # Fields beyond the limits were not read; what cannot be checked is not left to pass for ours.
    unread = event.unread.get(FIELD_NAME.lower(), 0)
    return forged + [len(kept) + number for number in range(1, unread + 1)]


def _is_within(client_ip: str | None, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    client = find_client(client_ip)
    return client is not None and any(client.address in network for network in networks)
