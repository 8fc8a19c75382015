"""A mail server that takes mail for tests: a real SMTP conversation on an ephemeral port of loopback."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Taken:
    """One mail as it came."""

    sender: str
    recipients: list[str]
    content: bytes
    options: list[str]
    tls: bool
    login: bytes | None


@dataclass
class MailServer:
    """What it says, and what it took."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    """Recipients, and the reply that each gets."""
    after_data: str = "250 OK"
    login: tuple[bytes, bytes] | None = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        login = getattr(session.auth_data, "login", None)
        is_tls = server.transport is not None and server.transport.get_extra_info("sslcontext") is not None
        sender = envelope.mail_from or ""
        mail = Taken(sender, list(envelope.rcpt_tos), content, list(envelope.mail_options), is_tls, login)
        if self.after_data.startswith("250"):
            self.taken.append(mail)
        return self.after_data

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: Any
    ) -> AuthResult:
        """aiosmtpd asks so."""
        is_right = (auth_data.login, auth_data.password) == self.login
        return AuthResult(success=is_right, handled=False, auth_data=auth_data)


@asynccontextmanager
async def mail_server(
    certificate: Path | None = None,
    *,
    implicit: bool = False,
    login: tuple[bytes, bytes] | None = None,
    utf8: bool = True,
) -> AsyncIterator[MailServer]:
    """A server; with a certificate it does STARTTLS, or TLS from the start."""
    told = MailServer(login=login)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    made: list[SMTP] = []

    def make() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # aiosmtpd warns of a login without TLS; this is a test
            made.append(
                SMTP(
                    told,
                    hostname="mail.example",
                    enable_SMTPUTF8=utf8,
                    tls_context=None if implicit else context,
                    auth_required=login is not None,
                    auth_require_tls=login is not None and not implicit,
                    authenticator=told.authenticate if login is not None else None,
                )
            )
        return made[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=context if implicit else None)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()
        tasks = [each._handler_coroutine for each in made if each._handler_coroutine]
        for each in made:
            if each.transport is not None:
                each.transport.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
