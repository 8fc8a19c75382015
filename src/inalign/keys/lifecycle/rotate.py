"""Creates keys and advances them through their states by what the servers of their zones publish.

Every step is written down before the next; what is sent to DNS may be sent again. So a run that was ended anywhere is
finished by the next, and two runs at a time keep out of each other's way (`durable.locked`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from inalign import durable
from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import ED25519_BITS, PrivateKey, generate_private_key
from inalign.dkim.sign import ADVISED_RSA_BITS, MIN_RSA_BITS, SigningKey
from inalign.dkim.signature import key_name
from inalign.errors import Error
from inalign.keys.lifecycle.folder import KeyFolder
from inalign.keys.lifecycle.publication import (
    KeyFinding,
    Publication,
    PublicationFlaw,
    PublicationState,
    PublishedState,
    compare,
    compare_ended,
    publication_state,
)
from inalign.keys.lifecycle.state import (
    WANTED,
    KeyState,
    ManagedKey,
    RetentionPeriods,
    advance,
    free_selector,
    is_under_way,
    superseded,
)
from inalign.keys.lifecycle.tsig import TsigKey, read_tsig_file
from inalign.keys.lifecycle.zone_text import KeyRecordChange, empty_record
from inalign.mail.domain import DomainName

MAX_AT_ONCE = 8  # domains whose servers are asked at a time


class ZoneUpdater(Protocol):
    """Asks the servers of a zone and updates the zone: `ZoneServers`, or a fake in tests."""

    async def publication(self, name: str) -> Publication:
        """What every server of the zone holds."""
        ...

    async def update(self, change: KeyRecordChange, server: str, tsig: TsigKey, *, is_new: bool) -> None:
        """Send a dynamic update. Raises `TransportError`."""
        ...


class KeyExistsError(Error):
    """There is such a key already."""


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A request for a new key: type, size and selector."""

    key_type: KeyType
    bits: int = ADVISED_RSA_BITS
    selector: DomainName | None = None
    """None for one of the day."""


class DynamicUpdate(NamedTuple):
    """Where and with which TSIG key a dynamic update (RFC 2136) is sent."""

    server: str
    tsig_file: str


@dataclass(slots=True)
class Progress:
    """The result of a run for one managed key."""

    managed_key: ManagedKey
    actions: list[str] = field(default_factory=list)
    flaws: tuple[PublicationFlaw, ...] = ()
    """What keeps it from the next step."""
    manual_change: KeyRecordChange | None = None
    """What a person must publish, for it to go on."""
    problem: str = ""
    """Why it could not be published."""

    @property
    def is_news(self) -> bool:
        """Whether there is more to say than that a key goes on to sign."""
        return bool(self.actions or self.flaws or self.problem) or self.managed_key.state is not KeyState.ACTIVE


def make_key(
    folder: KeyFolder, domain: DomainName, wish: KeyRequest, now: datetime, way: DynamicUpdate | None
) -> ManagedKey:
    """A new key, pending; the folder of the domain is there and locked. Raises `Error`, `OSError`.

    The state is written before the key: a private key without one would sign at once.
    """
    managed_keys = folder.managed_keys(domain)
    taken = frozenset(managed_key.selector for managed_key in managed_keys)
    selector = wish.selector or DomainName(free_selector(wish.key_type, now, taken))
    key_name(selector, domain)
    if selector in taken:
        raise KeyExistsError(f"{selector}._domainkey.{domain} has been used already; a selector is never used again")
    managed_key = ManagedKey(
        domain=domain,
        selector=selector,
        key_type=wish.key_type,
        bits=wish.bits if wish.key_type is KeyType.RSA else ED25519_BITS,
        state=KeyState.PENDING,
        since=now,
        created=now,
        update_server=way.server if way else "",
        tsig_file=way.tsig_file if way else "",
    )
    folder.write(managed_key)
    folder.write_key(managed_key, generate_private_key(managed_key.key_type, bits=managed_key.bits))
    return managed_key


def wanted_change(managed_key: ManagedKey, key: PrivateKey | None) -> KeyRecordChange:
    """What the name of the key shall hold."""
    name = key_name(managed_key.selector, managed_key.domain)
    match WANTED[managed_key.state]:
        case PublishedState.RECORD if key is not None:
            return KeyRecordChange(name, SigningKey(managed_key.domain, managed_key.selector, key).key_record())
        case PublishedState.EMPTY:
            return KeyRecordChange(name, empty_record(managed_key.key_type))
        case _:
            return KeyRecordChange(name, None)


class Rotation:
    """Advances the managed keys of a folder through their states."""

    def __init__(self, folder: KeyFolder, zones: ZoneUpdater, terms: RetentionPeriods, now: datetime) -> None:
        self._folder = folder
        self._zones = zones
        self._terms = terms
        self._now = now

    async def all(self, *, every: timedelta | None, report: Callable[[list[Progress]], None]) -> list[Error]:
        """Advance the keys of all domains, and call `report` with the result of each. Return the errors.

        An error in one domain does not stop the others.
        """
        slots = asyncio.Semaphore(MAX_AT_ONCE)
        problems: list[Error] = []

        async def one(domain: DomainName) -> None:
            async with slots:
                try:
                    report(await self.domain(domain, every=every))
                except Error as problem:
                    problems.append(problem)

        await asyncio.gather(*map(one, self._folder.domains()))
        return problems

    async def domain(
        self, domain: DomainName, *, every: timedelta | None = None, way: DynamicUpdate | None = None
    ) -> list[Progress]:
        """Advance the keys of a domain; return () where it has none. Raises `Error`.

        `every`: make a successor for a key that has signed so long, where no rotation is under way. `way`: how the
        records get into DNS from now on.
        """
        if not (self._folder.path / domain).is_dir():
            return []
        try:
            with durable.locked(self._folder.path / domain):
                return await self._domain(domain, every, way)
        except OSError as problem:
            raise Error(f"{problem.filename or self._folder.path / domain}: {problem.strerror or problem}") from None

    async def _domain(self, domain: DomainName, every: timedelta | None, way: DynamicUpdate | None) -> list[Progress]:
        managed_keys = self._folder.managed_keys(domain)
        for managed_key in managed_keys:
            if managed_key.is_over:
                self._folder.apply_state(managed_key)  # a run that ended before it deleted the private key
        found = [Progress(managed_key) for managed_key in managed_keys if not managed_key.is_over]
        for one in found:
            self._repair(one)
            if way is not None:
                one.managed_key = replace(one.managed_key, update_server=way.server, tsig_file=way.tsig_file)
                self._folder.write(one.managed_key)
        if every is not None:
            found += self._successors(found, every)
        run = _RotationRun(self._folder, self._zones, self._terms, self._now, found)
        while any([await run.step(one) for one in found]):
            pass
        return found

    def _repair(self, one: Progress) -> None:
        """Finish what a run before this one may have left half done."""
        if one.managed_key.state is KeyState.PENDING and not self._folder.has_key(one.managed_key):
            self._folder.write_key(
                one.managed_key, generate_private_key(one.managed_key.key_type, bits=one.managed_key.bits)
            )
            one.actions.append("made the private key")
        self._folder.apply_state(one.managed_key)

    def _successors(self, found: list[Progress], every: timedelta) -> Iterator[Progress]:
        managed_keys = tuple(one.managed_key for one in found)
        for managed_key in managed_keys:
            is_quiet = not any(
                is_under_way(other, managed_keys) and other.key_type is managed_key.key_type for other in managed_keys
            )
            is_old = managed_key.state is KeyState.ACTIVE and self._now - managed_key.since >= every
            if is_quiet and is_old:
                bits = max(managed_key.bits, ADVISED_RSA_BITS)  # a key that was shorter is followed by a good one
                way = (
                    DynamicUpdate(managed_key.update_server, managed_key.tsig_file)
                    if managed_key.update_server
                    else None
                )
                made = make_key(
                    self._folder, managed_key.domain, KeyRequest(managed_key.key_type, bits), self._now, way
                )
                yield Progress(made, [f"made, to follow {managed_key.selector}"])


class _RotationRun:
    """One run over the keys of one domain; asks for each name once, and once more after an update."""

    def __init__(
        self, folder: KeyFolder, zones: ZoneUpdater, terms: RetentionPeriods, now: datetime, found: list[Progress]
    ) -> None:
        self._folder = folder
        self._zones = zones
        self._terms = terms
        self._now = now
        self._found = found
        self._seen: dict[str, Publication] = {}
        self._sent: set[tuple[str, KeyState]] = set()

    async def step(self, one: Progress) -> bool:
        """At most one step; whether there was one."""
        before = one.managed_key
        if before.is_over:
            return False
        key = self._folder.key(before) if before.needs_dns else None
        name = key_name(before.selector, before.domain)
        if before.needs_dns and name not in self._seen:
            self._seen[name] = await self._zones.publication(name)
        publication = self._seen.get(name, Publication(name=name))
        stands = publication_state(key, publication)
        others = tuple(other.managed_key for other in self._found)
        after = advance(before, stands, self._now, self._terms, is_superseded=superseded(before, others))
        one.flaws, one.manual_change = (), None
        if after != before:
            self._folder.write(after)
            one.managed_key = after
        if after.state is not before.state or after.is_over:
            self._folder.apply_state(after)
            one.actions.append("gone from DNS; the private key is deleted" if after.is_over else f"now {after.state}")
            return True
        if not after.needs_dns:
            return False
        one.flaws = _obstacles(after, key, publication)
        return await self._publish(one, key, stands)

    async def _publish(self, one: Progress, key: PrivateKey | None, stands: PublicationState) -> bool:
        """Send what the servers lack, or have a person publish it; whether it is worth looking again."""
        managed_key, wanted = one.managed_key, WANTED[one.managed_key.state]
        if not stands.somewhere or wanted in stands.somewhere:
            return False  # nobody answers; or one has it, and the others will follow
        change = wanted_change(managed_key, key)
        if PublishedState.OTHER in stands.somewhere or not managed_key.update_server:
            one.manual_change = change  # what we did not publish we do not write over
            return False
        if (managed_key.selector, managed_key.state) in self._sent:
            return False
        self._sent.add((managed_key.selector, managed_key.state))
        try:
            tsig = read_tsig_file(Path(managed_key.tsig_file))
            await self._zones.update(change, managed_key.update_server, tsig, is_new=wanted is PublishedState.RECORD)
        except Error as problem:
            one.problem = str(problem)
            return False
        one.actions.append(f"sent the record to {managed_key.update_server}" if change.record else "sent its removal")
        del self._seen[change.name]
        return True


def _obstacles(
    managed_key: ManagedKey, key: PrivateKey | None, publication: Publication
) -> tuple[PublicationFlaw, ...]:
    """What keeps a key from the next step, beyond that its record is not there yet."""
    if WANTED[managed_key.state] is not PublishedState.RECORD or key is None:
        flaws = compare_ended(key, publication, WANTED[managed_key.state])
    else:
        flaws = compare(key, publication, min_rsa_bits=MIN_RSA_BITS)
    expected = {KeyFinding.NOT_PUBLISHED, KeyFinding.STILL_PUBLISHED}
    return tuple(flaw for flaw in flaws if flaw.finding not in expected)
