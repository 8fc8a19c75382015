"""The milter's filter of one SMTP connection: it hands each message to the use case that it belongs to.

Mail of our own goes to `flow/outbound`, all other mail to `flow/inbound`. Their outcome becomes edits and a reply.
"""

from __future__ import annotations

from inalign.errors import ParseError
from inalign.flow.forged import PROTECTED_NAMES
from inalign.flow.inbound import Handover, Inbound
from inalign.flow.outbound import Outbound, OwnMail
from inalign.flow.own_mail import client_address, why_ours
from inalign.flow.verdict import Envelope
from inalign.mail.fields import make_field
from inalign.mail.reverse_path import parse_reverse_path
from inalign.milter.macros import Macros
from inalign.milter.messages import Action, Command, Connected, EndOfHeader, Helo, MailFrom, Recipient
from inalign.milter.negotiation import RequiredFeatures
from inalign.milter.replies import ACCEPT, Response
from inalign.milterd.actions import act
from inalign.milterd.interface import Filter
from inalign.milterd.service import FilterContext
from inalign.resolver import IPAddress

FEATURES = RequiredFeatures(
    actions=Action.ADD_HEADER | Action.CHANGE_HEADER,
    welcome=Action.QUARANTINE,
    events=frozenset({Command.CONNECT, Command.HELO, Command.MAIL, Command.RECIPIENT, Command.HEADER, Command.BODY}),
    watched=PROTECTED_NAMES,
)


class MailFilter(Filter):
    """One SMTP connection; the messages on it come one after another."""

    def __init__(self, macros: Macros, context: FilterContext) -> None:
        self._macros = macros
        self._context = context
        self._needs_mailers = context.needs_mailers
        self._client_ip: str | None = None
        self._address: IPAddress | None = None
        self._helo: str | None = None
        self._message: Inbound | Outbound | None = None

    def connected(self, event: Connected) -> None:
        """Store the address of the client."""
        self._client_ip = event.client_ip
        self._helo = None
        self._address = client_address(event)

    def helo(self, event: Helo) -> None:
        """Store the name that the client gives itself."""
        self._helo = event.name

    def mail(self, event: MailFrom) -> None:
        """Begin a message of our own or one from outside."""
        context, address = self._context, self._address
        envelope = Envelope(self._client_ip, self._helo, _mail_from(event.path))
        keeps_results = address is not None and address in context.trusted_relays
        is_relay = context.hosts.hands_on(address)
        login = self._macros.get("{auth_authen}")
        reason = why_ours(context.hosts, address, login)
        if reason is None and not is_relay and any(each.holds(self._macros) for each in context.own_macros):
            reason = "macro"
        if reason is not None:
            self._message = Outbound(context.outbound, envelope, OwnMail(reason, login, keeps_results))
        else:
            can_hold = bool(self.actions & Action.QUARANTINE)
            handover = Handover(address if is_relay else None, keeps_results, can_hold)
            self._message = Inbound(context.inbound, envelope, handover)

    def recipient(self, event: Recipient) -> None:
        """Add one recipient to the message."""
        if self._message is not None:
            mailer = self._macros.get("{rcpt_mailer}") if self._needs_mailers else None
            self._message.recipient(event.path, mailer or "")

    def header(self, event: EndOfHeader) -> None:
        """Give the message its header."""
        if self._message is not None:
            fields = [make_field(name, value) for name, value in event.fields]
            self._message.header(fields, dropped=event.dropped, unread=event.unread)

    def body(self, data: bytes) -> None:
        """Give the message a piece of its body."""
        if self._message is not None:
            self._message.body(data)

    async def end_of_message(self) -> Response:
        """Return the edits and the reply for the message, once its outcome is counted, logged and recorded."""
        message, self._message = self._message, None
        if message is None:
            return Response(ACCEPT)
        outcome = await message.finish(queue_id=self._macros.get("i") or "")
        self._context.observe(outcome)
        return act(outcome)

    def aborted(self) -> None:
        """Drop the message that had begun."""
        message, self._message = self._message, None
        if message is not None:
            message.cancel()

    def closed(self) -> None:
        """Drop the message that had begun: the SMTP connection is over."""
        self.aborted()


def _mail_from(path: str) -> str | None:
    """The reverse-path as SPF takes it; None for what names no mailbox with a domain."""
    try:
        reverse_path = parse_reverse_path(path)
    except ParseError:
        return None
    if not reverse_path.domain:
        return None if reverse_path.local_part else ""
    return f"{reverse_path.local_part}@{reverse_path.domain}"
