"""What a check is about: the client and the identity, read from whatever the SMTP session gave.

RFC 7208 sections 2.3, 2.4 and 4.3, RFC 8616 section 4. Nothing here raises: what is no address is no client, what
is no multi-label domain name is an identity without a domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, NamedTuple

from inalign.mail.domain import DomainError, DomainName, parse_domain
from inalign.mail.ip import unmapped
from inalign.resolver import IPAddress
from inalign.spf.result import SpfScope

_MAX_ADDRESS_TEXT = 64  # an IPv6 address takes 45 characters at most


@dataclass(frozen=True, slots=True)
class Client:
    """The address of the SMTP client; an IPv4-mapped one is the IPv4 address in it (RFC 7208 section 5)."""

    version: Literal[4, 6]
    number: int
    address: IPAddress
    text: str
    """As people write it: the macro `c`."""

    @property
    def dotted(self) -> str:
        """The macro `i`: the dotted quad, or 32 nibbles with dots between.

        The nibbles are in upper case: DNS does not mind, and the explanations of the RFC's test suite have them so.
        """
        return self.text if self.version == 4 else ".".join(f"{self.number:032X}")


def find_client(address: object) -> Client | None:
    """The client of an address or its text; None for everything else, None itself included."""
    if isinstance(address, str):
        return _client_of_text(address) if len(address) <= _MAX_ADDRESS_TEXT else None
    return _client(address) if isinstance(address, IPv4Address | IPv6Address) else None


@lru_cache(maxsize=4096)
def _client_of_text(text: str) -> Client | None:
    try:
        return _client(ip_address(text))
    except ValueError:
        return None


def _client(address: IPAddress) -> Client:
    address = unmapped(address)  # RFC 7208 section 5: clients on IPv4-mapped addresses are IPv4 clients
    return Client(address.version, int(address), address, str(address))


class Identity(NamedTuple):
    """Whose authorization is asked: MAIL FROM, or HELO."""

    scope: SpfScope
    domain: DomainName | None
    """None where the identity holds no multi-label domain name."""
    written: str | None
    """The domain as it came; None is unknown."""
    local_part: str = "postmaster"

    @property
    def macro_domain(self) -> str:
        """The domain for macros: as it came where that is ASCII, else in A-labels (RFC 8616 section 4)."""
        written = self.written or ""
        return written.removesuffix(".") if written.isascii() else self.domain or ""


def mail_from_identity(mail_from: str | None, helo: str | None) -> Identity:
    """The MAIL FROM identity; of the null reverse-path postmaster@HELO (RFC 7208 section 2.4)."""
    if mail_from is None:
        return Identity(SpfScope.MFROM, None, None)
    if not mail_from:
        return helo_identity(helo)
    local_part, _, domain = mail_from.rpartition("@")
    # RFC 7208 section 4.3: without a local part it is "postmaster"
    return Identity(SpfScope.MFROM, find_domain(domain), domain, local_part or "postmaster")


def helo_identity(helo: str | None) -> Identity:
    """The HELO identity, which has the local part postmaster (RFC 7208 sections 2.3 and 4.3)."""
    return Identity(SpfScope.HELO, None if helo is None else find_domain(helo), helo)


def find_domain(text: str) -> DomainName | None:
    """The multi-label domain name that the text is, or None (RFC 7208 section 4.3)."""
    try:
        name = parse_domain(text)
    except DomainError:
        return None
    _, dot, top = name.rpartition(".")
    # RFC 7208 section 7.1: no toplabel is all digits, so an address without brackets is no domain name either
    return name if dot and not top.isdigit() else None
