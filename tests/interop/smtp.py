"""An SMTP client for tests that hides nothing: raw commands, pipelining, RSET, octets as they are.

`smtplib` mends line ends and cannot pipeline; the tests are about exactly these things.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

REPLY_SECONDS = 60.0


class Reply(NamedTuple):
    """The answer to one command: its code, and its lines without code joined by LF."""

    code: int
    text: str


@dataclass(frozen=True)
class Client:
    """Who the server shall believe is speaking."""

    ip: str = "192.0.2.7"
    helo: str = "mail.example.org"
    name: str | None = "mail.example.org"
    """The verified host name; None: the address has none."""
    login: str | None = None
    """The name it authenticated as."""


def dot_stuffed(message: bytes) -> bytes:
    """The message as DATA carries it (RFC 5321 section 4.5.2), with the line of the final dot."""
    if message.startswith(b"."):
        message = b"." + message
    message = message.replace(b"\r\n.", b"\r\n..")
    end = b"" if message.endswith(b"\r\n") else b"\r\n"
    return message + end + b".\r\n"


class SmtpSession:
    """One connection to a server on loopback, from this address if one is named."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", source: str | None = None) -> None:
        self._socket = socket.create_connection(
            (host, port), timeout=REPLY_SECONDS, source_address=None if source is None else (source, 0)
        )
        self._input = self._socket.makefile("rb")
        self.greeting = self.reply()

    def greet(self, name: str) -> Reply | None:
        """EHLO, unless the server has refused to talk at all."""
        return self.command(f"EHLO {name}") if self.greeting.code == 220 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say QUIT if the server still listens, and hang up."""
        with contextlib.suppress(OSError):
            self.command("QUIT")
        self.drop()

    def drop(self) -> None:
        """Hang up without a word."""
        self._input.close()
        self._socket.close()

    def raw(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def reply(self) -> Reply:
        """The next reply, all its lines; code 0 when the server has hung up."""
        lines: list[str] = []
        while True:
            line = self._input.readline()
            if not line:
                return Reply(0, "\n".join(lines))
            lines.append(line[4:].decode("latin-1").rstrip("\r\n"))
            if line[3:4] != b"-":
                return Reply(int(line[:3]), "\n".join(lines))

    def command(self, line: str | bytes) -> Reply:
        self.raw((line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def envelope(self, mail_from: str, rcpt_to: str | Sequence[str], options: Iterable[str] = ()) -> list[Reply]:
        """MAIL and each RCPT, one after the other."""
        replies = [self.command(_mail(mail_from, options))]
        return replies + [self.command(f"RCPT TO:<{address}>") for address in _several(rcpt_to)]

    def data(self, message: bytes) -> Reply:
        """DATA, the message, the dot; the reply to the dot, or to DATA where that is refused."""
        ready = self.command("DATA")
        if ready.code != 354:
            return ready
        self.raw(dot_stuffed(message))
        return self.reply()

    def send(
        self,
        message: bytes,
        mail_from: str,
        rcpt_to: str | Sequence[str],
        *,
        pipelining: bool = False,
        options: Iterable[str] = (),
    ) -> Reply:
        """One whole transaction: the reply to its dot, or the first refusal before it."""
        if pipelining:
            return self.pipelined([(message, mail_from, rcpt_to)], options=options)[-1]
        for reply in self.envelope(mail_from, rcpt_to, options):
            if reply.code // 100 != 2:
                self.command("RSET")
                return reply
        return self.data(message)

    def pipelined(
        self, transactions: Sequence[tuple[bytes, str, str | Sequence[str]]], *, options: Iterable[str] = ()
    ) -> list[Reply]:
        """Transactions in which all commands up to DATA leave in one write (RFC 2920); the reply to each dot."""
        ends = []
        for message, mail_from, rcpt_to in transactions:
            lines = [_mail(mail_from, options), *(f"RCPT TO:<{address}>" for address in _several(rcpt_to)), "DATA"]
            self.raw("".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape"))
            replies = [self.reply() for _ in lines]
            if replies[-1].code != 354:
                ends.append(next(reply for reply in replies if reply.code // 100 != 2))
                continue
            self.raw(dot_stuffed(message))
            ends.append(self.reply())
        return ends


def _mail(mail_from: str, options: Iterable[str]) -> str:
    return " ".join([f"MAIL FROM:<{mail_from}>", *options])


def _several(rcpt_to: str | Sequence[str]) -> Sequence[str]:
    return [rcpt_to] if isinstance(rcpt_to, str) else rcpt_to
