"""A list of recipients: `bob@example.net`, `example.net`, `.example.net` for all names below it."""

from __future__ import annotations

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
