"""What only the whole of a domain's mail shows: which sender a selector belongs to, which names change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from inalign.insight.context import Look, Site, sender_of
from inalign.insight.facts import ReportedSignature, SourceMail
from inalign.insight.names import is_same_or_below, network_of
from inalign.insight.rules.thresholds import MANY_NAMES, MIN_AT_HOME, MIN_OF_OTHERS
from inalign.insight.sending_pattern import pattern_of
from inalign.mail.organization import registrable_domain

Selector = tuple[str, str]


@dataclass
class DomainProfile:
    """Counts over all sources of a domain."""

    signed: dict[Selector, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Passing signatures by selector and sender."""
    signed_total: dict[Selector, int] = field(default_factory=lambda: defaultdict(int))
    signing: dict[str, dict[Selector, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Signatures, passing or not, by address: what stands in for a selector that the reporter left out."""
    aligned: int = 0
    """Messages that pass SPF or DKIM for the domain."""
    homes: dict[Selector, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Where the owner's SPF record stands behind a selector: messages by sender and by network."""
    from_exchange: int = 0
    """Messages that pass SPF from the organisation that receives the domain's mail."""
    by_include: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Messages that pass SPF, by the include that names their address."""
    exchange_includes: set[str] = field(default_factory=set)
    """The includes that name it."""
    identities: dict[str, list[set[str]]] = field(default_factory=lambda: defaultdict(list))
    """Identities of others by address; those that came together in one message count as one."""
    passing: set[str] = field(default_factory=set)
    """Addresses from which a signature of the domain arrives intact."""
    tenants: set[str] = field(default_factory=set)
    """Signing domains that the owner's provider gave to the owner alone: they go with mail that passes SPF."""
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Identities of others that pass without the owner's, by network."""
    days_of_name: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Messages by day of such an identity."""
    addresses_of_name: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    addresses_of_spf: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The same by the full name for which SPF passes."""
    days_of_network: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Messages by day of a network, of mail in which nothing passes."""
    last_day: int = 0

    def share(self, selector: Selector, sender: str) -> float:
        """How much of what a selector signed comes from a sender."""
        total = self.signed_total.get(selector, 0)
        return self.signed[selector].get(sender, 0) / total if total else 0.0

    def selector_of(self, address: str, signature: ReportedSignature) -> Selector:
        """The selector, or the usual one of the address where it was not told."""
        if signature.selector:
            return signature.domain, signature.selector
        usual = self.signing.get(address)
        if usual:
            return max(sorted(usual), key=lambda selector: usual[selector])
        return signature.domain, ""

    def is_regular(self, name: str) -> bool:
        """Whether an identity comes back again and again, from a few places."""
        found = registrable_domain(name)
        if found not in self.days_of_name:
            return False
        pattern = pattern_of(self.days_of_name[found], self.last_day)
        return pattern.comes_back and self.changing_names(next(iter(self.addresses_of_name[found]))) < MANY_NAMES

    def per_day(self, name: str) -> float:
        """Messages of an identity on a day on which there are any, from all its addresses."""
        days = self.days_of_name[registrable_domain(name)]
        return sum(days.values()) / len(days) if days else 0.0

    def comes_in_bursts(self, address: str) -> bool:
        """Whether what the network of an address sends unauthenticated comes in bursts, however little each address."""
        days = self.days_of_network.get(network_of(address))
        return days is not None and pattern_of(days, self.last_day).is_burst

    def is_elsewhere(self, selector: Selector, address: str, sender: str) -> bool:
        """Whether a selector has its place among senders that the owner's SPF record names, and this is none."""
        homes = self.homes.get(selector)
        if not homes or sender in homes or network_of(address) in homes:
            return False
        return max(homes.values()) >= MIN_AT_HOME

    def passes_on(self, address: str, sender: str) -> bool:
        """Whether a sender shows selectors of others of the owner's systems: a service shows only its own."""
        total = elsewhere = 0
        for selector, senders in self.signed.items():
            messages = senders.get(sender, 0)
            total += messages
            elsewhere += messages if self.is_elsewhere(selector, address, sender) else 0
        return total > 0 and elsewhere >= MIN_OF_OTHERS * total

    def changing_names(self, address: str) -> int:
        """How many unrelated names the network of an address uses."""
        return len(self.names.get(network_of(address), ()))


def domain_profile_of(found: Sequence[tuple[Site, SourceMail, Look]], last_day: int) -> DomainProfile:
    """Count over all mail of a domain."""
    profile = DomainProfile(last_day=last_day)
    for site, mail, look in found:
        for signature in look.own:
            if signature.selector:
                profile.signing[site.address][signature.domain, signature.selector] += mail.messages
    for site, mail, look in found:
        _count_signatures(profile, site, mail, look)
        if look.has_own_pass or look.has_own_spf:
            profile.aligned += mail.messages
            _count_authorized(profile, site, mail, look)
        elif look.foreign_names:
            _count_identities(profile, site, mail, look)
        else:
            for day, messages in mail.days:
                profile.days_of_network[network_of(site.address)][day] += messages
    return profile


def _count_signatures(profile: DomainProfile, site: Site, mail: SourceMail, look: Look) -> None:
    sender, _ = sender_of(site, look)
    for signature in look.own:
        if signature.passes:
            selector = profile.selector_of(site.address, signature)
            profile.signed[selector][sender] += mail.messages
            profile.signed_total[selector] += mail.messages
            if look.has_own_spf:
                profile.homes[selector][sender] += mail.messages
                profile.homes[selector][network_of(site.address)] += mail.messages


def _count_authorized(profile: DomainProfile, site: Site, mail: SourceMail, look: Look) -> None:
    if look.has_own_pass:
        profile.passing.add(site.address)
    if not look.has_own_spf:
        return
    if site.include is not None:
        profile.by_include[site.include.name] += mail.messages
    profile.tenants.update(name for name in look.foreign if is_tenant_name(name))
    if site.is_exchange or site.is_of_exchange:
        profile.from_exchange += mail.messages
        profile.exchange_includes.update([site.include.name] if site.include else [])


def _count_identities(profile: DomainProfile, site: Site, mail: SourceMail, look: Look) -> None:
    name = registrable_domain(look.foreign_names[0])
    profile.names[network_of(site.address)].add(name)
    profile.addresses_of_name[name].add(site.address)
    profile.addresses_of_spf[look.foreign_spf].add(site.address)
    _join(profile.identities[site.address], {registrable_domain(each) for each in look.foreign_names})
    for day, messages in mail.days:
        profile.days_of_name[name][day] += messages


def _join(groups: list[set[str]], names: set[str]) -> None:
    apart = [group for group in groups if not group & names]
    groups[:] = [*apart, names.union(*(group for group in groups if group & names))]


def is_tenant_name(name: str) -> bool:
    """Whether a provider signs with a name for one customer: `example-com.20230601.gappssmtp.com`."""
    return is_same_or_below(name, "gappssmtp.com") or is_same_or_below(name, "onmicrosoft.com")
