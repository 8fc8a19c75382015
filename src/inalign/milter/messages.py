"""The words of the milter protocol, version 6: commands, actions, protocol steps, and what each command tells.

The numbers are those of libmilter's `mfdef.h` and `mfapi.h`; `docs/milter-wire.md` goes through them message by
message. Text from the wire becomes `str` by UTF-8 with surrogateescape, so that no octet is lost; header fields and
body stay octets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import IntEnum, IntFlag, StrEnum
from ipaddress import IPv6Address
from typing import NamedTuple

from inalign.errors import RemoteProtocolError

VERSION = 6
"""The protocol version spoken here, and the only one: Postfix since 2.6 and Sendmail since 8.14 speak it."""


class Command(IntEnum):
    """What the MTA sends; the value is the octet on the wire."""

    NEGOTIATE = ord("O")
    MACRO = ord("D")
    CONNECT = ord("C")
    HELO = ord("H")
    MAIL = ord("M")
    RECIPIENT = ord("R")
    DATA = ord("T")
    HEADER = ord("L")
    END_OF_HEADER = ord("N")
    BODY = ord("B")
    END_OF_MESSAGE = ord("E")
    ABORT = ord("A")
    UNKNOWN = ord("U")
    """An SMTP command that the MTA does not know."""
    QUIT = ord("Q")
    NEW_CONNECTION = ord("K")
    """The SMTP connection is over, and another one follows on this milter connection."""


class Action(IntFlag):
    """What a filter may do to a message at its end."""

    ADD_HEADER = 0x1
    """Add and insert header fields."""
    REPLACE_BODY = 0x2
    ADD_RECIPIENT = 0x4
    DELETE_RECIPIENT = 0x8
    CHANGE_HEADER = 0x10
    """Change and delete header fields."""
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENT_WITH_PARAMETERS = 0x80
    SET_MACROS = 0x100
    """Say in the negotiation which macros are wanted."""


class ProtocolStep(IntFlag):
    """What the MTA offers to leave out or to do otherwise; a filter takes what it likes of the offer."""

    NO_CONNECT = 0x1
    NO_HELO = 0x2
    NO_MAIL = 0x4
    NO_RECIPIENT = 0x8
    NO_BODY = 0x10
    NO_HEADER = 0x20
    NO_END_OF_HEADER = 0x40
    NO_REPLY_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    """The reply SKIP is understood."""
    REJECTED_RECIPIENTS = 0x800
    """Tell also of recipients that the MTA refused."""
    NO_REPLY_CONNECT = 0x1000
    NO_REPLY_HELO = 0x2000
    NO_REPLY_MAIL = 0x4000
    NO_REPLY_RECIPIENT = 0x8000
    NO_REPLY_DATA = 0x10000
    NO_REPLY_UNKNOWN = 0x20000
    NO_REPLY_END_OF_HEADER = 0x40000
    NO_REPLY_BODY = 0x80000
    LEADING_SPACE = 0x100000
    """Blanks behind the colon of a header field are kept, both ways."""


class Family(StrEnum):
    """The kind of the client's address."""

    UNKNOWN = "U"
    UNIX = "L"
    INET = "4"
    INET6 = "6"


class Connected(NamedTuple):
    """An SMTP client is there."""

    host: str
    """The client's name as the MTA found it; an address in brackets where it has none."""
    family: Family
    address: str | None
    """The address without `IPv6:` and shortened, or the path of a UNIX socket; None where the family is unknown."""
    port: int | None

    @property
    def client_ip(self) -> str | None:
        """The address where it is an IP address."""
        return self.address if self.family in (Family.INET, Family.INET6) else None


class Helo(NamedTuple):
    """HELO or EHLO; a later one replaces an earlier one."""

    name: str


class MailFrom(NamedTuple):
    """MAIL: a message begins."""

    path: str
    """The reverse-path as the client wrote it, with or without brackets."""
    parameters: tuple[str, ...]

    @property
    def address(self) -> str:
        """The mailbox alone; `""` is the null reverse-path."""
        return mailbox_of(self.path)


class Recipient(NamedTuple):
    """RCPT: one more recipient."""

    path: str
    """The forward-path as the client wrote it, with or without brackets."""
    parameters: tuple[str, ...]

    @property
    def address(self) -> str:
        """The mailbox alone."""
        return mailbox_of(self.path)


class Data(NamedTuple):
    """DATA."""


class UnknownCommand(NamedTuple):
    """An SMTP command that the MTA does not know."""

    line: str


class HeaderField(NamedTuple):
    """One field of the header: the octets before and behind the colon, lines ended by LF, the last end left out."""

    name: bytes
    value: bytes


class EndOfHeader(NamedTuple):
    """The header is complete; the body follows."""

    fields: tuple[HeaderField, ...]
    """From top to bottom, up to the limits."""
    dropped: int
    """How many more fields there were beyond the limits."""
    unread: Mapping[bytes, int]
    """How many of those bear a name that the filter watches, by lower-case name. They come behind all of `fields`, so
    that their indexes go on from there: a filter that must not leave one unread can still delete them."""

    def occurrences(self, name: bytes) -> Iterator[tuple[int, HeaderField]]:
        """The fields of this name (in any case) with the index, from 1, by which an edit names them."""
        key, length = name.lower(), len(name)
        index = 0
        for field in self.fields:
            if len(field.name) >= length and field.name.rstrip(b" \t").lower() == key:
                index += 1
                yield index, field


class BodyChunk(NamedTuple):
    """A piece of the body, cut anywhere, even within a CRLF."""

    data: bytes


class EndOfMessage(NamedTuple):
    """The message is complete: what becomes of it must be answered now."""


class Aborted(NamedTuple):
    """The message that had begun is off; the SMTP connection goes on."""


class Disconnected(NamedTuple):
    """The SMTP connection is over; another may follow on this milter connection."""


class Quit(NamedTuple):
    """The MTA needs the milter connection no more."""


Event = (
    Connected
    | Helo
    | MailFrom
    | Recipient
    | Data
    | UnknownCommand
    | EndOfHeader
    | BodyChunk
    | EndOfMessage
    | Aborted
    | Disconnected
    | Quit
)


def mailbox_of(path: str) -> str:
    """The mailbox in a path as a client wrote it: no brackets, no blanks around it, no source route.

    RFC 5321 section 4.1.2 has the grammar; real clients leave the brackets out or put blanks within, and MTAs let them.
    """
    text = path.strip(" \t")
    if text.startswith("<"):
        text = text[1:].removesuffix(">").strip(" \t")
    if text.startswith("@"):  # RFC 5321 section 4.1.1.3: a source route is ignored
        text = text.partition(":")[2] or text
    return text


_FAMILIES = {ord(family): family for family in Family}


def decode_connect(payload: bytes) -> Connected:
    """Host name, NUL, family, and but for the unknown family port and address with NUL."""
    host, nul, rest = payload.partition(b"\0")
    if not nul or not rest:
        raise malformed(Command.CONNECT, "no address family")
    family = _FAMILIES.get(rest[0])
    if family is None:
        raise malformed(Command.CONNECT, f"address family {rest[:1]!r}")
    if family is Family.UNKNOWN:
        return Connected(text_of(host), family, None, None)
    if len(rest) < 4:
        raise malformed(Command.CONNECT, "no port or address")
    address = text_of(rest[3:].partition(b"\0")[0])
    if family is Family.INET6 and address[:5].lower() == "ipv6:":
        address = address[5:]
        with suppress(ValueError):  # Sendmail writes it in full; logs and results name it as everybody does
            address = str(IPv6Address(address))
    return Connected(text_of(host), family, address, int.from_bytes(rest[1:3], "big"))


def decode_helo(payload: bytes) -> Helo:
    """One string."""
    return Helo(_strings(Command.HELO, payload)[0])


def decode_mail(payload: bytes) -> MailFrom:
    """The path, then each parameter, as strings."""
    path, *parameters = _strings(Command.MAIL, payload)
    return MailFrom(path, tuple(parameters))


def decode_recipient(payload: bytes) -> Recipient:
    """The path, then each parameter, as strings."""
    path, *parameters = _strings(Command.RECIPIENT, payload)
    return Recipient(path, tuple(parameters))


def decode_unknown(payload: bytes) -> UnknownCommand:
    """One string."""
    return UnknownCommand(_strings(Command.UNKNOWN, payload)[0])


def text_of(octets: bytes) -> str:
    """Text from the wire; what is no UTF-8 stays recoverable."""
    return octets.decode("utf-8", "surrogateescape")


def malformed(command: Command, what: str) -> RemoteProtocolError:
    """The error of a command whose payload cannot be read."""
    return RemoteProtocolError(f"malformed {command.name}: {what}")


def _strings(command: Command, payload: bytes) -> list[str]:
    """NUL-ended strings, one at least."""
    if payload[-1:] != b"\0":
        raise malformed(command, "a string does not end with NUL")
    return text_of(payload[:-1]).split("\0")
