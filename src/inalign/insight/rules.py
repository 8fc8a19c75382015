"""The ordered rules that give mail its class. Rows and DNS speak first, then names, then the map.

Three ways in: mail that passes SPF for the domain (`_authorized`), mail with the domain's signature (`_signed`), and
the rest (`_unauthenticated`). Each answers with a class and what spoke for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from inalign.insight import evidence
from inalign.insight.directory import Directory, Kind, Service
from inalign.insight.facts import Mail
from inalign.insight.lookups import DomainLookups
from inalign.insight.names import is_same_or_below, organization
from inalign.insight.result import Evidence, EvidenceCode, SourceClass
from inalign.insight.rhythm import MAX_SMALL, MIN_DAYS
from inalign.insight.site import Look, Site, sender_of
from inalign.insight.streams import MANY_NAMES, Selector, Streams

HOME_SHARE = 0.2  # of what a selector signs: above it the selector belongs to that sender, below it mail was passed on
HOME_SHARE_WITHOUT_SPF = 0.5  # services use a Return-Path that passes; forwarders often keep the owner's
KNOWN_SERVICE_SHARE = 0.02  # the same for services that send for customers; they seldom forward
MIN_IMITATED = 5  # letters that a name has in common with the domain; shorter words are in many names
INDIRECT_SHARE = 0.1  # of failing messages for which a receiver gave forwarding as its reason

_INDIRECT = (Kind.FREE_MAIL, Kind.FORWARDER, Kind.LISTS, Kind.ACCESS)
_HOUSES = (Kind.MAILBOX, Kind.GATEWAY)


class Ruling(NamedTuple):
    """A class and its evidence."""

    source_class: SourceClass
    evidence: tuple[Evidence, ...]


def _ruling(source_class: SourceClass, *evidence: Evidence | None) -> Ruling:
    return Ruling(source_class, tuple(each for each in evidence if each is not None))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for one domain."""

    lookups: DomainLookups
    directory: Directory
    streams: Streams

    def judge(self, site: Site, mail: Mail, look: Look) -> Ruling:
        """The class of mail that looks like this, from this address."""
        if look.has_own_spf:
            return self._authorized(site, mail, look)
        if look.own:
            ruling = self._signed(site, look)
            if ruling is not None:
                return ruling
        if look.foreign_names:
            return self._in_the_name_of_others(site, mail, look)
        return self._unauthenticated(site, mail, look)

    # SPF passes for the domain: the owner named this address

    def _authorized(self, site: Site, mail: Mail, look: Look) -> Ruling:
        _, service = sender_of(site, look)
        kind = service.kind if service else None
        aligned = Evidence(EvidenceCode.SPF_ALIGNED, {"name": look.spf_name})
        named = evidence.named(site)
        if kind is Kind.SENDING:
            return _ruling(SourceClass.APPROVED, aligned, named, evidence.known_sender(service, site, look))
        if site.is_direct or site.has_own_name or site.is_exchange:
            return _ruling(SourceClass.OWN, aligned, named, evidence.own_host_name(site), evidence.exchange(site))
        if kind is not None:
            return _ruling(SourceClass.OWN, aligned, named, evidence.known_sender(service, site, look))
        if look.foreign:
            signature = Evidence(EvidenceCode.FOREIGN_SIGNATURE, {"name": look.foreign[0]})
            return _ruling(SourceClass.APPROVED, aligned, named, signature)
        # mailboxes send as the domain itself; services want a name below it for their bounces
        is_bounce_name = look.spf_name not in (self.lookups.domain, mail.header_from) and not look.spf_is_helo
        return _ruling(
            SourceClass.APPROVED if is_bounce_name else SourceClass.OWN, aligned, named, evidence.host_name(site)
        )

    # A signature of the domain without its SPF: its own sender, or mail passed on

    def _signed(self, site: Site, look: Look) -> Ruling | None:
        selector = self.streams.selector_of(site.address, look.own[0])
        sender, service = sender_of(site, look)
        share = self.streams.share(selector, sender)
        signs = self.streams.signed_total.get(selector, 0) > 0 or (not selector[1] and site.rhythm.is_steady)
        home = evidence.share_of(selector, share)
        if look.has_own_pass or signs:
            passed_on = self._passed_on(site, look, selector)
            if self._is_home(site, look, service, share):
                return self._home(site, look, service, home)
            if look.has_own_pass or not self._may_be_forged(site, look):
                return _ruling(SourceClass.FORWARDER, *passed_on, evidence.known_sender(service, site, look))
            return None
        # signed with a selector that never passes: whoever set it up at a service meant to sign as the owner
        missing = Evidence(EvidenceCode.SELECTOR_WITHOUT_KEY, {"selector": selector[1]})
        if site.is_direct:
            return _ruling(SourceClass.OWN, missing, evidence.named(site))
        known = evidence.known_sender(service, site, look)
        if site.include is not None and not self._is_shared_pool(site):
            return _ruling(SourceClass.APPROVED, missing, evidence.named(site), known)
        is_service = service is not None and service.kind is Kind.SENDING
        if look.foreign_spf and not site.looks_hosted and (is_service or self._fits(site, look)):
            return _ruling(SourceClass.APPROVED, missing, evidence.foreign_spf(look), known, evidence.host_name(site))
        if look.foreign_spf and not site.host and site.rhythm.is_steady:
            return _ruling(SourceClass.APPROVED, missing, evidence.foreign_spf(look), evidence.rhythm(site))
        return None

    def _may_be_forged(self, site: Site, look: Look) -> bool:
        """Whether a broken signature says nothing, since anybody can write one: nothing else is good of this host."""
        if look.foreign_spf or site.address in self.streams.passing:
            return False
        return site.reputation is not None or site.looks_dynamic or (site.looks_hosted and not site.rhythm.is_steady)

    def _is_home(self, site: Site, look: Look, service: Service | None, share: float) -> bool:
        kind = service.kind if service else None
        if look.foreign_spf and not look.spf_is_helo:
            identity = self.directory.by_identity(look.foreign_spf)
            if identity is not None and identity.kind in _INDIRECT:
                return False
        if kind is Kind.SENDING:
            return share >= KNOWN_SERVICE_SHARE
        if kind in _INDIRECT:
            return False
        if kind in _HOUSES:
            # an own provider's bounces have its host name as identity; other tenants of it forward
            is_own_house = site.include is not None or site.is_direct or site.is_exchange
            is_host_name = bool(look.foreign_spf) and self._is_name_of_host(site, look)
            return share >= HOME_SHARE and is_own_house and (look.spf_is_helo or is_host_name or not look.foreign_spf)
        return share >= (HOME_SHARE if look.foreign_spf else HOME_SHARE_WITHOUT_SPF)

    def _home(self, site: Site, look: Look, service: Service | None, share: Evidence) -> Ruling:
        if look.has_own_pass:
            signature = Evidence(EvidenceCode.OWN_SIGNATURE, {"selector": look.own[0].selector})
        else:
            signature = Evidence(EvidenceCode.OWN_SIGNATURE_BROKEN, {"selector": look.own[0].selector})
        kind = service.kind if service else None
        if kind is Kind.SENDING:
            return _ruling(SourceClass.APPROVED, signature, share, evidence.known_sender(service, site, look))
        own_place = site.is_direct or site.is_exchange or site.has_own_name or kind in _HOUSES
        if own_place or not (look.foreign_names or site.looks_like_relay):
            return _ruling(
                SourceClass.OWN,
                signature,
                share,
                evidence.own_host_name(site),
                evidence.named(site),
                evidence.exchange(site),
            )
        return _ruling(SourceClass.APPROVED, signature, share, evidence.foreign_spf(look), evidence.host_name(site))

    def _passed_on(self, site: Site, look: Look, selector: Selector) -> tuple[Evidence | None, ...]:
        code = EvidenceCode.OWN_SIGNATURE_ELSEWHERE if look.has_own_pass else EvidenceCode.OWN_SIGNATURE_BROKEN
        return (
            Evidence(code, {"selector": selector[1]}),
            evidence.foreign_spf(look) or evidence.spf_not_pass(look),
            evidence.host_name(site),
        )

    def _is_shared_pool(self, site: Site) -> bool:
        """Whether everybody's mail comes from these addresses: being named in SPF says little then."""
        return site.include_service is not None and site.include_service.kind in (*_HOUSES, Kind.HOSTING)

    def _is_name_of_host(self, site: Site, look: Look) -> bool:
        """Whether SPF passes for the name of a known host itself, as for bounces."""
        if not look.foreign_spf or self.directory.by_identity(look.foreign_spf) is None:
            return False
        of_include = site.include is not None and organization(site.include.name) == organization(look.foreign_spf)
        return self._fits(site, look) or (of_include and not site.host)

    def _fits(self, site: Site, look: Look) -> bool:
        """Whether the host is of the organisation whose identity passes."""
        return bool(site.host) and any(organization(name) == organization(site.host) for name in look.foreign_names)

    def _include_of(self, look: Look, service: Service | None) -> Evidence | None:
        """What the owner's DNS has for the service whose identity passes: an include, though it lists other addresses,
        or a key that leads to it."""
        for include in self.lookups.included:
            known = self.directory.by_identity(include.name)
            of_service = known is not None and known.kind is Kind.SENDING and known == service
            if of_service or (known is None and organization(include.name) == organization(look.foreign_spf or "-")):
                return Evidence(EvidenceCode.NAMED_BY_INCLUDE, {"include": include.name})
        for target in sorted(self.lookups.key_targets):
            known = self.directory.by_identity(target)
            of_service = known is not None and known.kind is Kind.SENDING and known == service
            if of_service or organization(target) in map(organization, look.foreign_names):
                return Evidence(EvidenceCode.KEY_LEFT_TO, {"name": target})
        return None

    # No signature of the domain; somebody else's identity passes

    def _in_the_name_of_others(self, site: Site, mail: Mail, look: Look) -> Ruling:
        _, service = sender_of(site, look)
        kind = service.kind if service else None
        names = evidence.foreign_spf(look), evidence.foreign_signature(look)
        known = evidence.known_sender(service, site, look)
        is_neighbour = site.kind is Kind.HOSTING and not self._fits(site, look)
        if site.is_direct and kind is not Kind.SENDING and not is_neighbour:
            return _ruling(SourceClass.OWN, evidence.named(site), *names)
        if (site.is_direct and not is_neighbour) or (site.include is not None and not self._is_shared_pool(site)):
            return _ruling(SourceClass.APPROVED, evidence.named(site), *names, known)
        if any(name in self.streams.tenants for name in look.foreign):
            # the provider's signature for this customer, arriving by another way than the provider's
            verdict = SourceClass.OWN if site.include is not None and not look.foreign_spf else SourceClass.FORWARDER
            return _ruling(verdict, *names, evidence.host_name(site))
        if included := self._include_of(look, service):
            return _ruling(SourceClass.APPROVED, included, *names, known)
        identity = self.directory.by_identity(look.foreign_spf) if look.foreign_spf else None
        if identity is not None and identity.kind in _INDIRECT and site.reputation != "dynamic":
            # a free mailbox that signs was used to write, not to forward
            if identity.kind is Kind.FREE_MAIL and look.foreign:
                return _ruling(SourceClass.UNKNOWN, *names, evidence.known_sender(identity, site, look))
            return _ruling(SourceClass.FORWARDER, *names, evidence.known_sender(identity, site, look))
        if kind in (Kind.LISTS, Kind.FORWARDER, Kind.ACCESS, Kind.GATEWAY) and not site.looks_dynamic:
            return _ruling(SourceClass.FORWARDER, known, *names)
        if kind is Kind.SENDING:
            return _ruling(SourceClass.UNKNOWN, known, *names)
        if site.include is not None and self._is_name_of_host(site, look):
            return _ruling(SourceClass.OWN, evidence.named(site), *names)
        return self._strange_host(site, mail, look)

    def _strange_host(self, site: Site, mail: Mail, look: Look) -> Ruling:
        names = evidence.foreign_spf(look), evidence.foreign_signature(look)
        steady, host = evidence.rhythm(site), evidence.host_name(site)
        imitated = None if site.rhythm.is_steady else self._imitation(look)
        if imitated is None and mail.reasons:
            return _ruling(SourceClass.FORWARDER, evidence.override_reason(mail), *names, host)
        is_machine = site.host == look.foreign_spf and not site.looks_like_relay
        hosted = site.looks_hosted or (bool(site.host) and is_machine) or self._is_hoster(site, look)
        regular = self.streams.is_regular(look.foreign_names[0])
        bad = site.reputation == "dynamic" or site.looks_dynamic
        if bad or (site.reputation and not (site.rhythm.is_steady or (regular and not hosted))):
            return _ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), host, *names)
        if imitated is not None:
            return _ruling(SourceClass.SPOOF, imitated, host, steady)
        if site.is_own_address:
            return _ruling(SourceClass.OWN, evidence.own_address(site), *names, host)
        if hosted:
            as_itself = self._fits(site, look) and site.rhythm.per_day <= MAX_SMALL
            verdict = SourceClass.HOSTING if as_itself or site.rhythm.is_small else SourceClass.SPOOF
            return _ruling(verdict, host, *names, steady)
        changing = self.streams.changing_names(site.address)
        if changing >= MANY_NAMES:
            return _ruling(SourceClass.SPOOF, Evidence(EvidenceCode.CHANGING_NAMES, {"count": changing}), *names)
        if site.rhythm.is_steady and (_is_indirect_name(look.foreign_spf) or _is_indirect_name(site.host)):
            return _ruling(SourceClass.FORWARDER, *names, host, steady)
        if site.rhythm.is_steady or regular:
            return _ruling(SourceClass.UNKNOWN, *names, host, steady)
        return _ruling(SourceClass.SPOOF, *names, host, steady)

    def _is_hoster(self, site: Site, look: Look) -> bool:
        if not look.foreign_spf:
            return False
        identity = self.directory.by_identity(look.foreign_spf)
        return site.is_hosted_name(look.foreign_spf) if identity is None else identity.kind is Kind.HOSTING

    def _imitation(self, look: Look) -> Evidence | None:
        """A name that has the domain's first word and more in it. The very label elsewhere may be the owner's."""
        label = organization(self.lookups.domain).split(".")[0]
        words = [word for word in (label, label.split("-")[0]) if len(word) >= MIN_IMITATED]
        for name in look.foreign_names:
            strange = organization(name).split(".")[0]
            if strange != label and self.directory.by_identity(name) is None and any(w in strange for w in words):
                return Evidence(EvidenceCode.IMITATION, {"name": name})
        return None

    # Nothing passes

    def _unauthenticated(self, site: Site, mail: Mail, look: Look) -> Ruling:
        service = site.host_service
        kind = service.kind if service else None
        failed, host = evidence.spf_not_pass(look), evidence.host_name(site)
        known = evidence.known_sender(service, site, look)
        if site.is_direct or site.is_own_address or (site.is_exchange and kind not in (*_HOUSES, Kind.HOSTING)):
            verdict = SourceClass.APPROVED if kind is Kind.SENDING else SourceClass.OWN
            return _ruling(verdict, evidence.named(site), evidence.own_address(site), evidence.exchange(site), failed)
        if site.include is not None:
            verdict = SourceClass.OWN if self._is_shared_pool(site) else SourceClass.APPROVED
            return _ruling(verdict, evidence.named(site), failed, known)
        seldom = site.rhythm.days < MIN_DAYS and site.reputation is not None
        if site.reputation == "dynamic" or site.looks_dynamic or (seldom and kind not in _HOUSES):
            return _ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), host, failed)
        if kind in (*_INDIRECT, *_HOUSES):
            return _ruling(SourceClass.FORWARDER, known, failed)
        if kind is Kind.SENDING:
            return _ruling(SourceClass.UNKNOWN, known, failed)
        return self._unknown_host(site, mail, look)

    def _unknown_host(self, site: Site, mail: Mail, look: Look) -> Ruling:
        failed, host, steady = evidence.spf_not_pass(look), evidence.host_name(site), evidence.rhythm(site)
        if site.reputation is not None and not site.rhythm.is_steady:
            return _ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), host, failed)
        if site.has_own_name and site.rhythm.is_steady:
            return _ruling(SourceClass.OWN, evidence.own_host_name(site), failed, steady)
        if site.looks_hosted:
            if site.rhythm.is_small and not look.spf_is_ours:
                return _ruling(SourceClass.HOSTING, host, failed, steady)
            return _ruling(SourceClass.SPOOF, failed, host, steady)
        if site.indirect_share >= INDIRECT_SHARE:
            return _ruling(SourceClass.FORWARDER, failed, host, evidence.override_reason(mail))
        if look.spf_is_ours and (site.rhythm.is_steady or (site.rhythm.trickles and site.looks_like_relay)):
            return _ruling(SourceClass.FORWARDER, failed, host, steady, evidence.override_reason(mail))
        if site.reputation is not None:
            return _ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), failed)
        if site.rhythm.is_steady and site.host and is_same_or_below(look.spf_name or "-", organization(site.host)):
            return _ruling(SourceClass.UNKNOWN, failed, host, steady)
        return _ruling(SourceClass.SPOOF, failed, host, Evidence(EvidenceCode.NOTHING_VALID))


_INDIRECT_NAME = re.compile(
    r"(?:lists?|ml|mlist|mailman|groups?|listserv|fwd|forward(?:er|ing)?|srs[0-9]?|alias|alumni)[-.0-9]"
)


def _is_indirect_name(name: str) -> bool:
    """Whether a name begins as those of mailing lists and forwarders do."""
    return bool(_INDIRECT_NAME.match(name))
