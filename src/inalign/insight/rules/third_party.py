"""The rules for mail that nothing of the domain authenticates: in the name of others, or of nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inalign.insight.context import Look, Site, is_of_host, sender_of
from inalign.insight.directory import Directory, KnownService, ServiceKind
from inalign.insight.domain_profile import MANY_NAMES, Streams, is_tenant_name
from inalign.insight.facts import SourceMail
from inalign.insight.lookups import DomainLookups
from inalign.insight.result import Evidence, EvidenceCode, SourceClass
from inalign.insight.rules import evidence
from inalign.insight.rules.classification import (
    HOUSES,
    INDIRECT,
    Classification,
    fits,
    is_name_of_host,
    is_shared_pool,
    ruling,
)
from inalign.insight.sending_pattern import MAX_SMALL, MAX_TRICKLE, MIN_DAYS
from inalign.mail.organization import is_same_organization, registrable_domain

MIN_IMITATED = 5  # letters that a name has in common with the domain; shorter words are in many names
MAX_FORWARDED = 0.2  # of the mail that passes: one relay of customers' forwarding has less, a sender of its own more
MIN_SERVICE = 3  # rented addresses of one identity; a customer of a hoster has one, sometimes two
MIN_SIGNING_SERVICE = 2  # the same where it signs, or sends more than a trickle
MIN_OLD = 30  # days for which a name that imitates the domain must be seen before it is taken for a partner's
INDIRECT_SHARE = 0.1  # of failing messages for which a receiver gave forwarding as its reason


@dataclass(frozen=True, slots=True)
class ThirdPartyRules:
    """The rules for one domain."""

    lookups: DomainLookups
    directory: Directory
    streams: Streams

    def judge(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        """The class of mail without a passing SPF or a telling signature of the domain."""
        if look.foreign_names:
            return self._in_the_name_of_others(site, mail, look)
        return self._unauthenticated(site, mail, look)

    # Somebody else's identity passes

    def _in_the_name_of_others(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        _, service = sender_of(site, look)
        kind = service.kind if service else None
        names = evidence.foreign_spf(look), evidence.foreign_signature(look)
        known = evidence.known_sender(service, site, look)
        is_neighbour = site.kind is ServiceKind.HOSTING and not fits(site, look)
        if site.is_direct and kind is not ServiceKind.SENDING and not is_neighbour:
            return ruling(SourceClass.OWN, evidence.named(site), *names)
        if (site.is_direct and not is_neighbour) or (site.include is not None and not is_shared_pool(site)):
            return ruling(SourceClass.APPROVED, evidence.named(site), *names, known)
        is_bounce = not look.foreign_spf or look.spf_is_helo or is_name_of_host(site, look, self.directory)
        is_own_house = site.include is not None or site.is_of_exchange
        if any(self._is_tenant(name) for name in look.foreign):
            # the provider's signature for this customer, arriving by another way than the provider's
            verdict = SourceClass.OWN if is_own_house and is_bounce else SourceClass.FORWARDER
            return ruling(verdict, *names, evidence.host_name(site))
        if included := self._include_of(look, service):
            return ruling(SourceClass.APPROVED, included, *names, known)
        identity = self.directory.by_identity(look.foreign_spf) if look.foreign_spf else None
        if identity is not None and identity.kind in INDIRECT and site.reputation != "dynamic":
            # a free mailbox that signs was used to write, not to forward
            if identity.kind is ServiceKind.FREE_MAIL and look.foreign:
                return ruling(SourceClass.UNKNOWN, *names, evidence.known_sender(identity, site, look))
            return ruling(SourceClass.FORWARDER, *names, evidence.known_sender(identity, site, look))
        if (
            kind in (ServiceKind.LISTS, ServiceKind.FORWARDER, ServiceKind.ACCESS, ServiceKind.GATEWAY)
            and not site.looks_dynamic
        ):
            return ruling(SourceClass.FORWARDER, known, *names)
        if kind is ServiceKind.SENDING:
            return ruling(SourceClass.UNKNOWN, known, *names)
        if site.include is not None and is_name_of_host(site, look, self.directory):
            return ruling(SourceClass.OWN, evidence.named(site), *names)
        return self._strange_host(site, mail, look)

    def _is_tenant(self, name: str) -> bool:
        """Whether the provider gave a signing domain to this owner: mail that passes shows it, or keys lead to it."""
        return name in self.streams.tenants or (
            is_tenant_name(name) and any(target.endswith("." + name) for target in self.lookups.key_targets)
        )

    def _include_of(self, look: Look, service: KnownService | None) -> Evidence | None:
        """What the owner's DNS has for the service whose identity passes: an include, though it lists other addresses,
        or a key that leads to it."""
        for include in self.lookups.included:
            known = self.directory.by_identity(include.name)
            of_service = known is not None and known.kind is ServiceKind.SENDING and known == service
            if of_service or (known is None and is_same_organization(include.name, look.foreign_spf)):
                return Evidence(EvidenceCode.NAMED_BY_INCLUDE, {"include": include.name})
        for target in sorted(self.lookups.key_targets):
            known = self.directory.by_identity(target)
            of_service = known is not None and known.kind is ServiceKind.SENDING and known == service
            if of_service or (known is None and any(is_same_organization(target, name) for name in look.foreign_names)):
                return Evidence(EvidenceCode.KEY_LEFT_TO, {"name": target})
        return None

    def _strange_host(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        names = evidence.foreign_spf(look), evidence.foreign_signature(look)
        steady, host = evidence.rhythm(site), evidence.host_name(site)
        is_old = site.rhythm.is_daily or (site.rhythm.is_steady and site.rhythm.span >= MIN_OLD)
        imitated = None if is_old else self._imitation(look)
        if imitated is None and mail.reasons:
            return ruling(SourceClass.FORWARDER, evidence.override_reason(mail), *names, host)
        is_machine = site.host == look.foreign_spf and not site.looks_like_relay
        comes_back = site.rhythm.is_steady or site.rhythm.trickles
        # nobody gives an access line an SPF record of its own and mails from it day after day
        is_rented = site.is_numbered and bool(look.foreign_spf) and comes_back
        hosted = site.looks_hosted or (bool(site.host) and is_machine) or self._is_hoster(site, look) or is_rented
        regular = self.streams.is_regular(look.foreign_names[0])
        bad = site.reputation == "dynamic" or (site.looks_dynamic and not is_rented)
        # where many owners' mail leaves from, days of the address say nothing about one of them
        is_steady = regular if site.kind in HOUSES or is_shared_pool(site) else site.rhythm.is_steady
        is_service = (is_steady or regular) and (not hosted or self._is_service(site, look))
        if bad or (site.reputation and not (is_steady or is_service)):
            return ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), host, *names)
        if imitated is not None:
            return ruling(SourceClass.SPOOF, imitated, host, steady)
        if site.is_own_address and (fits(site, look) or not (hosted and site.host)):
            return ruling(SourceClass.OWN, evidence.own_address(site), *names, host)
        here = len(self.streams.identities[site.address])
        if here >= MANY_NAMES or (here > 1 and not comes_back):
            return ruling(SourceClass.SPOOF, Evidence(EvidenceCode.CHANGING_NAMES, {"count": here}), *names)
        if hosted and is_service:
            return ruling(SourceClass.UNKNOWN, *names, host, steady)
        as_itself = fits(site, look) and site.rhythm.per_day <= MAX_SMALL
        if hosted and (as_itself or site.rhythm.is_small):
            return ruling(SourceClass.HOSTING, host, *names, steady)
        if hosted and not site.rhythm.is_steady:
            return ruling(SourceClass.SPOOF, host, *names, steady)
        changing = self.streams.changing_names(site.address)
        if changing >= MANY_NAMES:
            return ruling(SourceClass.SPOOF, Evidence(EvidenceCode.CHANGING_NAMES, {"count": changing}), *names)
        if is_steady and (_is_indirect_name(look.foreign_spf) or _is_indirect_name(site.host)):
            return ruling(SourceClass.FORWARDER, *names, host, steady)
        if is_steady or regular:
            return ruling(SourceClass.UNKNOWN, *names, host, steady)
        return ruling(SourceClass.SPOOF, *names, host, steady)

    def is_service_on_rent(self, site: Site, look: Look) -> bool:
        """Whether a service comes back with one identity from several machines that it rents."""
        return self.streams.is_regular(look.foreign_names[0]) and self._is_service(site, look)

    def _is_service(self, site: Site, look: Look) -> bool:
        """Whether an identity on rented machines is a service's, from several of them; a web form has one or two."""
        if fits(site, look):
            # hosts of a service share one name or sign; the web servers of a hoster each have their own
            shares_name = len(self.streams.addresses_of_spf[look.foreign_spf]) >= MIN_SERVICE
            return not site.looks_hosted and (shares_name or bool(look.foreign))
        addresses = len(self.streams.addresses_of_name[registrable_domain(look.foreign_names[0])])
        is_more = bool(look.foreign) or self.streams.per_day(look.foreign_names[0]) > MAX_TRICKLE
        return addresses >= MIN_SERVICE or (addresses >= MIN_SIGNING_SERVICE and is_more)

    def _is_hoster(self, site: Site, look: Look) -> bool:
        if not look.foreign_spf:
            return False
        identity = self.directory.by_identity(look.foreign_spf)
        return site.is_hosted_name(look.foreign_spf) if identity is None else identity.kind is ServiceKind.HOSTING

    def _imitation(self, look: Look) -> Evidence | None:
        """A name that has the domain's first word and more in it. The very label elsewhere may be the owner's."""
        label = registrable_domain(self.lookups.domain).split(".")[0]
        words = [word for word in (label, label.split("-")[0]) if len(word) >= MIN_IMITATED]
        for name in look.foreign_names:
            strange = registrable_domain(name).split(".")[0]
            if strange != label and self.directory.by_identity(name) is None and any(w in strange for w in words):
                return Evidence(EvidenceCode.IMITATION, {"name": name})
        return None

    # Nothing passes

    def _unauthenticated(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        service = site.host_service
        kind = service.kind if service else None
        failed, host = evidence.spf_not_pass(look), evidence.host_name(site)
        known = evidence.known_sender(service, site, look)
        if site.is_direct or site.is_own_address or site.is_exchange or self._is_unnamed_house(site):
            verdict = SourceClass.APPROVED if kind is ServiceKind.SENDING else SourceClass.OWN
            return ruling(verdict, evidence.named(site), evidence.own_address(site), evidence.exchange(site), failed)
        if site.include is not None:
            verdict = SourceClass.OWN if is_shared_pool(site) else SourceClass.APPROVED
            return ruling(verdict, evidence.named(site), failed, known)
        seldom = site.rhythm.days < MIN_DAYS and site.reputation is not None
        if site.reputation == "dynamic" or site.looks_dynamic or (seldom and kind not in HOUSES):
            return ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), host, failed)
        if kind in (*INDIRECT, *HOUSES):
            return ruling(SourceClass.FORWARDER, known, failed)
        if kind is ServiceKind.SENDING:
            return ruling(SourceClass.UNKNOWN, known, failed)
        return self._unknown_host(site, mail, look)

    def _is_unnamed_house(self, site: Site) -> bool:
        """Whether the owner's mailboxes are there, and the owner's SPF record does not know: after a move, say.

        Where it does know, own mail would pass, and what does not was passed on by others of that house.
        """
        if not site.is_of_exchange or site.kind is ServiceKind.HOSTING:
            return False
        return not any(
            is_same_organization(include.name, site.host)
            or (site.host_service is not None and self.directory.by_identity(include.name) == site.host_service)
            for include in self.lookups.included
        )

    def _unknown_host(self, site: Site, mail: SourceMail, look: Look) -> Classification:
        failed, host, steady = evidence.spf_not_pass(look), evidence.host_name(site), evidence.rhythm(site)
        if site.reputation is not None and not site.rhythm.is_steady:
            return ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), host, failed)
        if site.has_own_name and site.rhythm.is_steady:
            return ruling(SourceClass.OWN, evidence.own_host_name(site), failed, steady)
        if site.looks_hosted:
            if site.rhythm.is_small and not look.spf_is_ours:
                return ruling(SourceClass.HOSTING, host, failed, steady)
            return ruling(SourceClass.SPOOF, failed, host, steady)
        if site.indirect_share >= INDIRECT_SHARE:
            return ruling(SourceClass.FORWARDER, failed, host, evidence.override_reason(mail))
        in_bursts = self.streams.comes_in_bursts(site.address)
        is_campaign = in_bursts or (not site.rhythm.is_daily and not site.rhythm.trickles)
        if is_campaign and (in_bursts or site.is_nameless or (look.spf_is_ours and site.rhythm.per_day > MAX_TRICKLE)):
            return ruling(SourceClass.SPOOF, failed, steady, Evidence(EvidenceCode.NOTHING_VALID))
        if look.spf_is_ours and (site.rhythm.is_steady or (site.rhythm.trickles and site.looks_like_relay)):
            if site.rhythm.messages > MAX_FORWARDED * self.streams.aligned:
                return ruling(SourceClass.UNKNOWN, failed, host, steady)
            return ruling(SourceClass.FORWARDER, failed, host, steady, evidence.override_reason(mail))
        if site.reputation is not None:
            return ruling(SourceClass.LOW_REPUTATION, evidence.reputation(site), failed)
        if site.rhythm.is_steady and is_of_host(site, look.spf_name):
            return ruling(SourceClass.UNKNOWN, failed, host, steady)
        return ruling(SourceClass.SPOOF, failed, host, Evidence(EvidenceCode.NOTHING_VALID))


_INDIRECT_NAME = re.compile(
    r"(?:lists?|ml|mlist|mailman|groups?|listserv|fwd|forward(?:er|ing)?|srs[0-9]?|alias|alumni)[-.0-9]"
)


def _is_indirect_name(name: str) -> bool:
    """Whether a name begins as those of mailing lists and forwarders do."""
    return bool(_INDIRECT_NAME.match(name))
