"""Reverse names of the addresses that send most, looked up in the background and kept in the table `names`.

A name is kept where its own addresses lead back to the address (RFC 8601 section 3); whoever has an address can write
any name into its reverse zone.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import msgspec

from inalign.flow.iprev import IprevStatus, check_iprev, find_names
from inalign.resolver import Outcome, Resolver
from inalign.store.engine.interface import Engine
from inalign.store.queries.upkeep import addresses_to_name
from inalign.store.schema.tables import NAMES

MAX_NAME = 253  # RFC 1035 section 3.1: 255 octets on the wire


@dataclass(frozen=True, slots=True, kw_only=True)
class NameLimits:
    """How much is asked, and how long an answer holds."""

    addresses: int = 500
    """Of one run, those with the most messages first."""
    at_once: int = 20
    seconds: float = 15.0
    """Of one address; the reverse zones of dead networks do not answer."""
    seen_days: int = 90
    """Addresses that sent nothing for longer are not asked for."""
    name_days: int = 90
    """How old a name becomes before it is asked for again."""
    miss_days: int = 14
    """The same, of an address that has none."""
    failure_days: int = 1
    """The same, of one whose name servers did not answer."""


@dataclass(frozen=True, slots=True)
class _Found:
    source_ip: str
    name: str = ""
    failed: bool = False


async def resolve_names(
    engine: Engine, resolver: Resolver, limits: NameLimits, *, now: datetime, folder: Path
) -> tuple[int, int]:
    """One run; returns how many addresses were asked for, and how many have a name. Raises `StoreError`."""
    wanted = await asyncio.to_thread(_wanted, engine, limits, now)
    slots = asyncio.Semaphore(limits.at_once)
    found = await asyncio.gather(*(_find(address, resolver, limits, slots) for address in wanted))
    if found:
        await asyncio.to_thread(partial(_keep, engine, found, limits, now, folder))
    return len(found), sum(bool(each.name) for each in found)


def _wanted(engine: Engine, limits: NameLimits, now: datetime) -> list[str]:
    """Addresses without a name that is fresh enough, by messages."""
    return addresses_to_name(
        engine,
        (now - timedelta(days=limits.seen_days)).date(),
        names_since=_seconds(now, limits.name_days),
        misses_since=_seconds(now, limits.miss_days),
        limit=limits.addresses,
    )


async def _find(address: str, resolver: Resolver, limits: NameLimits, slots: asyncio.Semaphore) -> _Found:
    async with slots:
        try:
            client = ip_address(address)
            async with asyncio.timeout(limits.seconds):
                reverse = await find_names(client, resolver)
                result = await check_iprev(client, reverse, resolver)
        except ValueError:  # a text that is no address: nothing to ask
            return _Found(address)
        except TimeoutError:
            return _Found(address, failed=True)
    if reverse.outcome is Outcome.FAILED or result.result is IprevStatus.TEMPERROR:
        return _Found(address, failed=True)
    if result.result is not IprevStatus.PASS or result.name is None:
        return _Found(address)
    name = result.name.lower().rstrip(".")
    return _Found(address, name if len(name) <= MAX_NAME and name.isascii() and name.isprintable() else "")


def _keep(engine: Engine, found: list[_Found], limits: NameLimits, now: datetime, folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".ndjson") as file:
        for each in found:
            # One that failed looks like a miss that is nearly too old.
            days = limits.miss_days - limits.failure_days if each.failed else 0
            row = {"source_ip": each.source_ip, "name": each.name, "asked_at": _seconds(now, days)}
            file.write(msgspec.json.encode(row) + b"\n")
        file.flush()
        with engine.change() as change:
            change.insert(NAMES, [Path(file.name)])


def _seconds(now: datetime, days_before: int) -> int:
    return int((now - timedelta(days=days_before)).timestamp())
