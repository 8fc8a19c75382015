r"""Master files, the text form of a zone: RFC 1035 section 5, RFC 2308 section 4 ($TTL), RFC 3597 section 5.

Read are TXT, A, AAAA, MX, PTR and CNAME of class IN, in every form: `@`, relative names, a blank owner for the one
before, parentheses, comments, quoted strings, `\DDD` and `\"`, TTL and class in any order, TTLs with units as BIND
writes them (1h30m), unknown records as `\# length hex`. Records of other types say only that their owner exists.

Refused, each with its line: `$INCLUDE` (nothing but this text is read) and every other `$` but `$ORIGIN` and `$TTL`.
A relative name before any `$ORIGIN` counts from the root, while `@` is an error there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import error
from typing import Literal

from inalign.errors import ParseError
from inalign.resolver.interface import MailExchange, QuestionKind, canonical_name
from inalign.resolver.wire import (
    AAAA,
    MAX_LABEL_OCTETS,
    MAX_NAME_OCTETS,
    MX,
    PTR,
    TXT,
    A,
    RecordType,
    decode_name,
    encode_name,
)

MAX_STRING_OCTETS = 255  # RFC 1035 section 3.3: a character-string has one length octet
MAX_TTL = 0x7FFFFFFF  # RFC 2181 section 8
MAX_DATA_OCTETS = 65535  # RFC 1035 section 3.2.1: RDLENGTH has two octets

# Possessive throughout: each alternative begins with another octet, and nothing is ever given back.
_TOKEN = re.compile(
    rb"""
      (?P<blank>[ \t\r\f\v]++)
    | (?P<comment>;[^\n]*+)
    | (?P<end>\n)
    | (?P<open>\() | (?P<close>\))
    | "(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*)"
    | (?P<plain>(?:[^\s;()"\\]++|\\(?!\r?\n).)+)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|(.))", re.DOTALL)
_LABEL = re.compile(rb"(?:[^.\\]++|\\[0-9]{3}|\\.)+|\.", re.DOTALL)
_TTL = re.compile(rb"(?:[0-9]{1,10}[smhdwSMHDW])+|[0-9]{1,10}")
_TTL_PART = re.compile(rb"([0-9]+)([a-z]?)")
_UNITS = {b"": 1, b"s": 1, b"m": 60, b"h": 3600, b"d": 86400, b"w": 604800}
_CLASSES = frozenset((b"IN", b"CH", b"HS", b"CS", b"CLASS1", b"CLASS3", b"CLASS4", b"CLASS2"))
_IN = frozenset((b"IN", b"CLASS1"))

RecordKind = QuestionKind | Literal["CNAME"]
_KINDS: dict[bytes, RecordKind] = {
    **{b"TXT": "TXT", b"A": "A", b"AAAA": "AAAA", b"MX": "MX", b"PTR": "PTR", b"CNAME": "CNAME"},
    **{b"TYPE16": "TXT", b"TYPE1": "A", b"TYPE28": "AAAA", b"TYPE15": "MX", b"TYPE12": "PTR", b"TYPE5": "CNAME"},
}
_WIRE: dict[RecordKind, RecordType[object]] = {"TXT": TXT, "A": A, "AAAA": AAAA, "MX": MX, "PTR": PTR, "CNAME": PTR}


class MasterFileError(ParseError):
    """The text is no master file; line and reason."""


@dataclass(frozen=True, slots=True)
class MasterFileRecord:
    """One record. `kind` and `value` are None for a type that is not read: its owner exists."""

    line: int
    owner: str
    """In lower case, without the trailing dot; the root is ""."""
    kind: RecordKind | None
    value: object
    ttl: int


@dataclass(frozen=True, slots=True)
class _Token:
    line: int
    octets: bytes
    """With its escapes, without the quotes."""
    is_quoted: bool


def parse_master_file(text: str | bytes, *, origin: str = "") -> list[MasterFileRecord]:
    """All records, in their order. Raises `MasterFileError`."""
    try:
        octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise MasterFileError("line 1: the text has characters that no octets stand for") from None
    reader = _EntryReader()
    if origin:
        reader.origin = encode_name(canonical_name(origin))
        if reader.origin is None:
            raise MasterFileError(f"the origin {origin[:260]!r} is no name")
    return list(reader.records(octets.removeprefix(b"\xef\xbb\xbf")))


def _entries(octets: bytes) -> Iterator[tuple[bool, list[_Token]]]:
    """The entries of the file: whether it begins with a blank, and its tokens. Parentheses hide line ends."""
    at, line = 0, 1
    opened: list[int] = []  # the lines of the parentheses that are open
    begins_blank = False
    tokens: list[_Token] = []
    is_start = True
    while at < len(octets):
        match = _TOKEN.match(octets, at)
        if match is None:
            what = "a quoted string does not end" if octets[at : at + 1] == b'"' else "a backslash before a line end"
            raise MasterFileError(f"line {line}: {what}")
        at = match.end()
        kind = match.lastgroup
        if kind == "blank":
            begins_blank = begins_blank or is_start
        elif kind == "open":
            opened.append(line)
        elif kind == "close":
            if not opened:
                raise MasterFileError(f"line {line}: a parenthesis closes that was not opened")
            opened.pop()
        elif kind in ("quoted", "plain"):
            tokens.append(_Token(line, match[kind], kind == "quoted"))
            line += match[0].count(b"\n")
        is_start = False
        if kind == "end":
            line += 1
            if not opened:
                yield begins_blank, tokens
                begins_blank, tokens, is_start = False, [], True
    if opened:
        raise MasterFileError(f"line {opened[0]}: a parenthesis opens that is not closed")
    yield begins_blank, tokens


class _EntryReader:
    """What one entry leaves for the next: origin, TTL and owner."""

    def __init__(self) -> None:
        self.origin: bytes | None = None
        self._default_ttl: int | None = None
        self._last_ttl = 0
        self._owner: bytes | None = None

    def records(self, octets: bytes) -> Iterator[MasterFileRecord]:
        for begins_blank, tokens in _entries(octets):
            if not tokens:
                continue
            if not begins_blank and tokens[0].octets.startswith(b"$") and not tokens[0].is_quoted:
                self._directive(tokens)
                continue
            record = self._record(tokens, begins_blank=begins_blank)
            if record is not None:
                yield record

    def _directive(self, tokens: list[_Token]) -> None:
        word = tokens[0].octets.upper()
        if word not in (b"$ORIGIN", b"$TTL"):
            raise _problem(tokens[0], f"{_shown(tokens[0])} is not read here")
        if len(tokens) != 2:
            raise _problem(tokens[0], f"{_shown(tokens[0])} has one value")
        if word == b"$ORIGIN":
            self.origin = self.name(tokens[1])
        else:
            self._default_ttl = _ttl(tokens[1])  # RFC 2308 section 4

    def _record(self, tokens: list[_Token], *, begins_blank: bool) -> MasterFileRecord | None:
        first = tokens[0]
        if not begins_blank:
            self._owner = self.name(first)
            tokens = tokens[1:]
        if self._owner is None:
            raise _problem(first, "the first record has no owner")
        ttl: int | None = None
        of_class: bytes | None = None
        at = 0
        # RFC 1035 section 5.1: TTL and class in either order, or one, or none
        for token in tokens[:2]:
            word = token.octets.upper()
            if ttl is None and _TTL.fullmatch(word) and not token.is_quoted:
                ttl = _ttl(token)
            elif of_class is None and word in _CLASSES:
                of_class = word
            else:
                break
            at += 1
        if at == len(tokens):
            raise _problem(first, "a record without a type")
        # RFC 2308 section 4: $TTL is for records without one. RFC 1035 section 5.1: before it, the last one stated.
        if ttl is None:
            ttl = self._default_ttl
        if ttl is not None:
            self._last_ttl = ttl
        if of_class is not None and of_class not in _IN:
            return None
        return self._typed(tokens[at], tokens[at + 1 :])

    def _typed(self, type_token: _Token, data: list[_Token]) -> MasterFileRecord:
        kind = None if type_token.is_quoted else _KINDS.get(type_token.octets.upper())
        owner = decode_name(self._owner or b"\0")
        value: object = None
        if kind is not None:
            if not data:
                raise _problem(type_token, f"a {kind} record without data")
            value = self._value(kind, data)
        elif type_token.is_quoted or not re.fullmatch(rb"[A-Za-z][A-Za-z0-9-]*", type_token.octets):
            raise _problem(type_token, f"{_shown(type_token)} is no type of record")
        return MasterFileRecord(type_token.line, owner, kind, value, self._last_ttl)

    def _value(self, kind: RecordKind, data: list[_Token]) -> object:
        if data[0].octets == rb"\#" and not data[0].is_quoted:
            return _unknown_form(_WIRE[kind], data)
        if kind == "TXT":
            strings = [_string(token) for token in data]
            if sum(map(len, strings)) + len(strings) > MAX_DATA_OCTETS:
                raise _problem(data[0], "a TXT record over 65,535 octets (RFC 1035 section 3.2.1)")
            return b"".join(strings)
        if len(data) != (2 if kind == "MX" else 1):
            raise _problem(data[0], f"the data of a {kind} record has too few or too many words")
        if kind == "MX":
            digits = data[0].octets
            if not digits.isdigit() or len(digits) > 5 or int(digits) > 0xFFFF:
                raise _problem(data[0], f"{_shown(data[0])} is no preference")
            return MailExchange(int(digits), decode_name(self.name(data[1])))
        if kind in ("PTR", "CNAME"):
            return decode_name(self.name(data[0]))
        return _address(kind, data[0])

    def name(self, token: _Token) -> bytes:
        """The name that a token stands for, absolute, as DNS carries it, in lower case."""
        octets = token.octets
        if octets == b"@" and not token.is_quoted:
            if self.origin is None:
                raise _problem(token, "@ stands for the origin, and there is no $ORIGIN before")
            return self.origin
        if octets == b".":
            return b"\0"
        parts: list[bytes] = []
        expects_label = True
        for match in _LABEL.finditer(octets):
            if (match[0] == b".") == expects_label:
                raise _problem(token, f"{_shown(token)} has an empty label")
            expects_label = match[0] == b"."
            if not expects_label:
                label = _unescape(token, match[0])
                if len(label) > MAX_LABEL_OCTETS:
                    raise _problem(token, f"{_shown(token)} has a label over 63 octets")
                parts.append(bytes((len(label),)) + label.lower())
        if not parts:
            raise _problem(token, "a name is empty")
        name = b"".join(parts) + (b"\0" if expects_label else self.origin or b"\0")
        if len(name) > MAX_NAME_OCTETS:
            raise _problem(token, f"{_shown(token)} is over 255 octets")
        return name


def _unknown_form(record_type: RecordType[object], data: list[_Token]) -> object:
    # RFC 3597 section 5
    try:
        octets = bytes.fromhex(b"".join(token.octets for token in data[2:]).decode("ascii"))
        if len(octets) != int(data[1].octets):
            raise ValueError("wrong length")
        return record_type.read(octets, 0, len(octets))
    except (ValueError, IndexError, error):
        raise _problem(data[0], r"a record in the form \# length hex is wrong") from None


def _address(kind: RecordKind, token: _Token) -> IPv4Address | IPv6Address:
    text = token.octets.decode("ascii", "replace")
    try:
        if kind == "A":
            return IPv4Address(text)
        address = IPv6Address(text)
    except ValueError as problem:
        raise _problem(token, str(problem)) from None
    if address.scope_id is not None:
        raise _problem(token, f"{text} has a scope")
    return address


def _string(token: _Token) -> bytes:
    octets = _unescape(token, token.octets)
    if len(octets) > MAX_STRING_OCTETS:
        raise _problem(token, f"a character-string of {len(octets)} octets; 255 is the most (RFC 1035 section 3.3)")
    return octets


def _unescape(token: _Token, octets: bytes) -> bytes:
    if b"\\" not in octets:
        return octets

    def octet(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            return match[2]
        if int(match[1]) > 255:
            raise _problem(token, f"{match[0].decode('ascii')} is no octet")
        return bytes((int(match[1]),))

    return _ESCAPE.sub(octet, octets)


def _ttl(token: _Token) -> int:
    if not _TTL.fullmatch(token.octets):
        raise _problem(token, f"{_shown(token)} is no TTL")
    parts = _TTL_PART.findall(token.octets.lower())
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if seconds > MAX_TTL:
        raise _problem(token, f"a TTL of {seconds} is over 2147483647 (RFC 2181 section 8)")
    return seconds


def _problem(token: _Token, text: str) -> MasterFileError:
    return MasterFileError(f"line {token.line}: {text}")


def _shown(token: _Token) -> str:
    text = token.octets.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 60 else text[:57] + "...")
