"""DNSBLs (RFC 5782) of the user's choice: whether addresses that never pass stand on them, asked in the background.

A list is believed only while its own test entries are right (RFC 5782 section 5). What it answers is kept for a week,
so that no list is asked twice about an address soon; whoever runs a list learns which addresses are asked for.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import IPv4Network, IPv6Address, ip_address

from inalign.resolver import IPAddress, Outcome, Resolver
from inalign.store.engine.interface import Engine
from inalign.store.queries.upkeep import addresses_that_never_pass
from inalign.store.state.control import Control
from inalign.store.state.dnsbl import fresh_listings, keep_listings

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

LIST_NAME = re.compile(r"(?=.{1,160}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
"""The name of a list. The reversed IPv6 address in front of it takes 64 of the 253 octets of a name."""


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
    rest_hours: int = 1
    """How long a list is left alone that refuses us, is silent, or has wrong test entries; and a question without an
    answer, so that it keeps no other from its turn."""


class Said(Enum):
    """What a list says of an address."""

    LISTED = "listed"
    CLEAN = "clean"
    UNKNOWN = "unknown"
    """No answer; another time it may be had."""
    REFUSED = "refused"
    """The list does not answer us, or is none."""


class DnsblClient:
    """The lists that are asked, and for how long each, and each silent question, is left alone."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._rests_until: dict[str, datetime] = {}
        self._trouble: dict[str, str] = {}
        self._silent_until: dict[tuple[str, IPAddress], datetime] = {}
        """At most as many as are considered, for each list."""

    async def ask(
        self,
        engine: Engine,
        control: Control,
        resolver: Resolver,
        limits: ListLimits,
        *,
        now: datetime,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> int:
        """One run; returns how many answers were had. Raises `StoreError`, `ControlError`."""
        wanted = await asyncio.to_thread(_wanted, engine, limits, now)
        self._silent_until = {each: until for each, until in self._silent_until.items() if until > now}
        answers = 0
        for name in self.names:
            if is_ending() or self._rests_until.get(name, now) > now:
                continue
            known = await asyncio.to_thread(fresh_listings, control, name, now - timedelta(days=limits.answer_days))
            missing = [
                address for address in wanted if str(address) not in known and (name, address) not in self._silent_until
            ]
            found = await self._ask_list(name, missing, resolver, limits, now=now, is_ending=is_ending)
            if found:
                await asyncio.to_thread(keep_listings, control, name, found, now)
            answers += len(found)
        return answers

    async def _ask_list(
        self,
        name: str,
        missing: Sequence[IPAddress],
        resolver: Resolver,
        limits: ListLimits,
        *,
        now: datetime,
        is_ending: Callable[[], bool],
    ) -> dict[str, bool]:
        """Whether addresses are listed, of those that had an answer."""
        until = now + timedelta(hours=limits.rest_hours)
        trouble, trusted = "", set()
        for version in {address.version for address in missing}:
            doubt = await _doubt(name, version, resolver)
            if not doubt:
                trusted.add(version)
            elif version == 4:  # without IPv6 a list has no such entries, and is not asked about it
                trouble = doubt
        found: dict[str, bool] = {}
        asked = [address for address in missing if address.version in trusted][: 0 if trouble else limits.addresses]
        for first in range(0, len(asked), limits.at_once):
            if is_ending():
                return found
            some = asked[first : first + limits.at_once]
            said = await asyncio.gather(*(_ask(name, address, resolver) for address in some))
            for address, word in zip(some, said, strict=True):
                if word in (Said.LISTED, Said.CLEAN):
                    found[str(address)] = word is Said.LISTED
                else:
                    self._silent_until[name, address] = until
            if Said.REFUSED in said:
                trouble = "it refuses our questions (see its terms of use)"
                break
            if len(some) > 1 and set(said) == {Said.UNKNOWN}:
                trouble = "it does not answer"
                break
        if trouble:
            self._rests_until[name] = until
        self._tell(name, trouble)
        return found

    def _tell(self, name: str, trouble: str) -> None:
        """Once for each kind of trouble, until it is over."""
        before = self._trouble.get(name, "")
        if trouble and trouble != before:
            log.warning("the blocklist %s is not used: %s", name, trouble)
        elif before and not trouble:
            log.info("the blocklist %s is used again", name)
        self._trouble[name] = trouble


async def _doubt(name: str, version: int, resolver: Resolver) -> str:
    """Why its test entries are no reason to believe a list; empty: they are."""
    listed, clean = [await _ask(name, address, resolver) for address in TESTS[version]]
    if listed is Said.LISTED and clean is Said.CLEAN:
        return ""
    if Said.UNKNOWN in (listed, clean):
        return "its test entries have no answer"
    return f"its test entries say {listed.value} and {clean.value}, not listed and clean"


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
    since = (now - timedelta(days=limits.seen_days)).date()
    return list(_addresses(addresses_that_never_pass(engine, since, limit=limits.considered)))


def _addresses(texts: Iterable[str]) -> Iterable[IPAddress]:
    for text in texts:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        if address.is_global:  # of others no list can know anything
            yield address
