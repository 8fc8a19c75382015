"""Domain names and addresses, as far as insight compares them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from inalign.mail.organization import is_same_organization


def is_same_or_below(name: str, ancestor: str) -> bool:
    """Whether `name` is `ancestor` or below it."""
    return name == ancestor or name.endswith("." + ancestor)


@lru_cache(maxsize=65_536)
def network_of(address: str) -> str:
    """The /24 or /64 of an address, as text."""
    parsed = ip_address(address)
    if parsed.version == 4:
        return address.rsplit(".", 1)[0] + ".0/24"
    return f"{type(parsed)(int(parsed) >> 64 << 64)}/64"


def judged_domain(domain: str, domains: frozenset[str] | set[str]) -> str:
    """The domain with which `domain` is judged: the highest one of its organization that has reports of its own.

    A subdomain with a record of its own has its own reports, but its senders are those of the owner above. A report
    about a public suffix, which anybody can send, brings no strangers together.
    """
    found = domain
    above = domain.partition(".")[2]
    while above and is_same_organization(above, domain):
        if above in domains:
            found = above
        above = above.partition(".")[2]
    return found


def reporter_of(address: str, name: str) -> str:
    """Who reports: the domain of the address, else the name as written, in lower case."""
    domain = address.strip().strip("<>").rpartition("@")[2].strip().lower().rstrip(".")
    return domain if "." in domain else name.strip().lower()
