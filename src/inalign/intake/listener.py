"""The listener: sockets for LMTP and SMTP that take mail for the report addresses, and nothing else.

A mail gets 250 only once the spool has it on disk; 452 or 451 while the spool is full or does not answer, so that it
waits at its sender. Mail for any other address gets 550.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from inalign.errors import TransportError
from inalign.intake.addresses import ReportAddresses
from inalign.intake.gate import ConnectionGate, GateLimits
from inalign.intake.smtp_session import ListenerContext, LmtpSession, SmtpConnection
from inalign.intake.source import Desk
from inalign.mail.networks import Networks
from inalign.net.listen import Address, UnixAddress, forget, listen, parse_address

DRAIN_SECONDS = 5.0
"""How long connections may go on when the listener ends: a mail that is being written should get its 250."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerOptions:
    """The listener of the settings."""

    lmtp: tuple[str, ...] = ()
    smtp: tuple[str, ...] = ()
    """Sockets, as `parse_address` reads them."""
    addresses: tuple[str, ...]
    """Mail for these is taken; `@rua.example.org` stands for all of a domain."""
    trusted: Networks = field(default_factory=Networks)
    """Our own servers, whose address says nothing about the sender."""
    limits: GateLimits = field(default_factory=GateLimits)
    idle_seconds: float = 300.0
    certificate: Path | None = None
    key: Path | None = None
    socket_mode: int = 0o660
    hostname: str = "localhost"


class Listener:
    """The source."""

    kind = "listener"
    name = "listener"

    def __init__(self, options: ListenerOptions) -> None:
        """Raises `ParseError` for what is no address, of a socket or of mail."""
        self.options = options
        self._recipients = ReportAddresses(options.addresses)
        self._addresses: list[tuple[Address, bool]] = [
            *((parse_address(text), True) for text in options.lmtp),
            *((parse_address(text), False) for text in options.smtp),
        ]
        self._sockets: list[socket.socket] = []

    def bind(self) -> None:
        """Listen, while we may still be root; `run` does it otherwise. Raises `TransportError`."""
        if self._sockets:
            return
        try:
            for address, _ in self._addresses:
                self._sockets.append(listen(address, mode=self.options.socket_mode))
        except TransportError:
            # All or none: who connects to one that nobody serves would wait for nothing.
            for bound in self._sockets:
                bound.close()
            self._sockets.clear()
            raise

    @property
    def bound(self) -> list[object]:
        """The names of the sockets, as Python has them."""
        return [each.getsockname() for each in self._sockets]

    async def test(self) -> list[str]:
        """Which addresses are taken where."""
        self._tls()
        kinds = [f"{'LMTP' if is_lmtp else 'SMTP'} on {address}" for address, is_lmtp in self._addresses]
        return [*kinds, f"takes mail for {', '.join(self.options.addresses)}"]

    async def run(self, desk: Desk) -> None:
        """Serve until cancelled. Raises `TransportError` where a socket cannot be had."""
        desk.begin()
        self.bind()
        service = ListenerContext(
            desk=desk,
            hostname=self.options.hostname,
            recipients=self._recipients,
            gate=ConnectionGate(self.options.limits, self.options.trusted),
            idle_seconds=self.options.idle_seconds,
            tls=self._tls(),
        )
        open_sessions: set[SmtpConnection] = set()
        servers = [
            await self._serve(bound, is_lmtp, service, open_sessions)
            for bound, (_, is_lmtp) in zip(self._sockets, self._addresses, strict=True)
        ]
        desk.end()
        try:
            await asyncio.Event().wait()
        finally:
            for server in servers:
                server.close()
            self._sockets.clear()
            for address, _ in self._addresses:
                if isinstance(address, UnixAddress):
                    forget(address)
            await _drain(open_sessions)

    async def _serve(
        self, bound: socket.socket, is_lmtp: bool, service: ListenerContext, sessions: set[SmtpConnection]
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        kind = LmtpSession if is_lmtp else SmtpConnection

        def connect() -> SmtpConnection:
            session = kind(service, loop)
            session.track(sessions)
            return session

        if bound.family == socket.AF_UNIX:
            return await loop.create_unix_server(connect, sock=bound)
        return await loop.create_server(connect, sock=bound)

    def _tls(self) -> ssl.SSLContext | None:
        if self.options.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.options.certificate, self.options.key)
        except (OSError, ssl.SSLError) as problem:
            raise TransportError(f"{self.options.certificate}: {problem}") from None
        return context


async def _drain(sessions: set[SmtpConnection]) -> None:
    """Let the mails under way come to their reply, and end what is left."""
    for session in list(sessions):
        session.finish()
    if sessions:
        await asyncio.wait([session.ended for session in sessions], timeout=DRAIN_SECONDS)
    for session in list(sessions):
        session.abort()
