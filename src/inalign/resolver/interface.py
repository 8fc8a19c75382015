"""The seam between the engines and DNS: every outcome is a value, no exception crosses.

A name is any text, not a checked domain name: SPF macros build what they like. Names compare without case. Text
beyond ASCII stands for its UTF-8 octets (surrogateescape); nothing here converts U-labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)

MAX_ALIASES = 16
"""CNAMEs in a row that are followed. RFC 1034 section 3.6.2 wants none; name servers follow 8 to 16."""

IPAddress = IPv4Address | IPv6Address


class Outcome(StrEnum):
    """What became of a question."""

    FOUND = "found"
    """There is at least one record."""
    NODATA = "no_data"
    """The name exists (or something below it does), this type does not."""
    NXDOMAIN = "no_name"
    """NXDOMAIN: neither the name nor anything below it exists (RFC 8020)."""
    FAILED = "failed"
    """No usable answer: time-out, SERVFAIL, REFUSED, a malformed answer, a CNAME loop. Another time it may be had."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """The answer to one question. `records` is empty unless `outcome` is FOUND."""

    outcome: Outcome
    records: tuple[T_co, ...] = ()
    dnssec_validated: bool = False
    """Whether DNSSEC vouched for it (the AD flag of a trusted resolver)."""
    ttl: int = 0
    """Seconds that the answer may be kept; of a negative one, by the SOA (RFC 2308); of a failure, while it is kept."""
    detail: str = ""
    """Of a failure: what happened, for the log and the explanation."""


class MailExchange(NamedTuple):
    """One MX record. The null MX (RFC 7505) has the exchange `""`."""

    preference: int
    exchange: str


QuestionKind = Literal["TXT", "A", "AAAA", "MX", "PTR"]


class Question(NamedTuple):
    """A question that can be named ahead; for PTR the name is the address as text."""

    kind: QuestionKind
    name: str


def txt(name: str) -> Question:
    """The question that `Resolver.txt` asks."""
    return Question("TXT", name)


def mx(name: str) -> Question:
    """The question that `Resolver.mx` asks."""
    return Question("MX", name)


def addresses(name: str, version: Literal[4, 6]) -> Question:
    """The question that `Resolver.addresses` asks."""
    return Question("A" if version == 4 else "AAAA", name)


def ptr(ip: IPAddress) -> Question:
    """The question that `Resolver.ptr` asks."""
    return Question("PTR", str(ip))


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def canonical_name(name: str) -> str:
    """The form in which names are compared: no trailing dot, ASCII letters in lower case (RFC 4343 section 3)."""
    name = name.removesuffix(".")
    return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)


class Resolver(Protocol):
    """What the engines need of DNS. CNAMEs are followed within; records are those of the last name."""

    async def txt(self, name: str) -> Answer[bytes]:
        """The TXT records, each with its character-strings joined without a separator."""

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        """The A records for version 4, the AAAA records for version 6."""

    async def mx(self, name: str) -> Answer[MailExchange]:
        """The MX records, in no particular order."""

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        """The names that the reverse zone gives for an address, without the trailing dot."""

    def prefetch(self, *questions: Question) -> None:
        """Note questions that will probably be asked. A resolver may start them at once; they count toward no limit."""
