"""In which order the names of rules are tried for an author: the search order of OpenDKIM's `file:` tables."""

from __future__ import annotations

from collections.abc import Iterator

from inalign.mail.domain import DomainError, DomainName, parse_domain

POSTMASTER = "postmaster"  # whom every domain has


def split_author(author: str) -> tuple[str, DomainName] | None:
    """Local part in lower case, and domain; None for what has none. Tables do not tell cases apart."""
    local, at, domain = author.rpartition("@")
    if not at:
        return None
    try:
        return local.lower(), parse_domain(domain)
    except DomainError:
        return None


def names_of(local: str, domain: DomainName) -> Iterator[str]:
    """The most particular name first: the address, the domain, what lies above it, anybody."""
    yield f"{local}@{domain}"
    yield domain
    at = domain.find(".")
    while at >= 0:
        above = domain[at:]
        yield f"{local}@{above}"
        yield above
        at = domain.find(".", at + 1)
    yield f"{local}@*"
    yield "*"


def parse_name(text: str) -> str:
    """A name of a rule, as `names_of` yields it.

    `example.org`, `.example.org` (every name below it), `*`, each with `local@` before it; `*@example.org` is
    `example.org`. Raises `DomainError`.
    """
    local, at, domain = text.rpartition("@")
    if at and not local:
        raise DomainError(f"{text!r} has nothing before the @")
    if domain != "*":
        dot = "." if domain.startswith(".") else ""
        domain = dot + parse_domain(domain[len(dot) :])
    if local in ("", "*"):
        return domain
    if "*" in local:
        raise DomainError(f"{text!r}: a * stands for a whole local part alone")
    return f"{local.lower()}@{domain}"
