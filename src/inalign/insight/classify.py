"""Judging a domain: every kind of mail of a source gets a class, and the source the class of most of its mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from inalign.dmarc.record import AlignmentMode
from inalign.insight.context import Look, Site, SourceContext, look_of, sender_of, site_of
from inalign.insight.directory import Directory
from inalign.insight.domain_profile import DomainProfile, domain_profile_of
from inalign.insight.facts import DomainFacts, SourceMail
from inalign.insight.lookups import DomainLookups
from inalign.insight.names import network_of
from inalign.insight.result import ClassifiedSource, Evidence, EvidenceCode, JudgedMail, SourceClass
from inalign.insight.rules.rule import RuleCase
from inalign.insight.rules.table import Classification, classify
from inalign.insight.window import Window, window_to
from inalign.mail.organization import registrable_domain

_PRECEDENCE = tuple(SourceClass)


@dataclass(frozen=True, slots=True)
class Override:
    """A class that the user set for an address, a network or a sender; it lasts until it is taken back."""

    source_class: SourceClass
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A domain with its sources, largest first."""

    facts: DomainFacts
    lookups: DomainLookups
    sources: tuple[ClassifiedSource, ...]
    first_day: int
    last_day: int
    window: Window
    """The days that the numbers of the plan are of."""


def judge_domain(
    facts: DomainFacts,
    lookups: DomainLookups,
    directory: Directory,
    surroundings: SourceContext | None = None,
    overrides: Mapping[str, Override] | None = None,
    *,
    window: Window | None = None,
) -> Judgement:
    """Give every source of a domain its class. `overrides` are by address, by network as `network_of`, or by sender.

    `window` is that of the store; by default it ends on the last day of the facts.
    """
    surroundings = surroundings or SourceContext()
    first_day, last_day = (facts.days[0], facts.days[-1]) if facts.days else (0, 0)
    sites = {source.source_ip: site_of(source, lookups, directory, surroundings, last_day) for source in facts.sources}
    looks: dict[SourceMail, Look] = {}
    found = []
    for source in facts.sources:
        for mail in source.mails:
            look = look_of(mail, lookups, directory)
            looks[mail] = look
            found.append((sites[source.source_ip], mail, look))
    profile = domain_profile_of(found, last_day)
    judge = _Judge(lookups, directory, profile, _Alignment(facts, lookups), overrides or {})
    sources = [
        judge.source(sites[source.source_ip], [(mail, looks[mail]) for mail in source.mails])
        for source in facts.sources
    ]
    sources.sort(key=lambda source: (-source.messages, source.source_ip))
    window = window or window_to(date.fromordinal(max(last_day, 1)))
    return Judgement(facts, lookups, tuple(sources), first_day, last_day, window)


@dataclass(frozen=True, slots=True)
class _Judge:
    lookups: DomainLookups
    directory: Directory
    profile: DomainProfile
    alignment: _Alignment
    overrides: Mapping[str, Override]

    def source(self, site: Site, mails: list[tuple[SourceMail, Look]]) -> ClassifiedSource:
        cases = [RuleCase(site, mail, look, self.lookups, self.directory, self.profile) for mail, look in mails]
        classified = _with_the_rest([(case.mail, case.look, classify(case)) for case in cases])
        return _source(
            site.address,
            tuple(self._mail(site, mail, look, classification) for mail, look, classification in classified),
        )

    def _mail(self, site: Site, mail: SourceMail, look: Look, classification: Classification) -> JudgedMail:
        sender, service = sender_of(site, look)
        source_class, evidence, name = (
            classification.source_class,
            classification.evidence,
            service.name if service else None,
        )
        keys = (site.address, network_of(site.address), sender)
        override = next((self.overrides[key] for key in keys if key in self.overrides), None)
        if override is not None:
            source_class, evidence = override.source_class, (Evidence(EvidenceCode.OVERRIDDEN), *evidence)
            name = override.service or name
        return JudgedMail(mail, source_class, evidence, sender, name, self.alignment.passes(mail), classification.rule)


def _source(address: str, judged: tuple[JudgedMail, ...]) -> ClassifiedSource:
    by_class: dict[SourceClass, int] = defaultdict(int)
    for each in judged:
        by_class[each.source_class] += each.mail.messages
    most = max(by_class, key=lambda found: (by_class[found], -_PRECEDENCE.index(found)))
    chief = max((each for each in judged if each.source_class is most), key=lambda each: each.mail.messages)
    return ClassifiedSource(
        source_ip=address,
        source_class=most,
        service=chief.service,
        sender=chief.sender,
        evidence=chief.evidence,
        rule=chief.rule,
        messages=sum(by_class.values()),
        failing=sum(each.mail.messages for each in judged if not each.passes),
        mails=judged,
    )


def _with_the_rest(
    classified: list[tuple[SourceMail, Look, Classification]],
) -> list[tuple[SourceMail, Look, Classification]]:
    """Mail that fails goes with the mail of its address that passes, unless somebody else's name speaks for it."""
    passing: dict[SourceClass, int] = defaultdict(int)
    names: dict[SourceClass, set[str]] = defaultdict(set)
    for mail, look, classification in classified:
        if look.has_own_pass or look.has_own_spf:
            passing[classification.source_class] += mail.messages
            names[classification.source_class].update(registrable_domain(name) for name in look.foreign_names)
    if not passing:
        return _of_one_mind(classified)
    chief = max(passing, key=lambda found: (passing[found], -_PRECEDENCE.index(found)))
    together = []
    for mail, look, classification in classified:
        fails = not (look.has_own_pass or look.has_own_spf)
        known = all(registrable_domain(name) in names[chief] for name in look.foreign_names)
        if fails and known and classification.source_class is not chief:
            together.append((mail, look, _following(chief, classification)))
        else:
            together.append((mail, look, classification))
    return together


def _following(chief: SourceClass, classification: Classification) -> Classification:
    return Classification(chief, (Evidence(EvidenceCode.SAME_AS_REST), *classification.evidence), classification.rule)


def _of_one_mind(
    classified: list[tuple[SourceMail, Look, Classification]],
) -> list[tuple[SourceMail, Look, Classification]]:
    """Where nothing passes, an address is one sender: kinds of mail without a name go with the largest class."""
    by_class: dict[SourceClass, int] = defaultdict(int)
    for mail, _, classification in classified:
        by_class[classification.source_class] += mail.messages
    if len(by_class) == 1:
        return classified
    chief = max(by_class, key=lambda found: (by_class[found], -_PRECEDENCE.index(found)))
    return [
        (
            mail,
            look,
            classification
            if classification.source_class is chief or look.foreign_names
            else _following(chief, classification),
        )
        for mail, look, classification in classified
    ]


class _Alignment:
    """Whether mail passes by the record of today. While the modes never changed, the reporters' word is taken."""

    def __init__(self, facts: DomainFacts, lookups: DomainLookups) -> None:
        seen = {(published.adkim or "r", published.aspf or "r") for published in facts.published}
        if lookups.dmarc is not None:
            self.adkim, self.aspf = lookups.dmarc.adkim, lookups.dmarc.aspf
        elif facts.published:
            latest = max(facts.published, key=lambda published: published.last_day)
            self.adkim = AlignmentMode.STRICT if latest.adkim == "s" else AlignmentMode.RELAXED
            self.aspf = AlignmentMode.STRICT if latest.aspf == "s" else AlignmentMode.RELAXED
        else:
            self.adkim = self.aspf = AlignmentMode.RELAXED
        self._as_reported = seen <= {(str(self.adkim), str(self.aspf))}
        self._lookups = lookups

    def passes(self, mail: SourceMail) -> bool:
        if self._as_reported:
            return mail.dkim_aligned or mail.spf_aligned
        return passes_under(mail, self._lookups, self.adkim, self.aspf)


def passes_under(mail: SourceMail, lookups: DomainLookups, adkim: AlignmentMode, aspf: AlignmentMode) -> bool:
    """Whether mail would pass with these alignment modes, by the identities in the reports."""
    if (mail.dkim_aligned and not mail.signatures) or (mail.spf_aligned and not mail.spf):
        return True  # the reporter tells no identity; its verdict is all there is
    return any(
        found.passes and _aligned(found.domain, mail.header_from, lookups, adkim) for found in mail.signatures
    ) or any(found.passes and _aligned(found.domain, mail.header_from, lookups, aspf) for found in mail.spf)


def _aligned(name: str, header_from: str, lookups: DomainLookups, mode: AlignmentMode) -> bool:
    return name == header_from if mode is AlignmentMode.STRICT else lookups.is_ours(name)
