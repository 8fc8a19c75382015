"""The ordered rules that give mail its class. Rows and DNS speak first, then names, then the map.

Three ways in: mail that passes SPF for the domain (`_authorized`), mail with the domain's signature (`_signed`), and
the rest (`strangers`). Each answers with a class and what spoke for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from inalign.insight.context import Look, Site, sender_of
from inalign.insight.directory import Directory, KnownService, ServiceKind
from inalign.insight.domain_profile import MIN_AT_HOME, Selector, Streams
from inalign.insight.facts import SourceMail
from inalign.insight.lookups import DomainLookups
from inalign.insight.result import Evidence, EvidenceCode, SourceClass
from inalign.insight.rules import evidence
from inalign.insight.rules.classification import (
    HOUSES,
    INDIRECT,
    RENTED,
    Classification,
    fits,
    is_name_of_host,
    is_shared_pool,
    ruling,
)
from inalign.insight.rules.third_party import ThirdPartyRules

HOME_SHARE = 0.2  # of what a selector signs: above it the selector belongs to that sender, below it mail was passed on
SOLE_SHARE = 0.9  # nearly all that it signs
HOME_SHARE_WITHOUT_SPF = 0.5  # services use a Return-Path that passes; forwarders often keep the owner's
KNOWN_SERVICE_SHARE = 0.02  # the same for services that send for customers; they seldom forward


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for one domain."""

    lookups: DomainLookups
    directory: Directory
    streams: Streams

    def judge(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        """The class of mail that looks like this, from this address."""
        if look.has_own_spf:
            return self._authorized(site, mail, look)
        if look.own:
            signed = self._signed(site, look)
            if signed is not None:
                return signed
        return self._strangers.judge(site, mail, look)

    @property
    def _strangers(self) -> ThirdPartyRules:
        return ThirdPartyRules(self.lookups, self.directory, self.streams)

    # SPF passes for the domain: the owner named this address

    def _authorized(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        _, service = sender_of(site, look)
        kind = service.kind if service else None
        aligned = Evidence(EvidenceCode.SPF_ALIGNED, {"name": look.spf_name})
        named = evidence.named(site)
        if kind is ServiceKind.SENDING:
            return ruling(SourceClass.APPROVED, aligned, named, evidence.known_sender(service, site, look))
        if site.is_direct or site.has_own_name or site.is_exchange or site.is_of_exchange:
            return ruling(SourceClass.OWN, aligned, named, evidence.own_host_name(site), evidence.exchange(site))
        if kind is not None and kind not in RENTED:
            return ruling(SourceClass.OWN, aligned, named, evidence.known_sender(service, site, look))
        if look.foreign:
            signature = Evidence(EvidenceCode.FOREIGN_SIGNATURE, {"name": look.foreign[0]})
            return ruling(SourceClass.APPROVED, aligned, named, signature)
        # mailboxes send as the domain itself; services want a name below it for their bounces
        is_bounce_name = look.spf_name not in (self.lookups.domain, mail.header_from) and not look.spf_is_helo
        # nor does it host mailboxes, where those send from elsewhere and sign, and it does not
        is_third = (
            site.include is not None
            and not look.own
            and site.include.name not in self.streams.exchange_includes
            and self.streams.from_exchange >= MIN_AT_HOME
            and self.streams.from_exchange >= self.streams.by_include[site.include.name]  # a gateway carries most
        )
        verdict = SourceClass.APPROVED if is_bounce_name or is_third else SourceClass.OWN
        return ruling(verdict, aligned, named, evidence.host_name(site))

    # A signature of the domain without its SPF: its own sender, or mail passed on

    def _signed(self, site: Site, look: Look) -> Classification | None:
        selector = self.streams.selector_of(site.address, look.own[0])
        sender, service = sender_of(site, look)
        share = self.streams.share(selector, sender)
        signs = self.streams.signed_total.get(selector, 0) > 0 or (not selector[1] and site.rhythm.is_steady)
        home = evidence.share_of(selector, share)
        if look.has_own_pass or signs:
            passed_on = self._passed_on(site, look, selector)
            stranger = self._is_elsewhere(site, look, service, sender, selector)
            if not stranger and self._is_home(site, look, service, share, is_told=bool(selector[1])):
                return self._home(site, look, service, home)
            if stranger and look.has_own_pass and share >= HOME_SHARE and site.rhythm.is_burst:
                replayed = Evidence(EvidenceCode.REPLAYED, {"selector": selector[1]})
                return ruling(SourceClass.SPOOF, replayed, evidence.rhythm(site), *passed_on)
            if look.has_own_pass or not self._may_be_forged(site, look):
                return ruling(SourceClass.FORWARDER, *passed_on, evidence.known_sender(service, site, look))
            return None
        # signed with a selector that never passes: whoever set it up at a service meant to sign as the owner
        missing = Evidence(EvidenceCode.SELECTOR_WITHOUT_KEY, {"selector": selector[1]})
        if site.is_direct:
            return ruling(SourceClass.OWN, missing, evidence.named(site))
        known = evidence.known_sender(service, site, look)
        if site.include is not None and not is_shared_pool(site):
            return ruling(SourceClass.APPROVED, missing, evidence.named(site), known)
        if look.foreign_spf and site.looks_hosted and self._strangers.is_service_on_rent(site, look):
            return ruling(SourceClass.APPROVED, missing, evidence.foreign_spf(look), evidence.host_name(site))
        is_service = service is not None and service.kind is ServiceKind.SENDING
        if look.foreign_spf and not site.looks_hosted and (is_service or fits(site, look)):
            return ruling(SourceClass.APPROVED, missing, evidence.foreign_spf(look), known, evidence.host_name(site))
        if look.foreign_spf and not site.host and site.rhythm.is_steady:
            return ruling(SourceClass.APPROVED, missing, evidence.foreign_spf(look), evidence.rhythm(site))
        return None

    def _may_be_forged(self, site: Site, look: Look) -> bool:
        """Whether a broken signature says nothing, since anybody can write one: nothing else is good of this host."""
        if look.foreign_spf or site.address in self.streams.passing:
            return False
        if site.reputation is not None or site.looks_dynamic or (site.looks_hosted and not site.rhythm.is_steady):
            return True
        is_nameless = site.is_nameless and not (site.rhythm.is_daily or site.rhythm.trickles)
        in_bursts = site.rhythm.is_burst or self.streams.comes_in_bursts(site.address)
        return site.kind is None and (in_bursts or is_nameless)

    def _is_elsewhere(
        self, site: Site, look: Look, service: KnownService | None, sender: str, selector: Selector
    ) -> bool:
        """Whether a selector is at home with servers that the owner's SPF record names, and this is a stranger's."""
        if site.is_direct or site.include is not None or site.has_own_name or site.is_own_address:
            return False
        if service is not None and service.kind is ServiceKind.SENDING:
            return False
        if look.foreign_spf and self.streams.passes_on(site.address, sender):
            return True
        is_at_home = self.streams.is_elsewhere(selector, site.address, sender)
        return is_at_home and (bool(look.foreign_spf) or site.rhythm.is_burst)

    def _is_home(self, site: Site, look: Look, service: KnownService | None, share: float, *, is_told: bool) -> bool:
        kind = service.kind if service else None
        if site.is_direct:
            return True
        if look.foreign_spf and not look.spf_is_helo:
            identity = self.directory.by_identity(look.foreign_spf)
            if identity is not None and identity.kind in INDIRECT:
                return False
        if kind is ServiceKind.SENDING:
            return share >= KNOWN_SERVICE_SHARE or not is_told
        if kind is ServiceKind.ACCESS and look.spf_is_ours:
            # a branch office on a line of its provider, with a key of its own
            return share >= SOLE_SHARE and is_told
        if kind in INDIRECT:
            return False
        if kind in HOUSES:
            # an own provider's bounces have its host name as identity; other tenants of it forward
            is_own_house = site.include is not None or site.is_of_exchange
            is_host_name = bool(look.foreign_spf) and is_name_of_host(site, look, self.directory)
            return share >= HOME_SHARE and is_own_house and (look.spf_is_helo or is_host_name or not look.foreign_spf)
        if not is_told and fits(site, look):
            return share >= KNOWN_SERVICE_SHARE  # all selectors look like one then, and each service has a small part
        return share >= (HOME_SHARE if look.foreign_spf else HOME_SHARE_WITHOUT_SPF)

    def _home(self, site: Site, look: Look, service: KnownService | None, share: Evidence) -> Classification:
        if look.has_own_pass:
            signature = Evidence(EvidenceCode.OWN_SIGNATURE, {"selector": look.own[0].selector})
        else:
            signature = Evidence(EvidenceCode.OWN_SIGNATURE_BROKEN, {"selector": look.own[0].selector})
        kind = service.kind if service else None
        if kind is ServiceKind.SENDING:
            return ruling(SourceClass.APPROVED, signature, share, evidence.known_sender(service, site, look))
        own_place = site.is_direct or site.is_of_exchange or site.has_own_name or kind in HOUSES
        if own_place or not (look.foreign_names or site.looks_like_relay):
            return ruling(
                SourceClass.OWN,
                signature,
                share,
                evidence.own_host_name(site),
                evidence.named(site),
                evidence.exchange(site),
            )
        return ruling(SourceClass.APPROVED, signature, share, evidence.foreign_spf(look), evidence.host_name(site))

    def _passed_on(self, site: Site, look: Look, selector: Selector) -> tuple[Evidence | None, ...]:
        code = EvidenceCode.OWN_SIGNATURE_ELSEWHERE if look.has_own_pass else EvidenceCode.OWN_SIGNATURE_BROKEN
        return (
            Evidence(code, {"selector": selector[1]}),
            evidence.foreign_spf(look) or evidence.spf_not_pass(look),
            evidence.host_name(site),
        )
