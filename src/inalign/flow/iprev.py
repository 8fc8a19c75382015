"""iprev: does the reverse name of a client point back to it? RFC 8601 section 3.

A weak signal that operators and the large receivers ask for; nothing is decided on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address
from typing import Literal

from inalign.resolver import IPAddress, Outcome, Resolver, addresses

MAX_NAMES = 10  # RFC 8601 section 3 asks for a limit and names that of RFC 7208 section 4.6.4


class IprevStatus(StrEnum):
    """The words of RFC 8601 section 2.7.3; there is no none."""

    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class IprevResult:
    """The answer of `check_iprev`."""

    result: IprevStatus
    client_ip: str
    name: str | None = None
    """The name that points back, or the first one of those that do not."""


async def check_iprev(client_ip: IPAddress, resolver: Resolver) -> IprevResult:
    """Look up the names of the address, then the addresses of the names."""
    text = str(client_ip)
    reverse = await resolver.ptr(client_ip)
    if reverse.outcome is Outcome.FAILED:
        return IprevResult(IprevStatus.TEMPERROR, text)
    if reverse.outcome is not Outcome.FOUND:
        return IprevResult(IprevStatus.PERMERROR, text)
    version: Literal[4, 6] = 6 if isinstance(client_ip, IPv6Address) else 4
    names = reverse.records[:MAX_NAMES]
    if len(names) > 1:  # a single question is asked at once anyway
        resolver.expect(*[addresses(name, version) for name in names])
    is_failed = False
    for name in names:
        forward = await resolver.addresses(name, version)
        if client_ip in forward.records:
            return IprevResult(IprevStatus.PASS, text, name)
        is_failed = is_failed or forward.outcome is Outcome.FAILED
    return IprevResult(IprevStatus.TEMPERROR if is_failed else IprevStatus.FAIL, text, names[0])
