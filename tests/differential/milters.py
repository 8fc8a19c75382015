"""A milter of others as an oracle: a message is handed to it as an MTA does, and it answers with fields to insert."""

from __future__ import annotations

import contextlib
import signal
import socket
from pathlib import Path
from struct import unpack
from types import TracebackType
from typing import Self

from inalign.mail.fields import parse_message
from inalign.milter.messages import Command
from tests.interop.program import Program
from tests.milter import mta

NO_MACROS_NOR_ANSWERS_LEFT_OUT = 0x100000  # the blank behind the colon belongs to the value
BODY_OCTETS = 65535


class ForeignMilter:
    """A program that speaks the milter protocol on a unix socket in a folder."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._path = folder / "socket"
        self._program = Program([*command, "-p", f"local:{self._path}"], folder / "log")

    def __enter__(self) -> Self:
        self._program.wait_ready(self._path.exists)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.signal(signal.SIGKILL)  # libmilter takes five seconds to end by itself
        self._program.stop()

    def fields_for(self, text: bytes) -> list[tuple[bytes, bytes]]:
        """The fields that the milter puts into this message."""
        message = parse_message(text)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self._path))
            stream = connection.makefile("rb")

            def ask(frame: bytes) -> list[tuple[str, bytes]]:
                connection.sendall(frame)
                found = []
                while True:
                    size = unpack(">I", stream.read(4))[0]
                    frame = stream.read(size)
                    found.append((chr(frame[0]), frame[1:]))
                    if found[-1][0] in "Ocartdy":
                        return found

            ask(mta.offer(steps=NO_MACROS_NOR_ANSWERS_LEFT_OUT))
            connection.sendall(mta.macros(Command.CONNECT, j="mx.example.net"))
            ask(mta.connect())
            ask(mta.helo())
            connection.sendall(mta.macros(Command.MAIL, i="queueid"))
            ask(mta.mail())
            ask(mta.recipient())
            for field in message.fields:
                ask(mta.header(field.raw.partition(b":")[0], field.value.replace(b"\r\n", b"\n")))
            ask(mta.end_of_header())
            for start in range(0, len(message.body), BODY_OCTETS):
                if ask(mta.body(message.body[start : start + BODY_OCTETS]))[-1][0] != "c":
                    break
            answers = ask(mta.end_of_message())
            with contextlib.suppress(OSError):
                connection.sendall(mta.QUIT)
        return [_field(payload) for letter, payload in answers if letter in "hi"]


def _field(payload: bytes) -> tuple[bytes, bytes]:
    name, value = payload.rstrip(b"\0").split(b"\0")[-2:]
    return name[-len(name.rpartition(b"\0")[2]) :], value
