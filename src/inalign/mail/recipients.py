"""A list of recipients: `bob@example.net`, `example.net`, `.example.net` for all names below it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from inalign.errors import ParseError
from inalign.mail.domain import DomainName, parse_domain, parse_domain_list


class Recipients:
    """Addresses and domains; local parts compare without case, as nearly all mail servers do."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raises `DomainError` for what names no domain."""
        listed = list(entries)
        self._domains = parse_domain_list(entry for entry in listed if "@" not in entry)
        self._addresses = frozenset(_address(entry) for entry in listed if "@" in entry)

    def __bool__(self) -> bool:
        return bool(self._domains or self._addresses)

    def __contains__(self, address: str) -> bool:
        """Whether an address as a client wrote it is listed."""
        try:
            local_part, domain = _address(address)
        except ParseError:
            return False
        return domain in self._domains or (local_part, domain) in self._addresses


def _address(text: str) -> tuple[str, DomainName]:
    local_part, _, domain = text.rpartition("@")
    return local_part.lower(), parse_domain(domain)


_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAX_LOCAL_PART_OCTETS = 64  # RFC 5321 section 4.5.3.1.1


def parse_recipient(text: str) -> str:
    """Return the address of a person or program that Inalign sends mail to, with its domain in A-labels.

    Accepted is a dot-string of ASCII and a domain (RFC 5321 section 4.1.2): what every relay takes, with no need to
    quote it. Raises `ParseError`.
    """
    local_part, at, domain = text.strip().rpartition("@")
    if not at or len(local_part) > _MAX_LOCAL_PART_OCTETS or not _LOCAL_PART.fullmatch(local_part):
        raise ParseError(f"{text[:100]!r} is not a mail address; expected one such as postmaster@example.org, in ASCII")
    return f"{local_part}@{parse_domain(domain)}"
