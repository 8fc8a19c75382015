"""Senders whose domains share no DNS name: the case in which no cache helps.

Stranger n sends from m.xN-cold.net: SPF by two includes of which the second matches, a DKIM key, and DMARC at the
organizational domain xN-cold.net alone. That is under a real public suffix: libunbound answers `.test` itself, and
opendmarc and rspamd find no organizational domain under an unknown one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

COUNT = 2_400
"""Those with a message in the corpus; DNS knows all numbers of up to nine digits."""

Records = Mapping[str, Sequence[object]]

_NAME = re.compile(r"(?:(.+)\.)?x(\d{5,9})-cold\.net")
_REVERSE = re.compile(r"(\d+)\.(\d+)\.(\d+)\.198\.in-addr\.arpa")


def domain_name(number: int) -> str:
    return f"m.x{number:05d}-cold.net"


def address(number: int) -> str:
    """The client of a stranger, in the block that RFC 2544 keeps for benchmarks."""
    return f"198.{18 + (number >> 16 & 1)}.{number >> 8 & 255}.{number & 255}"


def number_of(name: str) -> int | None:
    """Which stranger a DNS name belongs to."""
    found = _NAME.fullmatch(name)
    return int(found[2]) if found else None


def records(name: str, keys: Sequence[str]) -> Records | None:
    """What DNS has under a name by type, empty where the name exists alone, None where it does not."""
    if reverse := _REVERSE.fullmatch(name):
        low, middle, high = (int(octet) for octet in reverse.groups())
        return {"PTR": [f"mail.{domain_name((high - 18) << 16 | middle << 8 | low)}"]}
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    number = int(found[2])
    domain = domain_name(number)
    match found[1]:
        case "m":
            return {"TXT": [f"v=spf1 include:_spf1.{domain} include:_spf2.{domain} ~all"]}
        case "_spf1.m":
            return {"TXT": ["v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/25 ip6:2001:db8::/48 ~all"]}
        case "_spf2.m":
            return {"TXT": ["v=spf1 ip4:192.0.2.0/25 ip4:198.18.0.0/15 ~all"]}
        case "s1._domainkey.m":
            return {"TXT": [keys[number % len(keys)]]}
        case "mail.m":
            return {"A": [address(number)]}
        case "_dmarc":
            return {"TXT": [f"v=DMARC1; p=reject; adkim=r; aspf=r; rua=mailto:agg@x{number:05d}-cold.net; fo=1"]}
        case None | "_domainkey.m":
            return {}
        case _:
            return None
