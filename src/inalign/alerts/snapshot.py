"""What alerts look at: a judged domain, put together to senders, selectors and names with their days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from msgspec import Struct

from inalign.insight.classify import Judgement
from inalign.insight.lookups import Answers
from inalign.insight.names import is_same_or_below
from inalign.insight.record_history import RecordChange, changes_of
from inalign.insight.result import EvidenceCode, JudgedMail, SourceClass
from inalign.mail.organization import is_same_organization

Days = dict[int, tuple[int, int]]
"""Messages and failing ones by the ordinal of the day."""

UNWANTED = frozenset({SourceClass.SPOOF, SourceClass.LOW_REPUTATION})
WATCHED = frozenset({SourceClass.OWN, SourceClass.APPROVED, SourceClass.UNKNOWN, SourceClass.HOSTING})
"""Senders that an owner can do something about; those who forge and those who forward come and go."""
MAX_WATCHED = 2_000
"""Senders, selectors or names of a domain; the largest. Real ones are some hundreds."""


class SenderNow(Struct, frozen=True):
    """A sender over all its addresses and names."""

    source_class: SourceClass
    """Of most of its mail."""
    days: Days
    service: str = ""
    overridden: bool = False
    """Its class was set by hand: somebody knows it."""

    @property
    def first_day(self) -> int:
        return min(self.days)

    @property
    def last_day(self) -> int:
        return max(self.days)

    def sums(self, since: int, until: int) -> tuple[int, int]:
        """Messages and failing ones of days, both included."""
        found = [counts for day, counts in self.days.items() if since <= day <= until]
        return sum(messages for messages, _ in found), sum(failing for _, failing in found)

    @property
    def longest_silence(self) -> int:
        """Days between two days with mail."""
        return max((later - earlier for earlier, later in pairwise(sorted(self.days))), default=0)


class SeenNow(Struct, frozen=True):
    """Something that passing mail carries: since when, and how much."""

    first_day: int
    messages: int


class PolicyNow(Struct, frozen=True):
    """A policy as reporters saw it, and when last."""

    p: str
    last_day: int


class DomainNow(Struct, frozen=True, kw_only=True):
    """What is there of a domain now."""

    domain: str
    first_day: int
    last_day: int
    senders: dict[str, SenderNow] = {}
    selectors: dict[str, SeenNow] = {}
    """Names of keys of the domain, such as `s1._domainkey.example.org`, whose signatures pass."""
    names: dict[str, SeenNow] = {}
    """Names below the domain in From, of mail that passes."""
    messages: dict[int, int] = {}
    """All, by day."""
    unwanted: dict[int, int] = {}
    """Failing mail of suspected spoofers, by day."""
    records: dict[str, str] = {}
    """What is published, by name and type; empty text: looked up, and not there."""
    seen: tuple[PolicyNow, ...] = ()
    policy: str = ""
    """The policy that is published as looked up; empty: not known."""
    changes: tuple[RecordChange, ...] = ()
    """Changes of the DMARC record, as reporters saw them."""


def domain_now(judgement: Judgement, answers: Answers) -> DomainNow:
    """All that alerts look at. `answers` are those that the domain's look-ups were read from."""
    domain, lookups = judgement.facts.domain, judgement.lookups
    messages: dict[int, int] = defaultdict(int)
    unwanted: dict[int, int] = defaultdict(int)
    senders: dict[str, _Gathered] = defaultdict(_Gathered)
    selectors: dict[str, _Gathered] = defaultdict(_Gathered)
    names: dict[str, _Gathered] = defaultdict(_Gathered)
    for source in judgement.sources:
        for judged in source.mails:
            for day, count in judged.mail.days:
                messages[day] += count
                if not judged.passes and judged.source_class in UNWANTED:
                    unwanted[day] += count
            if judged.source_class in WATCHED:
                senders[judged.sender].add(judged)
            if not judged.passes:
                continue  # what it carries, anybody may have written
            for signature in judged.mail.signatures:
                if signature.passes and signature.selector and lookups.is_ours(signature.domain):
                    selectors[f"{signature.selector}._domainkey.{signature.domain}"].add(judged)
            if judged.mail.header_from != domain:
                names[judged.mail.header_from].add(judged)
    return DomainNow(
        domain=domain,
        first_day=judgement.first_day,
        last_day=judgement.last_day,
        senders={name: found.sender() for name, found in _largest(senders)},
        selectors={name: found.seen() for name, found in _largest(selectors)},
        names={name: found.seen() for name, found in _largest(names)},
        messages=dict(messages),
        unwanted=dict(unwanted),
        records=dict(_records(domain, answers)) if lookups.known else {},
        seen=tuple(PolicyNow(each.p, each.last_day) for each in judgement.facts.published),
        policy=str(lookups.dmarc.domain_policy or "") if lookups.known and lookups.dmarc else "",
        changes=changes_of(judgement.facts.record_history),
    )


class _Gathered:
    """Sums of mail that belongs together."""

    def __init__(self) -> None:
        self._days: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        self._classes: dict[SourceClass, int] = defaultdict(int)
        self._service = ""
        self._overridden = False
        self.messages = 0

    def add(self, judged: JudgedMail) -> None:
        count = judged.mail.messages
        self.messages += count
        self._classes[judged.source_class] += count
        self._service = self._service or judged.service or ""
        self._overridden |= any(each.code is EvidenceCode.OVERRIDDEN for each in judged.evidence)
        for day, messages in judged.mail.days:
            counts = self._days[day]
            counts[0] += messages
            counts[1] += 0 if judged.passes else messages

    def sender(self) -> SenderNow:
        chief = max(self._classes, key=lambda each: self._classes[each])
        days = {day: (messages, failing) for day, (messages, failing) in self._days.items()}
        return SenderNow(chief, days, self._service, self._overridden)

    def seen(self) -> SeenNow:
        return SeenNow(min(self._days), self.messages)


def _largest(found: Mapping[str, _Gathered]) -> list[tuple[str, _Gathered]]:
    return sorted(found.items(), key=lambda each: (-each[1].messages, each[0]))[:MAX_WATCHED]


def _records(domain: str, answers: Answers) -> Iterator[tuple[str, str]]:
    """DMARC, SPF and MX always, keys where they are there."""
    named = {name.lower().rstrip("."): listed for name, listed in answers.items()}
    for name, opening in (("_dmarc." + domain, "v=dmarc1"), (domain, "v=spf1")):
        if not named.get(name, {}).get("error"):
            found = [text for text in _texts(named.get(name, {})) if text.lower().startswith(opening)]
            yield f"{name} TXT", "\n".join(sorted(found))
    for name, listed in named.items():
        owner = name.partition("._domainkey.")[2]
        if is_same_or_below(owner, domain) and is_same_organization(owner, domain) and not listed.get("error"):
            yield f"{name} TXT", "\n".join(sorted(_texts(listed))) or str(listed.get("CNAME", ""))
    exchanges = named.get(domain, {}).get("MX")
    if isinstance(exchanges, list | tuple) and not named.get(domain, {}).get("error"):
        told = [" ".join(map(str, each)) if isinstance(each, list | tuple) else str(each) for each in exchanges]
        yield f"{domain} MX", "\n".join(sorted(each.lower() for each in told))


def _texts(listed: Mapping[str, object]) -> list[str]:
    values = listed.get("TXT", ())
    if isinstance(values, str):
        values = (values,)
    if not isinstance(values, list | tuple):
        return []
    return ["".join(map(str, value)) if isinstance(value, list | tuple) else str(value) for value in values]
