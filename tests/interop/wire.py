"""A mail server and the recording milter as one thing to ask: this message, this script; what was said and came out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.interop.recorder import Conversation, Recorder, Script
from tests.interop.server import MailServer
from tests.interop.smtp import Client, Reply

SENDER = "alice@example.org"
HEADER = b"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: t\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
HEADER += b"Message-ID: <1@example.org>\r\n"
PLAIN = HEADER + b"\r\nbody\r\n"
_numbers = itertools.count(1)


def fresh_address() -> str:
    """A recipient that no other test uses."""
    return f"box{next(_numbers)}@example.net"


@dataclass
class Wire:
    server: MailServer
    recorder: Recorder
    recipient: str = field(default_factory=fresh_address)

    def script(self, script: Script) -> None:
        self.recorder.reset(script)

    def send(
        self,
        message: bytes,
        mail_from: str = SENDER,
        *,
        client: Client | None = None,
        strict: bool = False,
        options: Sequence[str] = (),
    ) -> Reply:
        """One message in one session, from loopback when no client is given."""
        with self.server.session(client, strict=strict) as session:
            return session.send(message, mail_from, self.recipient, options=options)

    def heard(self, message: bytes, mail_from: str = SENDER, *, client: Client | None = None) -> Conversation:
        """What the milter hears of a message that is accepted."""
        assert self.send(message, mail_from, client=client).code == 250
        self.delivered()
        return self.recorder.conversation()

    def edited(self, message: bytes, *edits: bytes, protocol: int = 0, client: Client | None = None) -> bytes:
        """The message as delivered after these edits at its end."""
        self.script(Script(edits=edits, protocol=protocol))
        assert self.send(message, client=client).code == 250
        return self.delivered()

    def delivered(self) -> bytes:
        (message,) = self.server.delivered(self.recipient)
        return message
