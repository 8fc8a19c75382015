"""The terms of an SPF record: mechanisms (RFC 7208 section 5) and modifiers (section 6).

`str()` of a term gives its normal form: names in lower case, no `+`, no default prefix length. `text` keeps what was
written, and does not count when terms are compared. Addresses and prefix lengths are numbers, so that a client is
compared with two machine operations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from inalign.spf.identity import Client
from inalign.spf.macros import DomainSpec, MacroString


class Qualifier(StrEnum):
    """What a match of the mechanism means (RFC 7208 section 4.6.2)."""

    PASS = "+"  # noqa: S105 - the word of the RFC
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier."""

    qualifier: Qualifier = Qualifier.PASS
    text: str = field(default="", compare=False, kw_only=True)
    """The term as it is written in the record."""

    def _print(self, body: str) -> str:
        return body if self.qualifier is Qualifier.PASS else self.qualifier + body


@dataclass(frozen=True, slots=True)
class All(Directive):
    """`all`, RFC 7208 section 5.1."""

    def __str__(self) -> str:
        return self._print("all")

    def holds(self, client: Client) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Include(Directive):
    """`include:`, RFC 7208 section 5.2."""

    target: DomainSpec

    def __str__(self) -> str:
        return self._print(f"include:{self.target}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hosts(Directive):
    target: DomainSpec | None
    """None is the domain of the record."""
    prefix4: int = 32
    prefix6: int = 128

    def _print_as(self, name: str) -> str:
        target = "" if self.target is None else f":{self.target}"
        prefix4 = "" if self.prefix4 == 32 else f"/{self.prefix4}"
        prefix6 = "" if self.prefix6 == 128 else f"//{self.prefix6}"
        return self._print(name + target + prefix4 + prefix6)

    def covers(self, address: IPv4Address | IPv6Address, client: Client) -> bool:
        """Whether the client is in the network of this prefix length around the address."""
        shift = 32 - self.prefix4 if client.version == 4 else 128 - self.prefix6
        return address.version == client.version and (int(address) ^ client.number) >> shift == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class A(_Hosts):
    """`a`, RFC 7208 section 5.3."""

    def __str__(self) -> str:
        return self._print_as("a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mx(_Hosts):
    """`mx`, RFC 7208 section 5.4."""

    def __str__(self) -> str:
        return self._print_as("mx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ptr(Directive):
    """`ptr`, RFC 7208 section 5.5."""

    target: DomainSpec | None

    def __str__(self) -> str:
        return self._print("ptr" if self.target is None else f"ptr:{self.target}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip4(Directive):
    """`ip4:`, RFC 7208 section 5.6."""

    network: int
    prefix: int = 32

    def __str__(self) -> str:
        return self._print(f"ip4:{IPv4Address(self.network)}" + ("" if self.prefix == 32 else f"/{self.prefix}"))

    def holds(self, client: Client) -> bool:
        return client.version == 4 and (client.number ^ self.network) >> (32 - self.prefix) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip6(Directive):
    """`ip6:`, RFC 7208 section 5.6. No IPv4 client is in it, not even by a mapped address."""

    network: int
    prefix: int = 128

    def __str__(self) -> str:
        return self._print(f"ip6:{IPv6Address(self.network)}" + ("" if self.prefix == 128 else f"/{self.prefix}"))

    def holds(self, client: Client) -> bool:
        return client.version == 6 and (client.number ^ self.network) >> (128 - self.prefix) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists(Directive):
    """`exists:`, RFC 7208 section 5.7."""

    target: DomainSpec

    def __str__(self) -> str:
        return self._print(f"exists:{self.target}")


@dataclass(frozen=True, slots=True)
class Modifier:
    """A modifier that this specification does not know: kept, never used (RFC 7208 section 6)."""

    name: str
    """The name of the modifier in lower case."""
    value: MacroString
    text: str = field(default="", compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class Redirect:
    """`redirect=`, RFC 7208 section 6.1."""

    target: DomainSpec
    text: str = field(default="", compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"redirect={self.target}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`exp=`, RFC 7208 section 6.2."""

    target: DomainSpec
    text: str = field(default="", compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"exp={self.target}"


LocalMechanism = All | Ip4 | Ip6
"""The mechanisms that ask DNS nothing."""
LOCAL = (All, Ip4, Ip6)
"""The same for `isinstance`, which is asked for every term of every check."""
AskingMechanism = Include | A | Mx | Ptr | Exists
"""The mechanisms that count toward the limit of RFC 7208 section 4.6.4."""
Mechanism = LocalMechanism | AskingMechanism
Term = Mechanism | Redirect | Explanation | Modifier
