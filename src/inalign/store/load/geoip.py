"""Where an address is, offline: its network, its country, and the AS that a database of the operator's names."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

import iptocc
import maxminddb

from inalign.errors import SettingsError
from inalign.store.schema.tables import source_key

CACHED = 100_000
"""Addresses; a large report repeats few, and a flood of one message each must not fill memory."""


class GeoLocation(NamedTuple):
    """What is known of an address without asking anybody; empty or 0 where nothing is."""

    source_key: str
    """Text that sorts as addresses do: the version, then hexadecimal digits."""
    network: str
    """/24 or /64, the least that is handed out and routed on its own."""
    country: str
    """ISO 3166, two letters, of whom the registry gave the addresses to."""
    asn: int
    as_name: str


NOWHERE = GeoLocation("", "", "", 0, "")


class Places:
    """Finds places; `asn_database` is a file in MaxMind's format with autonomous_system_number."""

    def __init__(self, asn_database: Path | None = None) -> None:
        """Raises `SettingsError` for a database that cannot be read."""
        try:
            self._database = maxminddb.open_database(asn_database) if asn_database is not None else None
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as problem:
            raise SettingsError(f"{asn_database}: {problem}") from None
        self.find = lru_cache(maxsize=CACHED)(self._find)

    def _find(self, address: str | None) -> GeoLocation:
        if not address:
            return NOWHERE
        try:
            number = ip_address(address)
        except ValueError:
            return NOWHERE
        asn, name = self._as(address)
        return GeoLocation(
            source_key(number),
            _network(number, 24 if number.version == 4 else 64),
            iptocc.country_code(address) or "",
            asn,
            name,
        )

    def _as(self, address: str) -> tuple[int, str]:
        if self._database is None:
            return 0, ""
        try:
            found = self._database.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):  # damaged in this place
            return 0, ""
        if not isinstance(found, dict):
            return 0, ""
        number, name = found.get("autonomous_system_number"), found.get("autonomous_system_organization")
        return (
            number if isinstance(number, int) and 0 <= number < 1 << 32 else 0,
            name if isinstance(name, str) else "",
        )


def _network(address: IPv4Address | IPv6Address, prefix: int) -> str:
    """As the library writes it, without the checks that take it most of its time."""
    rest = address.max_prefixlen - prefix
    return f"{type(address)(int(address) >> rest << rest)}/{prefix}"
