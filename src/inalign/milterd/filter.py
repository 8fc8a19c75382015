"""What the milter does with one SMTP connection: it tells our own mail, which is signed, from that of others.

What becomes of a message is in `sending` and `receiving`.
"""

from __future__ import annotations

from inalign.errors import ParseError
from inalign.flow.own_mail import client_address, why_ours
from inalign.flow.verdict import Envelope
from inalign.mail.reverse_path import parse_reverse_path
from inalign.milter.macros import Macros
from inalign.milter.messages import Action, Command, Connected, EndOfHeader, Helo, MailFrom, Recipient
from inalign.milter.negotiation import RequiredFeatures
from inalign.milter.replies import ACCEPT, Response
from inalign.milterd.forged import WATCHED
from inalign.milterd.inbound import ReceivingMessage
from inalign.milterd.outbound import SendingMessage
from inalign.milterd.server import Filter
from inalign.milterd.service import FilterContext
from inalign.resolver import IPAddress

WANTED = RequiredFeatures(
    actions=Action.ADD_HEADER | Action.CHANGE_HEADER,
    welcome=Action.QUARANTINE,
    events=frozenset({Command.CONNECT, Command.HELO, Command.MAIL, Command.RECIPIENT, Command.HEADER, Command.BODY}),
    watched=WATCHED,
)


class MailFilter(Filter):
    """One SMTP connection; the messages on it come one after another."""

    def __init__(self, macros: Macros, service: FilterContext) -> None:
        self._macros = macros
        self._service = service
        self._client_ip: str | None = None
        self._address: IPAddress | None = None
        self._helo: str | None = None
        self._message: ReceivingMessage | SendingMessage | None = None

    def connected(self, event: Connected) -> None:
        """Note who the client is."""
        self._client_ip = event.client_ip
        self._helo = None
        self._address = client_address(event)

    def helo(self, event: Helo) -> None:
        """Note the name that the client gives itself."""
        self._helo = event.name

    def mail(self, event: MailFrom) -> None:
        """Begin a message."""
        service, address = self._service, self._address
        envelope = Envelope(self._client_ip, self._helo, _mail_from(event.path))
        keeps_results = address is not None and address in service.trusted_relays
        hands_on = service.hosts.hands_on(address)
        why = self._why_ours(hands_on=hands_on)
        if why is not None:
            self._message = SendingMessage(service, self._macros, envelope, why, keeps_results=keeps_results)
        else:
            relay = address if hands_on else None
            self._message = ReceivingMessage(service, self._macros, envelope, relay, keeps_results=keeps_results)

    def recipient(self, event: Recipient) -> None:
        """One more recipient."""
        if self._message is not None:
            self._message.recipient(event)

    def header(self, event: EndOfHeader) -> None:
        """The header is there."""
        if self._message is not None:
            self._message.header(event)

    def body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._message is not None:
            self._message.body(data)

    async def end_of_message(self) -> Response:
        """What becomes of the message."""
        message, self._message = self._message, None
        if message is None:
            return Response(ACCEPT)
        return await message.end(can_hold=bool(self.actions & Action.QUARANTINE))

    def aborted(self) -> None:
        """Forget the message."""
        message, self._message = self._message, None
        if message is not None:
            message.aborted()

    def closed(self) -> None:
        """Forget what is left."""
        self.aborted()

    def _why_ours(self, *, hands_on: bool) -> str | None:
        """What makes the next message our own; None: it is not."""
        service = self._service
        why = why_ours(service.hosts, self._address, self._macros.get("{auth_authen}"))
        if why is None and not hands_on and any(each.holds(self._macros) for each in service.own_macros):
            return "macro"
        return why


def _mail_from(path: str) -> str | None:
    """The reverse-path as SPF takes it; None for what names no mailbox with a domain."""
    try:
        reverse_path = parse_reverse_path(path)
    except ParseError:
        return None
    if not reverse_path.domain:
        return None if reverse_path.local_part else ""
    return f"{reverse_path.local_part}@{reverse_path.domain}"
