"""iprev: does the reverse name of a client point back to it? RFC 8601 section 3.

A weak signal that operators and the large receivers ask for; nothing is decided on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address
from typing import Literal

from inalign.resolver import Answer, IPAddress, Outcome, Resolver, addresses

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


async def find_names(client_ip: IPAddress, resolver: Resolver) -> Answer[str]:
    """The names of the address; their own addresses are on the way then."""
    reverse = await resolver.ptr(client_ip)
    resolver.prefetch(*(addresses(name, _version(client_ip)) for name in reverse.records[:MAX_NAMES]))
    return reverse


async def check_iprev(client_ip: IPAddress, reverse: Answer[str], resolver: Resolver) -> IprevResult:
    """Whether one of the names that `find_names` found leads back to the address."""
    text = str(client_ip)
    if reverse.outcome is Outcome.FAILED:
        return IprevResult(IprevStatus.TEMPERROR, text)
    if reverse.outcome is not Outcome.FOUND:
        return IprevResult(IprevStatus.PERMERROR, text)
    names = reverse.records[:MAX_NAMES]
    is_failed = False
    for name in names:
        forward = await resolver.addresses(name, _version(client_ip))
        if client_ip in forward.records:
            return IprevResult(IprevStatus.PASS, text, name)
        is_failed = is_failed or forward.outcome is Outcome.FAILED
    return IprevResult(IprevStatus.TEMPERROR if is_failed else IprevStatus.FAIL, text, names[0])


def _version(address: IPAddress) -> Literal[4, 6]:
    return 6 if isinstance(address, IPv6Address) else 4
