"""Which addresses are ours: those that `rua`, `ruf` and TLS-RPT records name."""

from __future__ import annotations

from collections.abc import Iterable

from inalign.errors import ParseError
from inalign.mail.domain import parse_domain


class ReportAddresses:
    """The addresses of the settings, asked by `in`."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """Raises `ParseError` for what is no address."""
        self._addresses = set()
        for address in addresses:
            local, at, domain = address.strip().rpartition("@")
            if not at:
                raise ParseError(f"{address!r} is no address; write dmarc@example.org, or @example.org for all of it")
            self._addresses.add(f"{local.lower()}@{parse_domain(domain)}")

    def __contains__(self, address: str) -> bool:
        local, _, domain = address.rpartition("@")
        try:
            name = parse_domain(domain)
        except ParseError:
            return False
        return f"{local.lower()}@{name}" in self._addresses or f"@{name}" in self._addresses
