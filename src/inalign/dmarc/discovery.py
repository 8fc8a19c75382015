"""Finding the DMARC policy record and the organizational domain of a name: the DNS tree walk.

RFC 9989 section 4.10 (the walk), 4.10.1 (policy discovery), 4.10.2 (organizational domain), 3.2.13 (which domains
exist). No public suffix list. One `Discovery` belongs to one evaluation: author, SPF domain and signing domains
share most of their paths, so each name is asked once, and the names are kept in the order asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from inalign.dmarc.record import DmarcRecord, PublicSuffix, is_dmarc_record, parse_dmarc_record
from inalign.mail.domain import MAX_NAME_OCTETS, DomainError, DomainName, parse_domain
from inalign.resolver import Answer, Outcome, Question, Resolver, txt

MAX_WALK_QUERIES = 8  # RFC 9989 section 4.10: whatever the number of labels

_PREFIX = "_dmarc."  # RFC 9989 section 4.5


class DiscoveredRecord(NamedTuple):
    """What DNS says about the DMARC records of one name."""

    record: DmarcRecord | None = None
    """The record, where there is exactly one."""
    record_count: int = 0
    """How many DMARC records the name has; several void each other."""
    failure: str | None = None
    """What happened, where DNS gave no answer."""
    secure: bool = False
    """Whether DNSSEC vouched for the answer."""

    @property
    def is_last(self) -> bool:
        """Whether the walk stops here (RFC 9989 section 4.10 steps 2 and 6)."""
        return self.record is not None and self.record.psd is not PublicSuffix.UNDECLARED


_NOTHING = DiscoveredRecord()


class Walk(NamedTuple):
    """A finished tree walk: what was found at each name, longest first."""

    start: DomainName
    findings: tuple[tuple[DomainName, DiscoveredRecord], ...]
    possible: frozenset[DomainName]
    """What the organizational domain of the start may be: one name, or more where questions had no answer."""

    @property
    def failure(self) -> str | None:
        """The first question without an answer."""
        for name, finding in self.findings:
            if finding.failure is not None:
                return f"{_PREFIX}{name}: {finding.failure}"
        return None

    @property
    def organizational_domain(self) -> DomainName | None:
        """The organizational domain of the start; None where a question had no answer."""
        return None if self.failure else next(iter(self.possible))


class PolicyFinding(NamedTuple):
    """The record in force for an author domain (RFC 9989 section 4.10.1)."""

    domain: DomainName | None = None
    """The policy domain, where the record is published; None without a record."""
    record: DmarcRecord | None = None
    secure: bool = False
    failure: str | None = None
    """A query had no answer, so nothing can be said."""


class Discovery:
    """The DMARC questions of one evaluation, and their answers."""

    def __init__(self, resolver: Resolver, *, expected: Iterable[DomainName] = ()) -> None:
        """`expected` are domains for which `prefetch_policy` was called already."""
        self._resolver = resolver
        self._findings: dict[DomainName, DiscoveredRecord] = {}
        self._walks: dict[DomainName, Walk] = {}
        self._expected = set(expected)
        self.asked: list[str] = []
        """The names asked for DMARC records, in order, each once."""

    def prefetch(self, *domains: DomainName) -> None:
        """Name every question of the walks from these domains, so that a live resolver asks them side by side."""
        for domain in domains:
            if domain not in self._expected:
                self._expected.add(domain)
                self._resolver.prefetch(*_questions(domain))

    async def look(self, domain: DomainName) -> DiscoveredRecord:
        """The DMARC record of one name."""
        finding = self._findings.get(domain)
        if finding is None:
            finding = self._findings[domain] = await self._ask(_PREFIX + domain)
        return finding

    async def _ask(self, name: str) -> DiscoveredRecord:
        if len(name) > MAX_NAME_OCTETS:
            return _NOTHING  # RFC 1035 section 2.3.4: a name that cannot be asked for has no record
        self.asked.append(name)
        return select_record(await self._resolver.txt(name))

    async def walk(self, start: DomainName) -> Walk:
        """The tree walk from a name up (RFC 9989 section 4.10). A question without an answer does not end it."""
        walk = self._walks.get(start)
        if walk is None:
            findings = []
            for name in walk_names(start):
                finding = await self.look(name)
                findings.append((name, finding))
                if finding.is_last:
                    break
            walk = self._walks[start] = Walk(start, tuple(findings), _possible_organizations(start, findings))
        return walk

    async def find_policy(self, author: DomainName) -> PolicyFinding:
        """Policy discovery: the author domain, else its organizational domain, else its public suffix domain."""
        own = await self.look(author)
        if own.record is not None:
            return PolicyFinding(author, own.record, own.secure)
        if own.failure is not None:
            return PolicyFinding(failure=f"{_PREFIX}{author}: {own.failure}")
        # RFC 9989 section 4.10.1 starts this walk above the author domain, whose answer is known to be empty: it is
        # the rest of the walk from the author domain itself, which section 4.10.2 needs for the organizational domain.
        walk = await self.walk(author)
        if walk.failure is not None:
            return PolicyFinding(failure=walk.failure)
        published = [(name, finding) for name, finding in walk.findings if finding.record is not None]
        for name, finding in published:
            if name == walk.organizational_domain:
                return PolicyFinding(name, finding.record, finding.secure)
        if not published:
            return PolicyFinding()
        # The organizational domain has none, yet a record made it the organizational domain: the psd=y of its parent.
        name, finding = published[-1]
        return PolicyFinding(name, finding.record, finding.secure)

    async def exists(self, domain: DomainName) -> bool | None:
        """Whether a domain exists in the sense of RFC 9989 section 3.2.13; None where DNS gives no answer."""
        # RFC 9989 appendix A.4: any record type will do. SPF may have asked for the same.
        answer = await self._resolver.txt(domain)
        if answer.outcome is Outcome.FAILED:
            return None
        return answer.outcome is not Outcome.NXDOMAIN


def prefetch_policy(domain: str, resolver: Resolver) -> None:
    """Prefetch the DMARC records of the tree walk from `domain`; text that is not a domain name is ignored.

    To be called as soon as an author domain, the MAIL FROM domain or a signing domain is known.
    """
    try:
        name = parse_domain(domain)
    except DomainError:
        return
    resolver.prefetch(*_questions(name))


def select_record(answer: Answer[bytes]) -> DiscoveredRecord:
    """The DMARC record among the TXT records of a name (RFC 9989 section 4.10 steps 2 and 6)."""
    if answer.outcome is Outcome.FAILED:
        return DiscoveredRecord(failure=answer.detail or "no answer")
    if not answer.records:
        return _NOTHING
    records = [octets for octets in answer.records if is_dmarc_record(octets)]
    if len(records) != 1:
        return DiscoveredRecord(record_count=len(records), secure=answer.dnssec_validated)
    # The filter looks at the version alone: a record whose policy is broken is a record, and stays one in the walk.
    return DiscoveredRecord(parse_dmarc_record(records[0]), 1, secure=answer.dnssec_validated)


@lru_cache(maxsize=2048)
def walk_names(start: DomainName) -> tuple[DomainName, ...]:
    """The domains whose records a walk from `start` looks at, longest first, eight at most."""
    labels = start.split(".")
    # RFC 9989 section 4.10 step 4: a name of eight labels or more goes on with its last seven
    rest = labels[1:][1 - MAX_WALK_QUERIES :]
    return (start, *(DomainName(".".join(rest[cut:])) for cut in range(len(rest))))


@lru_cache(maxsize=2048)
def _questions(start: DomainName) -> tuple[Question, ...]:
    return tuple(txt(_PREFIX + name) for name in walk_names(start) if len(_PREFIX) + len(name) <= MAX_NAME_OCTETS)


def _possible_organizations(
    start: DomainName, findings: list[tuple[DomainName, DiscoveredRecord]]
) -> frozenset[DomainName]:
    """Select the organizational domain (RFC 9989 section 4.10.2), all that it may be where answers are missing."""
    possible = set()
    shortest = start
    for name, finding in findings:
        record = finding.record
        if finding.failure is not None:
            possible.add(name)  # were it a record with psd=n, or the highest of all
            if name != start:
                possible.add(_one_label_below(name, start))  # were it one with psd=y
        elif record is not None:
            if record.psd is PublicSuffix.NO:
                return frozenset({*possible, name})
            # A record with psd=y at the start makes the start no suffix of itself: it counts as any other.
            if record.psd is PublicSuffix.YES and name != start:
                return frozenset({*possible, _one_label_below(name, start)})
            shortest = name
    return frozenset({*possible, shortest})


def _one_label_below(suffix: DomainName, start: DomainName) -> DomainName:
    """The name one label longer than `suffix` on the way down to `start`, which lies below it."""
    return DomainName(start[: -len(suffix) - 1].rpartition(".")[2] + "." + suffix)
