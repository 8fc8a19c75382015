"""Domain names and addresses, as far as insight compares them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

# Second levels under a two-letter top level under which names are registered. Identities are only grouped by it; what
# is aligned the reporters and the domain's own records say.
_SECOND_LEVELS = frozenset(
    {"ac", "ad", "asso", "co", "com", "conf", "ed", "edu", "fin", "firm", "gc", "go", "gob", "gouv", "gov", "gr", "id"}
    | {"in", "lg", "ltd", "me", "mil", "mod", "ne", "net", "nhs", "nom", "or", "org", "plc", "police", "res", "sch"}
    | {"school", "web"}
)


@lru_cache(maxsize=65_536)
def organization(name: str) -> str:
    """The name that an organisation registered, by the shape of the name alone."""
    labels = name.split(".")
    if len(labels) <= 2:
        return name
    third = len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    return ".".join(labels[-3:] if third else labels[-2:])


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
    """The domain with which `domain` is judged: the highest one of its organisation that has reports of its own.

    A subdomain with a record of its own has its own reports, but its senders are those of the owner above. A report
    about a public suffix, which anybody can send, brings no strangers together.
    """
    highest = organization(domain)
    found = above = domain
    while above != highest:
        above = above.partition(".")[2]
        if above in domains:
            found = above
    return found


def reporter_of(address: str, name: str) -> str:
    """Who reports: the domain of the address, else the name as written, in lower case."""
    domain = address.strip().strip("<>").rpartition("@")[2].strip().lower().rstrip(".")
    return domain if "." in domain else name.strip().lower()
