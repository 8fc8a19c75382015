"""DNS messages as bytes: the question that a stub resolver asks, and what a reply says to it.

RFC 1035 section 4 (messages), RFC 6891 (EDNS), RFC 2308 (negative answers), RFC 9824 (compact denial). Pure: the
caller moves the bytes and rolls the dice for the identifier.

A reply is read for one question. It must echo that question octet for octet; of its records only those count that
belong to the name asked, or to a name that the CNAMEs of the answer lead to. What cannot be read is a `WireError`,
and nothing else is ever raised: the caller drops the message, as a forger's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import Struct, error
from typing import Generic, TypeVar

from inalign.errors import ParseError
from inalign.resolver.interface import MAX_ALIASES, Answer, IPAddress, MailExchange, Outcome, QuestionKind

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_NAME_OCTETS = 255  # RFC 1035 section 2.3.4, length octets and root included
MAX_LABEL_OCTETS = 63  # RFC 1035 section 2.3.4
MAX_POINTERS = 127  # in one name: it has no more labels, and a pointer to a pointer leads nowhere sooner
EDNS_PAYLOAD_OCTETS = 1232  # what passes every path without fragments: IPv6 minimum MTU less the headers
MAX_MESSAGE_OCTETS = 65535  # RFC 1035 section 4.2.2: the length of a message over TCP has two octets

_HEADER = Struct("!6H")
_RECORD = Struct("!HHIH")  # RFC 1035 section 4.1.3: type, class, TTL, length of the data
_HEADER_OCTETS = 12
_POINTER_TO_QUESTION = b"\xc0\x0c"  # RFC 1035 section 4.1.4: the owner that nearly every answer begins with

_RESPONSE, _OPCODE, _AUTHORITATIVE, _TRUNCATED = 0x8000, 0x7800, 0x0400, 0x0200
_RECURSION_DESIRED, _AUTHENTIC = 0x0100, 0x0020

# RFC 6891 section 6.1.2: root, OPT, our payload size, no extended rcode, version 0, the DO bit, no options.
_OPT_RECORD = b"\0\0\x29" + EDNS_PAYLOAD_OCTETS.to_bytes(2, "big") + b"\0\0\x80\0\0\0"

_NS, _CNAME, _SOA, _OPT, _NSEC = 2, 5, 6, 41, 47
_NXNAME = 128  # RFC 9824 section 2: the type in an NSEC record that says "this name does not exist"
_CLASS_IN = 1

NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NAME_ERROR, NOT_IMPLEMENTED, REFUSED = range(6)  # RFC 1035 section 4.1.1
BAD_VERSION = 16  # RFC 6891 section 9
_RCODES = {
    FORMAT_ERROR: "FORMERR",
    SERVER_FAILURE: "SERVFAIL",
    NOT_IMPLEMENTED: "NOTIMP",
    REFUSED: "REFUSED",
    BAD_VERSION: "BADVERS",
}


class WireError(ParseError):
    """The octets are no reply to this query, or no DNS message at all."""


def encode_name(name: str) -> bytes | None:
    """The name as DNS carries it; None when it has an empty label, a label over 63 or more than 255 octets.

    Such a name cannot be asked, thus it does not exist. Text is taken as its UTF-8 octets, nothing is an escape.
    """
    if not name or name == ".":
        return b"\0"
    try:
        octets = name.removesuffix(".").encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that stands for no octet
        return None
    if len(octets) > MAX_NAME_OCTETS - 2:
        return None
    parts = []
    for label in octets.split(b"."):
        if not 0 < len(label) <= MAX_LABEL_OCTETS:
            return None
        parts.append(bytes((len(label),)) + label)
    parts.append(b"\0")
    return b"".join(parts)


def decode_name(name: bytes) -> str:
    r"""The text of a name as DNS carries it, without the trailing dot; the root is "".

    A dot inside a label becomes `\.`, so that such a name is not taken for the one that it imitates.
    """
    labels = []
    at = 0
    while length := name[at]:
        labels.append(name[at + 1 : at + 1 + length].replace(b".", rb"\."))
        at += 1 + length
    return b".".join(labels).decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class RecordType(Generic[T_co]):
    """A type of record that the engines ask for, and how its data is read."""

    kind: QuestionKind
    code: int
    read: Callable[[bytes, int, int], T_co]
    """From message, begin and end of the data."""


def _read_txt(message: bytes, at: int, end: int) -> bytes:
    strings = []
    while at < end:
        stop = at + 1 + message[at]
        if stop > end:
            raise WireError("a character-string runs over the end of its record (RFC 1035 section 3.3.14)")
        strings.append(message[at + 1 : stop])
        at = stop
    if not strings:
        raise WireError("a TXT record without a character-string (RFC 1035 section 3.3.14)")
    return b"".join(strings)


def _read_a(message: bytes, at: int, end: int) -> IPAddress:
    if end - at != 4:
        raise WireError("an A record that has not four octets (RFC 1035 section 3.4.1)")
    return IPv4Address(message[at:end])


def _read_aaaa(message: bytes, at: int, end: int) -> IPAddress:
    if end - at != 16:
        raise WireError("an AAAA record that has not 16 octets (RFC 3596 section 2.2)")
    return IPv6Address(message[at:end])


def _read_mx(message: bytes, at: int, end: int) -> MailExchange:
    # RFC 1035 section 3.3.9
    preference = int.from_bytes(message[at : at + 2], "big")
    return MailExchange(preference, decode_name(_read_target(message, at + 2, end)))


def _read_ptr(message: bytes, at: int, end: int) -> str:
    return decode_name(_read_target(message, at, end))


TXT = RecordType("TXT", 16, _read_txt)
A = RecordType("A", 1, _read_a)
AAAA = RecordType("AAAA", 28, _read_aaaa)
MX = RecordType("MX", 15, _read_mx)
PTR = RecordType("PTR", 12, _read_ptr)

RECORD_TYPES: Mapping[QuestionKind, RecordType[object]] = {"TXT": TXT, "A": A, "AAAA": AAAA, "MX": MX, "PTR": PTR}


@dataclass(frozen=True, slots=True)
class Query(Generic[T_co]):
    """One query as it goes out."""

    identifier: int
    name: bytes
    """As DNS carries it."""
    record_type: RecordType[T_co]
    edns: bool = True

    @property
    def question(self) -> bytes:
        """The question section (RFC 1035 section 4.1.2)."""
        return b"%b%b\0\1" % (self.name, self.record_type.code.to_bytes(2, "big"))

    def __bytes__(self) -> bytes:
        # RFC 6840 section 5.7: AD in a query asks for AD in the reply; DO brings the NSEC records of a denial, too.
        flags = _RECURSION_DESIRED | _AUTHENTIC
        header = _HEADER.pack(self.identifier, flags, 1, 0, 0, int(self.edns))
        return header + self.question + (_OPT_RECORD if self.edns else b"")


@dataclass(frozen=True, slots=True)
class Alias:
    """Where the CNAMEs of a reply end without the answer: that name is to be asked next."""

    name: bytes
    hops: int
    ttl: int
    secure: bool


@dataclass(frozen=True, slots=True)
class DnsReply(Generic[T_co]):
    """What one reply says: an answer, or an alias, or that it is truncated, or a problem."""

    rcode: int = NO_ERROR
    answer: Answer[T_co] | None = None
    alias: Alias | None = None
    is_truncated: bool = False
    problem: str = ""


def read_reply(message: bytes, query: Query[T]) -> DnsReply[T]:
    """Read the reply to a query. Raises `WireError`, and nothing else, for any octets."""
    try:
        return _read_reply(message, query)
    except (IndexError, error):
        raise WireError("the message is cut") from None


def _read_reply(message: bytes, query: Query[T]) -> DnsReply[T]:
    identifier, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(message)
    if identifier != query.identifier or not flags & _RESPONSE or flags & _OPCODE:
        raise WireError("no reply to this query")
    rcode = flags & 15
    if not questions and rcode not in (NO_ERROR, NAME_ERROR):
        # A server that could not read the question may leave it out; nothing but its displeasure is believed.
        return DnsReply(rcode, problem=_RCODES.get(rcode, f"RCODE {rcode}"))
    question = query.question
    at = _HEADER_OCTETS + len(question)
    if questions != 1 or message[_HEADER_OCTETS:at] != question:
        raise WireError("the reply is to another question")
    if flags & _TRUNCATED and rcode in (NO_ERROR, NAME_ERROR):
        return DnsReply(rcode, is_truncated=True)  # RFC 2181 section 9: what is there is not used
    contents = _Contents(query.name.lower(), query.record_type.code)
    at = contents.read_answers(message, at, answers)
    at = contents.read_authorities(message, at, authorities)
    rcode |= _extended_rcode(message, at, additionals) << 4
    if rcode not in (NO_ERROR, NAME_ERROR):
        return DnsReply(rcode, problem=_RCODES.get(rcode, f"RCODE {rcode}"))
    return _conclude(message, query.record_type, contents, rcode, flags)


class _Contents:
    """The records of one reply that may matter, sorted by the names that own them."""

    __slots__ = ("aliases", "code", "denials", "found", "has_answers", "has_ns", "name", "soas")

    def __init__(self, name: bytes, code: int) -> None:
        self.name = name
        self.code = code
        self.found: dict[bytes, list[tuple[int, int, int]]] = {}
        self.aliases: dict[bytes, tuple[bytes, int]] = {}
        self.soas: list[tuple[bytes, int]] = []
        self.denials: set[bytes] = set()
        self.has_answers = self.has_ns = False

    def read_answers(self, message: bytes, at: int, count: int) -> int:
        self.has_answers = count > 0
        for _ in range(count):
            if message[at : at + 2] == _POINTER_TO_QUESTION:
                owner, at = self.name, at + 2
            else:
                owner, at = _read_name(message, at)
            code, of_class, ttl, length = _RECORD.unpack_from(message, at)
            at += 10
            end = at + length
            if of_class == _CLASS_IN:
                if code == self.code:
                    self.found.setdefault(owner, []).append((_sane_ttl(ttl), at, end))
                elif code == _CNAME and owner not in self.aliases:  # RFC 2181 section 10.1: there is but one
                    self.aliases[owner] = _read_target(message, at, end), _sane_ttl(ttl)
            at = end
        if at > len(message):
            raise WireError("the answer section runs over the end of the message")
        return at

    def read_authorities(self, message: bytes, at: int, count: int) -> int:
        for _ in range(count):
            owner, at = _read_name(message, at)
            code, of_class, ttl, length = _RECORD.unpack_from(message, at)
            at += 10
            end = at + length
            if of_class == _CLASS_IN:
                if code == _SOA:
                    self.soas.append((owner, min(_sane_ttl(ttl), _read_soa_minimum(message, at, end))))
                elif code == _NS:
                    self.has_ns = True
                elif code == _NSEC and _has_nxname(message, at, end):
                    self.denials.add(owner)
            at = end
        if at > len(message):
            raise WireError("the authority section runs over the end of the message")
        return at

    def follow(self) -> tuple[bytes, int, int] | None:
        """Over the CNAMEs to where they end: the name, the hops and the lowest TTL. None if too many, as in a loop."""
        name, lowest = self.name, _MAX_TTL
        for hops in range(MAX_ALIASES + 1):
            if name in self.found or name not in self.aliases:
                return name, hops, lowest
            name, ttl = self.aliases[name]
            lowest = min(lowest, ttl)
        return None

    def negative_ttl(self, name: bytes) -> int | None:
        """Seconds that a denial of this name holds, None without an SOA record of a zone that the name is in."""
        zones = [(len(zone), ttl) for zone, ttl in self.soas if _is_same_or_below(name, zone)]
        return max(zones)[1] if zones else None


def _conclude(message: bytes, record_type: RecordType[T], contents: _Contents, rcode: int, flags: int) -> DnsReply[T]:
    end = contents.follow()
    if end is None:
        return DnsReply(rcode, problem="CNAME loop")
    name, hops, ttl = end
    secure = bool(flags & _AUTHENTIC)
    found = contents.found.get(name)
    if found is not None:
        if rcode == NAME_ERROR:
            return DnsReply(rcode, problem="NXDOMAIN with an answer")
        records = [record_type.read(message, begin, stop) for _, begin, stop in found]
        return DnsReply(
            rcode, Answer(Outcome.FOUND, tuple(records), secure, min(ttl, *[record[0] for record in found]))
        )
    ttl_of_denial = contents.negative_ttl(name)
    if rcode == NAME_ERROR or name in contents.denials:
        # RFC 6604 section 3: the code is about the last name of the chain.
        return DnsReply(rcode, Answer(Outcome.NXDOMAIN, (), secure, min(ttl, ttl_of_denial or 0)))
    if ttl_of_denial is None and hops:
        return DnsReply(rcode, alias=Alias(name, hops, ttl, secure))
    if ttl_of_denial is None and contents.has_ns and not flags & _AUTHORITATIVE:
        # RFC 2308 section 2.2: a referral looks like an empty answer. Who refers does not resolve for us.
        return DnsReply(rcode, problem="a referral, not an answer")
    if ttl_of_denial is None and contents.has_answers:
        # Records of another name, type or class, and nothing that denies: this says neither yes nor no.
        return DnsReply(rcode, problem="an answer to something else")
    # RFC 2308 section 5: without an SOA record a denial is not to be kept.
    return DnsReply(rcode, Answer(Outcome.NODATA, (), secure, min(ttl, ttl_of_denial or 0)))


_MAX_TTL = 0x7FFFFFFF  # RFC 2181 section 8


def _sane_ttl(ttl: int) -> int:
    return ttl if ttl <= _MAX_TTL else 0  # RFC 2181 section 8


def _extended_rcode(message: bytes, at: int, count: int) -> int:
    rcode = 0
    for _ in range(count):
        _, at = _read_name(message, at)
        code, _, ttl, length = _RECORD.unpack_from(message, at)
        at += 10 + length
        if code == _OPT:
            rcode = ttl >> 24  # RFC 6891 section 6.1.3
    if at > len(message):
        raise WireError("the additional section runs over the end of the message")
    return rcode


def _read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """The name at an offset in lower case, as DNS carries it without compression; and where it ends."""
    labels = []
    total = 1
    after = pointers = 0
    earliest = at
    while length := message[at]:
        if length <= MAX_LABEL_OCTETS:
            end = at + 1 + length
            label = message[at:end]
            labels.append(label)
            total += len(label)
            if total > MAX_NAME_OCTETS:
                raise WireError("a name over 255 octets (RFC 1035 section 2.3.4)")
            at = end
        elif length >= 0xC0:
            target = (length & 0x3F) << 8 | message[at + 1]
            # RFC 1035 section 4.1.4: to a prior name. Each step goes further back, thus there is no loop. But 64 kB
            # have room for four thousand names of eight thousand pointers each, seconds of work.
            pointers += 1
            if target >= earliest or pointers > MAX_POINTERS:
                raise WireError("a compressed name that does not point back, or that points too often")
            after = after or at + 2
            at = earliest = target
        else:
            raise WireError("a label of unknown kind (RFC 6891 section 5)")
    labels.append(b"\0")
    return b"".join(labels).lower(), after or at + 1


def _read_target(message: bytes, at: int, end: int) -> bytes:
    name, after = _read_name(message, at)
    if after != end:
        raise WireError("a name that does not fill its record")
    return name


def _read_soa_minimum(message: bytes, at: int, end: int) -> int:
    # RFC 1035 section 3.3.13: MNAME, RNAME, then five numbers, the last of which is MINIMUM.
    _, at = _read_name(message, at)
    _, at = _read_name(message, at)
    if end - at != 20:
        raise WireError("an SOA record of the wrong size")
    return _sane_ttl(int.from_bytes(message[end - 4 : end], "big"))


def _has_nxname(message: bytes, at: int, end: int) -> bool:
    """Whether an NSEC record lists the type NXNAME (RFC 4034 section 4.1.2, RFC 9824 section 2)."""
    _, at = _read_name(message, at)
    while at + 2 < end:
        window, length = message[at], message[at + 1]
        octet = _NXNAME >> 3
        if window == 0 and octet < length and at + 2 + octet < end:
            return bool(message[at + 2 + octet] & 0x80 >> (_NXNAME & 7))
        at += 2 + length
    return False


def _is_same_or_below(name: bytes, zone: bytes) -> bool:
    while len(name) > len(zone):
        name = name[1 + name[0] :]
    return name == zone
