"""Private keys compared with what is published for them: at every server of the zone, or in a zone file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from inalign.dkim.crypto import PrivateKey
from inalign.dkim.signature import key_name
from inalign.keys.lifecycle.publication import (
    KeyFinding,
    Publication,
    PublicationFlaw,
    PublishedState,
    compare,
    compare_ended,
    examine,
    publication_state,
)
from inalign.keys.lifecycle.state import WANTED, ManagedKey
from inalign.mail.domain import DomainName
from inalign.resolver.interface import Answer, Outcome
from inalign.resolver.master_file import MasterFileRecord, parse_master_file

COMMON_SELECTORS = ("default", "mail", "dkim", "selector1")  # what generators of keys print when nobody says
MAX_OTHER_NAMES = 24  # where else a record is looked for
MAX_OTHER_KEYS = 100  # of other domains, whose record it might be
MAX_AT_ONCE = 8
OTHER_KEY = frozenset({KeyFinding.NOT_PUBLISHED, KeyFinding.NOT_A_KEY, KeyFinding.WRONG_TYPE, KeyFinding.REVOKED})


class PublicationSource(Protocol):
    """Asks the servers of a zone what they publish: `ZoneServers`, or a fake in tests."""

    async def publication(self, name: str) -> Publication:
        """What every server of the zone holds."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A key to check."""

    place: str
    """Its file, or the line that names it."""
    domain: DomainName
    selector: DomainName
    key: PrivateKey | None = field(repr=False)
    """None for a key that is deleted already."""
    managed_key: ManagedKey | None = None
    """None for a key that nobody leads through a life."""

    @property
    def name(self) -> str:
        """Where it is published."""
        return key_name(self.selector, self.domain)

    @property
    def wanted(self) -> PublishedState:
        """What shall be there."""
        return WANTED[self.managed_key.state] if self.managed_key else PublishedState.RECORD


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one key."""

    subject: Subject
    flaws: tuple[PublicationFlaw, ...]
    publication: Publication | None = None
    """What the servers say; None where a file was read."""

    @property
    def is_answered(self) -> bool:
        """Whether all that was asked was answered."""
        return not any(flaw.finding is KeyFinding.DNS_FAILED for flaw in self.flaws)


async def check_keys(subjects: Sequence[Subject], zones: PublicationSource) -> list[Checked]:
    """Check all, several at a time; what DNS does is a finding."""
    slots = asyncio.Semaphore(MAX_AT_ONCE)
    neighbours: dict[DomainName, list[Subject]] = {}
    for subject in subjects:
        neighbours.setdefault(subject.domain, []).append(subject)

    async def one(subject: Subject) -> Checked:
        near = neighbours[subject.domain]
        others = [other for other in [*near, *subjects[:MAX_OTHER_KEYS]] if other is not subject]
        async with slots:
            return await _check(subject, others, zones)

    return list(await asyncio.gather(*map(one, subjects)))


async def _check(subject: Subject, others: Sequence[Subject], zones: PublicationSource) -> Checked:
    publication = await zones.publication(subject.name)
    if subject.wanted is not PublishedState.RECORD or subject.key is None:
        return Checked(subject, compare_ended(subject.key, publication, subject.wanted), publication)
    flaws = compare(subject.key, publication)
    found = {flaw.finding for flaw in flaws}
    extra: Sequence[PublicationFlaw] = ()
    if KeyFinding.NOT_PUBLISHED in found:
        extra = await _elsewhere(subject, subject.key, others, zones)
    elif KeyFinding.DIFFERS in found or KeyFinding.WRONG_TYPE in found:
        extra = tuple(_whose(others, publication))
    return Checked(subject, (*flaws, *extra), publication)


async def _elsewhere(
    subject: Subject, key: PrivateKey, others: Sequence[Subject], zones: PublicationSource
) -> tuple[PublicationFlaw, ...]:
    """The names under which the record stands instead. They are asked of servers, never of a cache."""
    names = _other_names(subject, others)
    found = await asyncio.gather(*map(zones.publication, names))
    return tuple(
        PublicationFlaw(KeyFinding.MISPLACED, f"the record of this key stands as {name}")
        for name, publication in zip(names, found, strict=True)
        if PublishedState.RECORD in publication_state(key, publication).somewhere
    )


def _other_names(subject: Subject, others: Sequence[Subject]) -> list[str]:
    """Where a record gets by mistake: without its final dot, without `_domainkey`, under another selector or domain."""
    selectors = [other.selector for other in others if other.domain == subject.domain] + list(COMMON_SELECTORS)
    domains = [other.domain for other in others]
    names = [
        f"{subject.name}.{subject.domain}",
        f"{subject.selector}.{subject.domain}",
        *(f"{selector}._domainkey.{subject.domain}" for selector in selectors),
        *(f"{subject.selector}._domainkey.{domain}" for domain in domains),
    ]
    return [name for name in dict.fromkeys(names) if name != subject.name and len(name) <= 253][:MAX_OTHER_NAMES]


def _whose(others: Sequence[Subject], publication: Publication) -> Iterator[PublicationFlaw]:
    """Whether the record belongs to another key that we know."""
    for other in dict.fromkeys(others):
        if PublishedState.RECORD in publication_state(other.key, publication).somewhere:
            yield PublicationFlaw(KeyFinding.MISPLACED, f"the record there is that of {other.name} ({other.place})")


def check_zone_file(subjects: Sequence[Subject], path: Path, text: bytes) -> list[Checked]:
    """Compare with the TXT records of a file, as a generator of keys printed it. Raises `ParseError`."""
    return [Checked(subject, tuple(_in_file(subject, path, text))) for subject in subjects]


def _in_file(subject: Subject, path: Path, text: bytes) -> Iterator[PublicationFlaw]:
    if subject.key is None:
        return
    records = [record for record in parse_master_file(text, origin=subject.domain) if record.kind == "TXT"]
    own = [record for record in records if record.owner == subject.name]
    if own:
        yield from _placed(path, own, examine(subject.key, _answer(own)))
        return
    if not records:
        yield PublicationFlaw(KeyFinding.NOT_PUBLISHED, f"{path}: there is no TXT record")
    for record in records:
        flaws = examine(subject.key, _answer([record]))
        is_ours = not {flaw.finding for flaw in flaws} & {KeyFinding.DIFFERS, *OTHER_KEY}
        whose = "the record of this key" if is_ours else "a record"
        misplaced = PublicationFlaw(KeyFinding.MISPLACED, f"{whose} stands as {record.owner}, not as {subject.name}")
        yield from _placed(path, [record], (misplaced, *flaws))


def _placed(
    path: Path, records: Sequence[MasterFileRecord], flaws: Sequence[PublicationFlaw]
) -> Iterator[PublicationFlaw]:
    for flaw in flaws:
        yield PublicationFlaw(flaw.finding, f"{path}:{records[0].line}: {flaw.detail}")


def _answer(records: Sequence[MasterFileRecord]) -> Answer[bytes]:
    return Answer(Outcome.FOUND, tuple(record.value for record in records if isinstance(record.value, bytes)))
