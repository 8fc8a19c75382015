"""The MTA's side of the milter protocol for tests: commands as octets, and the replies of a filter read back."""

from __future__ import annotations

from struct import pack, unpack_from

from inalign.milter.messages import Command

ALL_ACTIONS = 0x1FF
ALL_STEPS = 0x1FFFFF


def frame(command: int | str, payload: bytes = b"") -> bytes:
    octet = ord(command) if isinstance(command, str) else command
    return pack(">IB", len(payload) + 1, octet) + payload


def _texts(*texts: str) -> bytes:
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)


def offer(version: int = 6, actions: int = ALL_ACTIONS, steps: int = ALL_STEPS) -> bytes:
    return frame("O", pack(">III", version, actions, steps))


def macros(command: Command, **values: str) -> bytes:
    named = [text for name, value in values.items() for text in (name if len(name) == 1 else f"{{{name}}}", value)]
    return frame("D", bytes((command,)) + _texts(*named))


def connect(host: str = "client.example", family: str = "4", port: int = 25, address: str = "192.0.2.7") -> bytes:
    where = b"" if family == "U" else pack(">H", port) + _texts(address)
    return frame("C", _texts(host) + family.encode() + where)


def helo(name: str = "client.example") -> bytes:
    return frame("H", _texts(name))


def mail(path: str = "<alice@example.org>", *parameters: str) -> bytes:
    return frame("M", _texts(path, *parameters))


def recipient(path: str = "<bob@example.net>", *parameters: str) -> bytes:
    return frame("R", _texts(path, *parameters))


def data() -> bytes:
    return frame("T")


def header(name: bytes, value: bytes) -> bytes:
    return frame("L", name + b"\0" + value + b"\0")


def end_of_header() -> bytes:
    return frame("N")


def body(chunk: bytes) -> bytes:
    return frame("B", chunk)


def end_of_message(chunk: bytes = b"") -> bytes:
    return frame("E", chunk)


def unknown(line: str = "XYZZY") -> bytes:
    return frame("U", _texts(line))


ABORT = frame("A")
QUIT = frame("Q")
NEW_CONNECTION = frame("K")

SAMPLES: dict[Command, bytes] = {
    Command.NEGOTIATE: offer(),
    Command.MACRO: macros(Command.CONNECT, j="mx.example.net"),
    Command.CONNECT: connect(),
    Command.HELO: helo(),
    Command.MAIL: mail(),
    Command.RECIPIENT: recipient(),
    Command.DATA: data(),
    Command.HEADER: header(b"Subject", b" test"),
    Command.END_OF_HEADER: end_of_header(),
    Command.BODY: body(b"body\r\n"),
    Command.END_OF_MESSAGE: end_of_message(),
    Command.ABORT: ABORT,
    Command.UNKNOWN: unknown(),
    Command.QUIT: QUIT,
    Command.NEW_CONNECTION: NEW_CONNECTION,
}
"""One good frame of each command."""

MESSAGE = (
    mail()
    + recipient()
    + data()
    + header(b"From", b" alice@example.org")
    + header(b"Subject", b" test")
    + end_of_header()
    + body(b"body\r\n")
    + end_of_message()
)
"""A whole message, from MAIL to its end."""

MESSAGE_COMMANDS = (
    Command.MAIL,
    Command.RECIPIENT,
    Command.DATA,
    Command.HEADER,
    Command.HEADER,
    Command.END_OF_HEADER,
    Command.BODY,
    Command.END_OF_MESSAGE,
)
"""Its commands."""


def replies(wire: bytes) -> list[tuple[str, bytes]]:
    """The letter and payload of each frame a filter sent; nothing may be left over."""
    found = []
    at = 0
    while at < len(wire):
        (length,) = unpack_from(">I", wire, at)
        assert length >= 1
        assert at + 4 + length <= len(wire)
        found.append((chr(wire[at + 4]), wire[at + 5 : at + 4 + length]))
        at += 4 + length
    return found
