"""IP addresses of mail servers and clients, in the form in which they are compared."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

IPAddress = IPv4Address | IPv6Address


def unmapped(address: IPAddress) -> IPAddress:
    """Return the IPv4 address of an IPv4-mapped IPv6 address, and any other address without its scope identifier."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
