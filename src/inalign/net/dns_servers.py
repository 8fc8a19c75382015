"""Which name servers are asked: their addresses from settings, or from the system (resolv.conf)."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from inalign.errors import ParseError

RESOLV_CONF = Path("/etc/resolv.conf")
DNS_PORT = 53
MAX_SERVERS = 8  # more of them only makes a failure last longer
MAX_RESOLV_CONF_OCTETS = 65_536

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class ServerAddressError(ParseError):
    """The text is not the IP address of a name server, with or without a port."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One name server. `is_trusted`: its AD flag is believed (RFC 4035 section 4.9.3: over a secure way)."""

    text: str
    family: socket.AddressFamily
    address: SocketAddress
    is_trusted: bool


def parse_server(text: str, *, trust_ad: bool = False) -> ServerAddress:
    """From `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`; a name is a `ServerAddressError`."""
    host, port = _split(text.strip())
    try:
        is_local = ip_address(host).is_loopback
        # getaddrinfo makes a number of the scope of a link-local address; it asks nobody
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        family, address = infos[0][0], infos[0][4]
    except (OSError, ValueError):
        raise ServerAddressError(
            f"{text!r} is not the address of a name server: expected 192.0.2.1 or [2001:db8::1]:53"
        ) from None
    return ServerAddress(text.strip(), family, _checked(address), is_trusted=trust_ad or is_local)


def system_servers(path: Path = RESOLV_CONF) -> tuple[ServerAddress, ...]:
    """The `nameserver` lines of resolv.conf in their order; the local host where there are none, as the C library."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(MAX_RESOLV_CONF_OCTETS).splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    # The AD flag of a server over the network is only as good as the network: resolv.conf says if that is trusted.
    trust_ad = any("trust-ad" in line[1:] for line in words if line and line[0] == "options")
    servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    return tuple(_readable(servers, trust_ad=trust_ad)) or (parse_server("127.0.0.1"),)


def _readable(servers: Iterable[str], *, trust_ad: bool) -> list[ServerAddress]:
    found = []
    for text in servers:
        try:
            found.append(parse_server(text, trust_ad=trust_ad))
        except ServerAddressError:  # the C library passes over what it cannot read, too
            continue
    return found[:MAX_SERVERS]


def _split(text: str) -> tuple[str, int]:
    if text.startswith("[") and "]" in text:
        host, _, rest = text[1:].partition("]")
        separator, port = rest[:1], rest[1:]
    elif text.count(":") == 1:
        host, separator, port = text.partition(":")
    else:
        return text, DNS_PORT
    if not separator and not port:
        return host, DNS_PORT
    if separator != ":" or not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ServerAddressError(f"{text!r} has no port number behind the address of the name server")
    return host, int(port)


def _checked(address: tuple[object, ...]) -> SocketAddress:
    match address:
        case (str(host), int(port)):
            return host, port
        case (str(host), int(port), int(flow), int(scope)):
            return host, port, flow, scope
    raise ServerAddressError(f"{address!r} is an address of a kind that is not known")
