"""What the tests ask of a mail server, whichever it is: SMTP sessions before one milter, and what was delivered.

Each server runs as a private instance: own configuration, queue and mailboxes in one folder, on loopback ports of its
own. Mail for any address at example.net is delivered and handed out by address; nothing leaves the machine.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeVar

import pytest

from tests.interop.smtp import Client, Reply, SmtpSession
from tests.programs import wait_until

T = TypeVar("T")

DOMAIN = "example.net"
HOST = "mx.example.net"
LOCAL_CLIENT = "127.0.0.1"
DELIVERY_SECONDS = 20.0
DEFAULT_CLIENT = Client()
ONLY_POSTFIX = pytest.mark.parametrize("server_name", ["postfix"], indirect=True)
ONLY_SENDMAIL = pytest.mark.parametrize("server_name", ["sendmail"], indirect=True)


class Delivered(NamedTuple):
    """One message as it was delivered, lines ended by LF."""

    return_path: str
    recipient: str
    message: bytes


class MailServer(ABC):
    """One running instance before one milter, `inet:127.0.0.1:PORT` or `unix:PATH`; `stop` in every case.

    Its services differ in what they do without their milter: by default mail goes on, `strict` makes the client come
    again.
    """

    name: ClassVar[str]

    def __init__(self, milter: str) -> None:
        self.milter = milter
        # Not pytest's own temporary folder: that is closed to other users, and mail servers have several.
        self.folder = Path(tempfile.mkdtemp(prefix=f"inalign-{self.name}-"))
        self.folder.chmod(0o755)
        self._mailboxes: defaultdict[str, deque[Delivered]] = defaultdict(deque)

    def per(self, *, postfix: T, sendmail: T) -> T:
        """What is true of this server."""
        return {"postfix": postfix, "sendmail": sendmail}[self.name]

    @abstractmethod
    def session(self, client: Client | None = None, *, strict: bool = False, greet: bool = True) -> SmtpSession:
        """A connection from loopback, or from wherever the client is said to be."""

    @abstractmethod
    def client_ip(self, client: Client) -> str:
        """The address under which the server sees this client."""

    @abstractmethod
    def sendmail(self, message: bytes, mail_from: str, rcpt_to: str | Sequence[str]) -> None:
        """Hand a message to the local `sendmail` command; it reads lines ended by LF."""

    @abstractmethod
    def stop(self) -> None:
        """End the instance and take its folder away."""

    @abstractmethod
    def log(self) -> str:
        """What the server tells about itself."""

    @abstractmethod
    def held(self, recipient: str) -> bool:
        """Whether a message to this address is quarantined."""

    @abstractmethod
    def _collect(self) -> None:
        """Put what was delivered since into `_mailboxes`."""

    def send(
        self,
        message: bytes,
        mail_from: str,
        rcpt_to: str | Sequence[str],
        *,
        client: Client | None = DEFAULT_CLIENT,
        pipelining: bool = False,
        strict: bool = False,
        options: Sequence[str] = (),
    ) -> Reply:
        """One message in one session; the reply to its last octet, or the refusal that came before."""
        with self.session(client, strict=strict) as session:
            return session.send(message, mail_from, rcpt_to, pipelining=pipelining, options=options)

    def delivered(self, recipient: str, count: int = 1) -> list[bytes]:
        """The next messages to this address, oldest first; waits for so many, and fails when they do not come."""
        return [each.message for each in self.deliveries(recipient, count)]

    def deliveries(self, recipient: str, count: int = 1) -> list[Delivered]:
        """As `delivered`, with what the delivery noted about the envelope."""

        def arrived() -> bool:
            self._collect()
            return len(self._mailboxes[recipient]) >= count

        try:
            wait_until(arrived, f"{count} messages to {recipient}", DELIVERY_SECONDS)
        except AssertionError as failure:
            there = {address: len(found) for address, found in self._mailboxes.items() if found}
            raise AssertionError(f"{failure}; there are {there}\n{self.log()[-3000:]}") from None
        return [self._mailboxes[recipient].popleft() for _ in range(count)]
