"""One SMTP or LMTP connection: the only place that knows aiosmtpd.

What a receiver of reports needs and aiosmtpd does not do is done here: the data is read in pieces into one buffer,
with lines of any length, against a limit that all connections share; idle time counts while data comes, too; further
recipients of an LMTP transaction get 452, since aiosmtpd answers once and LMTP wants a reply for each (RFC 2033
section 4.2); XFORWARD tells the client that our own server met.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import defaultdict
from dataclasses import dataclass
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from inalign.intake.addresses import ReportAddresses
from inalign.intake.gate import ConnectionGate, find_address
from inalign.intake.source import Desk, now
from inalign.spool.deliveries import Delivery, SpoolFull, SpoolUnavailable
from inalign.spool.provenance import Provenance

log = logging.getLogger(__name__)
# It tells every command of every client, and at each connection how it can be logged in.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

MAX_DATA_SECONDS = 1800
"""For the data of one mail: 50 MB at 28 kB/s. RFC 5321 section 4.5.3.2 counts only the time between two blocks."""
MAX_RECIPIENTS = 100
"""Of one SMTP transaction (RFC 5321 section 4.5.3.1.8)."""
MAX_COMMANDS = 10_000
"""Of one kind in one connection; a server in front keeps one open for many mails."""
MAX_COMMAND_OCTETS = 1024
"""Of a command line: RFC 5321 section 4.5.3.1.4 has 512, and more for extensions such as XFORWARD."""

_END = b".\r\n"
_XFORWARD = frozenset({"NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"})
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerContext:
    """What all connections of a listener share."""

    desk: Desk
    hostname: str
    recipients: ReportAddresses
    gate: ConnectionGate
    idle_seconds: float
    tls: ssl.SSLContext | None = None


class _Hooks:
    """The decisions, as aiosmtpd asks for them."""

    def __init__(self, service: ListenerContext) -> None:
        self._service = service

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: SmtpConnection, session: SmtpSession, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        told = [line for line in responses[:-1] if not line.startswith("250-AUTH")]
        if server.is_trusted:
            told.append("250-XFORWARD NAME ADDR PROTO HELO SOURCE")
        return [*told, "250 ENHANCEDSTATUSCODES"]

    async def handle_MAIL(  # noqa: N802
        self, server: SmtpConnection, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._service.gate.begin_mail(server.client):
            return "451 4.7.1 Too many mails from your address this minute; come again later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SmtpConnection, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self._service.recipients:
            return "550 5.1.1 No reports are taken for this address"
        if len(envelope.rcpt_tos) >= (1 if server.is_lmtp else MAX_RECIPIENTS):
            return "452 4.5.3 One recipient at a time; send the others again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_exception(self, error: Exception) -> str:
        log.error("%s: %s", self._service.desk.record.name, error, exc_info=error)
        self._service.desk.complain(f"{type(error).__name__}: {error}")
        return "451 4.3.0 Something went wrong here; come again later"


class SmtpConnection(SMTP):
    """An SMTP connection."""

    is_lmtp = False
    line_length_limit = 1 << 16  # of what is buffered before it is taken; lines may be longer

    def __init__(self, service: ListenerContext, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            _Hooks(service),
            data_size_limit=service.gate.limits.message_bytes,
            enable_SMTPUTF8=True,
            hostname=service.hostname,
            ident="Inalign takes reports",
            tls_context=service.tls,
            timeout=service.idle_seconds,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=MAX_COMMANDS,
            loop=loop,
        )
        # In aiosmtpd this is one for all connections, and each EHLO adds to it.
        self.command_size_limits = defaultdict(lambda: MAX_COMMAND_OCTETS)
        self._service = service
        self._is_admitted = False
        self._forwarded: dict[str, str] = {}
        self._others: set[SmtpConnection] | None = None
        self._is_busy = False
        self._is_ending = False
        self.ended = loop.create_future()
        """Done when the connection is over."""
        self.client = ""
        """The address of the peer; empty for a unix socket."""

    def track(self, sessions: set[SmtpConnection]) -> None:
        """Be in this set as long as the connection is open."""
        self._others = sessions

    @property
    def is_trusted(self) -> bool:
        """Whether the peer is one of our own servers, which hands in the mail of others."""
        return self._service.gate.trusts(self.client)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._is_admitted:  # a second time, after STARTTLS
            super().connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        self.client = peer[0] if isinstance(peer, tuple) else ""
        if not self._service.gate.enter(self.client):
            self._service.desk.complain(f"too many connections, the last one from {self.client or 'a local socket'}")
            stream = cast("asyncio.WriteTransport", transport)
            stream.write(b"421 4.7.0 Too many connections; come again later\r\n")
            stream.close()
            return
        self._is_admitted = True
        if self._others is not None:
            self._others.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_admitted:
            self._is_admitted = False
            self._service.gate.leave(self.client)
            if self._others is not None:
                self._others.discard(self)
            self.ended.set_result(None)
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._is_admitted else False

    def finish(self) -> None:
        """End the connection as soon as no mail is under way."""
        self._is_ending = True
        if not self._is_busy:
            self.abort()

    def abort(self) -> None:
        """End the connection, whatever is under way."""
        if self.transport is not None:
            self.transport.close()

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802
        await self.push("252 2.5.2 Send it and see")

    async def smtp_HELP(self, arg: str) -> None:  # noqa: N802
        await self.push("214 2.0.0 RFC 5321")

    async def smtp_XFORWARD(self, arg: str | None) -> None:  # noqa: N802
        """The client that our own server met, as Postfix tells it (XFORWARD_README)."""
        if not self.is_trusted:
            await self.push("550 5.7.1 Not from you")
            return
        for word in (arg or "").split():
            name, equals, value = word.partition("=")
            if not equals or name.upper() not in _XFORWARD:
                await self.push("501 5.5.4 Bad XFORWARD attribute")
                return
            self._forwarded[name.upper()] = _XTEXT.sub(lambda code: chr(int(code[1], 16)), value)
        await self.push("250 2.0.0 OK")

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        data = bytearray()
        self._is_busy = True
        try:
            refusal = await self._read_data(data)
            await self.push(refusal or await self._hand_in(envelope, data))
        finally:
            self._service.gate.release(len(data))
            self._forwarded.clear()  # Postfix tells it anew for each mail
            self.envelope = self._create_envelope()
            self._is_busy = False
        if self._is_ending:
            self.abort()

    async def _read_data(self, data: bytearray) -> str:
        """Read up to the final dot; empty, or the reply that says why the data, read and dropped, is not taken."""
        gate = self._service.gate
        refusal, tail, size = "", b"", 0
        deadline = self.loop.time() + MAX_DATA_SECONDS
        while True:
            try:
                # Only CR LF . CR LF is the end (RFC 5321 section 4.1.1.4): any other form lets one mail hide another.
                piece = await self._reader.readuntil(_END)
                is_end = (tail + piece).endswith(b"\r\n" + _END) or (size == 0 and piece == _END)
            except asyncio.LimitOverrunError as longer:
                piece = await self._reader.read(longer.consumed)
                is_end = False
            self._reset_timeout()
            if self.loop.time() > deadline:
                self.abort()
                raise asyncio.CancelledError
            size += len(piece)
            tail = (tail + piece)[-2:]
            if not refusal and size > gate.limits.message_bytes + len(_END):
                refusal = f"552 5.3.4 More than {gate.limits.message_bytes} octets are not taken"
            elif not refusal and not gate.hold(len(piece)):
                refusal = "452 4.3.1 Too much is under way; come again later"
            if not refusal:
                data += piece
            elif data:
                gate.release(len(data))
                data.clear()
            if is_end:
                return refusal

    async def _hand_in(self, envelope: Envelope, data: bytearray) -> str:
        """The mail to the spool; the reply, positive only once it is there."""
        content = _unstuffed(bytes(data[: -len(_END)]))
        client, helo = self._who()
        desk = self._service.desk
        provenance = Provenance(
            name="mail.eml",
            source=desk.record.name,
            received=now(),
            client_ip=client,
            helo=helo,
            mail_from="" if envelope.mail_from == "<>" else envelope.mail_from,
            recipient=envelope.rcpt_tos[0],
        )
        try:
            name = await desk.take(Delivery(content=content, provenance=provenance))
        except SpoolFull as problem:
            desk.complain(str(problem))
            return "452 4.3.1 No room at the moment; come again later"
        except SpoolUnavailable as problem:
            desk.complain(str(problem))
            return "451 4.3.0 It cannot be kept at the moment; come again later"
        return f"250 2.0.0 Kept as {name}"

    def _who(self) -> tuple[str | None, str | None]:
        """Address and HELO of the client that brought the mail; None where only our own server is known."""
        if self.is_trusted:
            told = self._forwarded
            address = find_address(told.get("ADDR", "").removeprefix("IPV6:").removeprefix("IPv6:"))
            is_local = told.get("SOURCE", "").upper() == "LOCAL"
            if address is None or is_local:
                return None, None
            helo = told.get("HELO", "")
            return str(address), None if helo.startswith("[UNAVAIL") or not helo else helo
        assert self.session is not None  # noqa: S101 - of a connection that was made
        return self.client, self.session.host_name


def _unstuffed(content: bytes) -> bytes:
    """Without the dots that the client put in front of lines that begin with one (RFC 5321 section 4.5.2)."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n") if b"\r\n." in content else content


class LmtpSession(SmtpConnection):
    """An LMTP connection (RFC 2033)."""

    is_lmtp = True

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, arg: str) -> None:  # noqa: N802
        # RFC 2033 section 4.1: HELO and EHLO are no commands of LMTP
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def smtp_EHLO(self, arg: str) -> None:  # noqa: N802
        await self.push("500 5.5.1 This is LMTP: say LHLO")
