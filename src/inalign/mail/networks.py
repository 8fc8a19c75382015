"""Lists of addresses and networks with exceptions: `192.0.2.0/24`, `!192.0.2.7`.

The most specific entry that holds an address decides, wherever it stands in the list; an address that no entry holds
is not in it. The same prefix with and without `!` is an error, since there order would have to decide. An IPv4-mapped
IPv6 address is the IPv4 address in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from inalign.errors import ParseError
from inalign.mail.ip import unmapped
from inalign.resolver import IPAddress

MAPPED_BITS = 96  # RFC 4291 section 2.5.5.2: an IPv4 address stands behind so many bits


class NetworkError(ParseError):
    """The text is no address and no network, or it contradicts another one of its list."""


class Networks:
    """A list of networks, asked by `in`; a question costs one look-up for each length of prefix in the list."""

    __slots__ = ("_tables", "holds_all", "is_empty")

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raises `NetworkError` naming the entry that is wrong."""
        lengths: dict[int, dict[int, dict[int, bool]]] = {4: {}, 6: {}}
        for entry in entries:
            is_member = not entry.startswith("!")
            network = parse_network(entry.removeprefix("!").strip())
            shift = network.max_prefixlen - network.prefixlen
            prefixes = lengths[network.version].setdefault(shift, {})
            number = int(network.network_address) >> shift
            if prefixes.setdefault(number, is_member) is not is_member:
                raise NetworkError(f"{network} stands there both with and without `!`")
        # The smallest shift first: that is the longest prefix.
        self._tables = {version: tuple(sorted(tables.items())) for version, tables in lengths.items()}
        members = [
            (shift, version)
            for version, tables in lengths.items()
            for shift, table in tables.items()
            if any(table.values())
        ]
        self.is_empty = not members
        """Whether no address at all can be in it."""
        self.holds_all = (32, 4) in members or (128, 6) in members
        """Whether all addresses of a family are in it, but for exceptions."""

    def __contains__(self, address: IPAddress) -> bool:
        address = unmapped(address)
        number = int(address)
        for shift, prefixes in self._tables[address.version]:
            is_member = prefixes.get(number >> shift)
            if is_member is not None:
                return is_member
        return False


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """An address or a prefix, an IPv6 address maybe in brackets; raises `NetworkError`."""
    bare = text[1:].replace("]", "", 1) if text.startswith("[") else text
    try:
        network = ip_network(bare)
    except ValueError as problem:
        raise NetworkError(f"{problem}; expected an address or a prefix such as 192.0.2.0/24") from None
    if isinstance(network, IPv6Network) and network.prefixlen >= MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - MAPPED_BITS))
    return network
