"""What only the whole of a domain's mail shows: which sender a selector belongs to, which names change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from inalign.insight.facts import Mail, Signature
from inalign.insight.lookups import DomainLookups
from inalign.insight.names import network_of, organization
from inalign.insight.site import Look, Site, sender_of

Selector = tuple[str, str]
MANY_NAMES = 3  # unrelated identities from one network


@dataclass
class Streams:
    """Counts over all sources of a domain."""

    signed: dict[Selector, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Passing signatures by selector and sender."""
    signed_total: dict[Selector, int] = field(default_factory=lambda: defaultdict(int))
    signing: dict[str, dict[Selector, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Signatures, passing or not, by address: what stands in for a selector that the reporter left out."""
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Identities of others that pass without the owner's, by network."""
    aligned_by_spf: int = 0
    aligned_by_dkim: int = 0

    def share(self, selector: Selector, sender: str) -> float:
        """How much of what a selector signed comes from a sender."""
        total = self.signed_total.get(selector, 0)
        return self.signed[selector].get(sender, 0) / total if total else 0.0

    def selector_of(self, address: str, signature: Signature) -> Selector:
        """The selector, or the usual one of the address where it was not told."""
        if signature.selector:
            return signature.domain, signature.selector
        usual = self.signing.get(address)
        if usual:
            return max(sorted(usual), key=lambda selector: usual[selector])
        return signature.domain, ""

    def changing_names(self, address: str) -> int:
        """How many unrelated names the network of an address uses."""
        return len(self.names.get(network_of(address), ()))


def streams_of(found: Iterable[tuple[Site, Mail, Look]], lookups: DomainLookups) -> Streams:
    """Count over all mail of a domain."""
    streams = Streams()
    for site, mail, look in found:
        count = mail.messages
        sender, _ = sender_of(site, look)
        for signature in look.own:
            selector = signature.domain, signature.selector
            if signature.selector:
                streams.signing[site.address][selector] += count
            if signature.passes and signature.selector:
                streams.signed[selector][sender] += count
                streams.signed_total[selector] += count
        if not look.own and look.foreign_spf and not lookups.is_ours(look.foreign_spf):
            streams.names[network_of(site.address)].add(organization(look.foreign_spf))
        if look.has_own_pass:
            streams.aligned_by_dkim += count
        if look.has_own_spf:
            streams.aligned_by_spf += count
    return streams
