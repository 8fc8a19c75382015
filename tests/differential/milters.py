"""A milter of others as an oracle: a message is handed to it as an MTA does, and it answers with fields to insert."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from struct import unpack
from types import TracebackType
from typing import Self

from inalign.mail.fields import Message, parse_message
from inalign.milter.messages import Command
from tests.milter import mta
from tests.programs import Program

LEADING_SPACE = 0x100000  # the blank behind the colon belongs to the value; no other step is offered
LAST_OF_AN_ANSWER = "Oacdrty"
BODY_OCTETS = 65535


class ForeignMilter:
    """A program that speaks the milter protocol on a unix socket in a folder."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._path = folder / "socket"
        self._program = Program([*command, "-p", f"local:{self._path}"], folder / "log")

    def __enter__(self) -> Self:
        self._program.wait_ready(self._listens)
        return self

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._path)) == 0

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.signal(signal.SIGKILL)  # libmilter takes five seconds to end by itself
        self._program.stop()

    def fields_for(self, text: bytes) -> list[tuple[bytes, bytes]]:
        """The fields that the milter puts into this message."""
        message = parse_message(text)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self._path))
            stream = connection.makefile("rb")

            def ask(frame: bytes) -> list[tuple[str, bytes]]:
                connection.sendall(frame)
                found: list[tuple[str, bytes]] = []
                while not found or found[-1][0] not in LAST_OF_AN_ANSWER:
                    size = unpack(">I", stream.read(4))[0]
                    answer = stream.read(size)
                    found.append((chr(answer[0]), answer[1:]))
                return found

            ask(mta.offer(steps=LEADING_SPACE))
            connection.sendall(mta.macros(Command.CONNECT, j="mx.example.net"))
            ask(mta.connect())
            ask(mta.helo())
            connection.sendall(mta.macros(Command.MAIL, i="queueid"))
            ask(mta.mail())
            ask(mta.recipient())
            answers: list[tuple[str, bytes]] = []
            for frame in _frames(message):
                answers = ask(frame)
                if answers[-1][0] != "c":  # it wants to hear no more of this message
                    break
            with contextlib.suppress(OSError):
                connection.sendall(mta.QUIT)
        return [_field(letter, payload) for letter, payload in answers if letter in "hi"]


def _frames(message: Message) -> Iterator[bytes]:
    for field in message.fields:
        yield mta.header(field.raw.partition(b":")[0], field.value.replace(b"\r\n", b"\n"))
    yield mta.end_of_header()
    for start in range(0, len(message.body), BODY_OCTETS):
        yield mta.body(message.body[start : start + BODY_OCTETS])
    yield mta.end_of_message()


def _field(letter: str, payload: bytes) -> tuple[bytes, bytes]:
    """A field that is added, or inserted at a place, whose number stands before it."""
    name, value = (payload[4:] if letter == "i" else payload).removesuffix(b"\0").split(b"\0")
    return name, value
