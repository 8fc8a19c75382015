"""DNS blocklists of the user's choice: whether addresses that never pass stand on them, asked in the background.

A list is believed only while its own test entries are right (RFC 5782 section 5). What it answers is kept for a week,
so that no list is asked twice about an address soon; whoever runs a list learns which addresses are asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import IPv4Network, IPv6Address, ip_address

from inalign.resolver import IPAddress, Outcome, Resolver
from inalign.store.control import Control
from inalign.store.engine import Engine
from inalign.store.listings import fresh_listings, keep_listings

log = logging.getLogger("inalign")

LISTED = IPv4Network("127.0.0.0/8")
"""RFC 5782 section 2.1: entries have addresses in it. Others are a name that was sold, or a resolver that makes up
answers."""
REFUSED = IPv4Network("127.255.255.0/24")
"""By custom of the lists: too many questions, or through a public resolver."""
TESTS: dict[int, tuple[IPAddress, IPAddress]] = {
    4: (ip_address("127.0.0.2"), ip_address("127.0.0.1")),
    6: (ip_address("::ffff:7f00:2"), ip_address("::ffff:7f00:1")),
}
"""RFC 5782 section 5: the first is on every list of its kind, the second on none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLimits:
    """How much is asked, and how long an answer holds."""

    addresses: int = 100
    """Of one run and list, those with the most messages first; lists that are free bear some ten thousand a day."""
    considered: int = 10_000
    """Addresses that are asked for at all; behind them are single messages."""
    at_once: int = 10
    seen_days: int = 30
    """Addresses that sent nothing for longer are not asked for: lists tell of now."""
    answer_days: int = 7
    """How old an answer becomes before it is asked for again."""


class Said(Enum):
    """What a list says of an address."""

    LISTED = "listed"
    CLEAN = "clean"
    UNKNOWN = "unknown"
    """No answer; another time it may be had."""
    REFUSED = "refused"
    """The list does not answer us, or is none."""


async def ask_blocklists(
    engine: Engine, control: Control, resolver: Resolver, lists: Sequence[str], limits: ListLimits, *, now: datetime
) -> int:
    """One run; returns how many answers were had. Raises `StoreError`, `ControlError`."""
    wanted = await asyncio.to_thread(_wanted, engine, limits, now)
    slots = asyncio.Semaphore(limits.at_once)

    async def in_turn(name: str, address: IPAddress) -> Said:
        async with slots:
            return await _ask(name, address, resolver)

    answers = 0
    for name in lists:
        known = await asyncio.to_thread(fresh_listings, control, name, now - timedelta(days=limits.answer_days))
        missing = [address for address in wanted if str(address) not in known][: limits.addresses]
        versions = {address.version for address in missing}
        trusted = {version for version in versions if await _is_right(name, version, resolver)}
        asked = [address for address in missing if address.version in trusted]
        said = await asyncio.gather(*(in_turn(name, address) for address in asked))
        if Said.REFUSED in said:
            log.warning("the blocklist %s refuses our questions: see its terms of use", name)
        found = {
            str(address): word is Said.LISTED
            for address, word in zip(asked, said, strict=True)
            if word in (Said.LISTED, Said.CLEAN)
        }
        if found:
            await asyncio.to_thread(keep_listings, control, name, found, now)
        answers += len(found)
    return answers


async def _is_right(name: str, version: int, resolver: Resolver) -> bool:
    """Whether its test entries are what they must be; without IPv6 a list has none for it, and is not asked."""
    listed, clean = [await _ask(name, address, resolver) for address in TESTS[version]]
    if listed is Said.LISTED and clean is Said.CLEAN:
        return True
    if version == 4:
        log.warning(
            "the blocklist %s is not used: its test entries say %s and %s, not listed and clean",
            name,
            listed.value,
            clean.value,
        )
    return False


async def _ask(name: str, address: IPAddress, resolver: Resolver) -> Said:
    answer = await resolver.addresses(question(name, address), 4)
    if answer.outcome is Outcome.FAILED:
        return Said.UNKNOWN
    if answer.outcome is not Outcome.FOUND:
        return Said.CLEAN
    if any(each in REFUSED or each not in LISTED for each in answer.records):
        return Said.REFUSED
    return Said.LISTED


def question(name: str, address: IPAddress) -> str:
    """The name to ask for: octets (RFC 5782 section 2.1) or nibbles (RFC 5782 section 2.4), the last one first."""
    parts = address.packed.hex() if isinstance(address, IPv6Address) else str(address).split(".")
    return f"{'.'.join(reversed(parts))}.{name}"


def _wanted(engine: Engine, limits: ListLimits, now: datetime) -> list[IPAddress]:
    """Addresses of which nothing passed, by messages."""
    rows = engine.query(
        "SELECT source_ip, sum(count) AS messages FROM records WHERE day >= :since AND source_ip <> '' "  # noqa: S608 - a number of ours
        "GROUP BY source_ip HAVING max(CASE WHEN dkim_aligned = 'pass' OR spf_aligned = 'pass' THEN 1 ELSE 0 END) = 0 "
        f"ORDER BY messages DESC, source_ip LIMIT {limits.considered:d}",
        {"since": (now - timedelta(days=limits.seen_days)).date()},
    )
    return list(_addresses(str(address) for address, _ in rows))


def _addresses(texts: Iterable[str]) -> Iterable[IPAddress]:
    for text in texts:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        if address.is_global:  # of others no list can know anything
            yield address
