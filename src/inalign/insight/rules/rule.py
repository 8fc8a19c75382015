"""A rule of the classification, and the case that rules decide: one kind of mail from one address."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from inalign.insight.context import Look, Site, is_of_host, sender_of
from inalign.insight.directory import Directory, KnownService, ServiceKind
from inalign.insight.domain_profile import DomainProfile, Selector, is_tenant_name
from inalign.insight.facts import SourceMail
from inalign.insight.lookups import DomainLookups
from inalign.insight.result import Evidence, SourceClass
from inalign.insight.rules.thresholds import (
    HOME_SHARE,
    HOME_SHARE_WITHOUT_SPF,
    KNOWN_SERVICE_SHARE,
    MAX_TRICKLE,
    MIN_AT_HOME,
    MIN_IMITATED,
    MIN_OLD,
    MIN_SERVICE,
    MIN_SIGNING_SERVICE,
    SOLE_SHARE,
)
from inalign.mail.organization import is_same_organization, registrable_domain

INDIRECT = (ServiceKind.FREE_MAIL, ServiceKind.FORWARDER, ServiceKind.LISTS, ServiceKind.ACCESS)
"""Kinds that pass on what others received."""
RENTED = (ServiceKind.HOSTING, ServiceKind.DYNAMIC)
"""Kinds that say where a machine is, not whose it is."""
HOUSES = (ServiceKind.MAILBOX, ServiceKind.GATEWAY)
"""Kinds where many owners' mail leaves from the same addresses."""


@dataclass(eq=False)
class RuleCase:
    """One kind of mail from one address, with what the conditions of the rules need, each computed once."""

    site: Site
    mail: SourceMail
    look: Look
    domain: DomainLookups
    directory: Directory
    profile: DomainProfile

    # Whose machines sent it

    @cached_property
    def _sender(self) -> tuple[str, KnownService | None]:
        return sender_of(self.site, self.look)

    @property
    def sender(self) -> str:
        """The name of the service, organization or network that sent the mail."""
        return self._sender[0]

    @property
    def service(self) -> KnownService | None:
        """The known service that sent the mail."""
        return self._sender[1]

    @cached_property
    def kind(self) -> ServiceKind | None:
        """The kind of the known service that sent the mail."""
        return self.service.kind if self.service else None

    @cached_property
    def fits_host(self) -> bool:
        """Whether a passing identity is of the organization of the reverse name."""
        return any(is_of_host(self.site, name) for name in self.look.foreign_names)

    @cached_property
    def is_shared_pool(self) -> bool:
        """Whether the include names addresses that many owners use: a mailbox provider's, a gateway's or a hoster's."""
        service = self.site.include_service
        return service is not None and service.kind in (*HOUSES, ServiceKind.HOSTING)

    @cached_property
    def is_own_house(self) -> bool:
        """Whether the address belongs to a provider of the owner: an include names it, or it receives the mail."""
        return self.site.include is not None or self.site.is_of_exchange

    @cached_property
    def is_name_of_host(self) -> bool:
        """Whether SPF passes for the name of a known host itself, as for bounces."""
        site, look = self.site, self.look
        if not look.foreign_spf or self.spf_service is None:
            return False
        of_include = site.include is not None and is_same_organization(site.include.name, look.foreign_spf)
        return self.fits_host or (of_include and not site.host)

    @cached_property
    def spf_service(self) -> KnownService | None:
        """The known service for whose name SPF passes."""
        return self.directory.by_identity(self.look.foreign_spf) if self.look.foreign_spf else None

    # SPF passes for a name of the domain

    @property
    def is_bounce_name(self) -> bool:
        """Whether the Return-Path is a name of its own below the domain: services want one, mailboxes do not."""
        return self.look.spf_name not in (self.domain.domain, self.mail.header_from) and not self.look.spf_is_helo

    @property
    def is_beside_mailboxes(self) -> bool:
        """Whether the include hosts no mailboxes: those send from elsewhere and sign, and this mail is not signed."""
        include, profile = self.site.include, self.profile
        return (
            include is not None
            and not self.look.own
            and include.name not in profile.exchange_includes
            and profile.from_exchange >= MIN_AT_HOME
            and profile.from_exchange >= profile.by_include[include.name]  # a gateway carries most
        )

    # The domain's signature without its SPF

    @cached_property
    def selector(self) -> Selector:
        """Domain and selector of the first signature of the domain."""
        return self.profile.selector_of(self.site.address, self.look.own[0])

    @cached_property
    def share(self) -> float:
        """The share of what the selector signed that comes from this sender."""
        return self.profile.share(self.selector, self.sender)

    @cached_property
    def has_key(self) -> bool:
        """Whether the signature passes here or elsewhere; without a reported selector, steady mail is taken for it."""
        if self.look.has_own_pass or self.profile.signed_total.get(self.selector, 0) > 0:
            return True
        return not self.selector[1] and self.site.pattern.is_steady

    @cached_property
    def is_elsewhere(self) -> bool:
        """Whether the selector belongs to servers that the owner's SPF record names, and this is not one of them."""
        site, look = self.site, self.look
        if site.is_direct or site.include is not None or site.has_own_name or site.is_own_address:
            return False
        if self.kind is ServiceKind.SENDING:
            return False
        if look.foreign_spf and self.profile.passes_on(site.address, self.sender):
            return True
        is_at_home = self.profile.is_elsewhere(self.selector, site.address, self.sender)
        return is_at_home and (bool(look.foreign_spf) or site.pattern.is_burst)

    @cached_property
    def is_home(self) -> bool:
        """Whether the selector belongs to this sender."""
        return self.has_key and not self.is_elsewhere and self._has_home_share()

    def _has_home_share(self) -> bool:
        site, look, kind, share = self.site, self.look, self.kind, self.share
        is_reported = bool(self.selector[1])
        if site.is_direct:
            return True
        if look.foreign_spf and not look.spf_is_helo and self._has_indirect_spf:
            return False
        if kind is ServiceKind.SENDING:
            return share >= KNOWN_SERVICE_SHARE or not is_reported
        if kind is ServiceKind.ACCESS and look.spf_is_ours:
            # a branch office on a line of its provider, with a key of its own
            return share >= SOLE_SHARE and is_reported
        if kind in INDIRECT:
            return False
        if kind in HOUSES:
            # an own provider's bounces have its host name as identity; other tenants of it forward
            is_bounce = look.spf_is_helo or not look.foreign_spf or self.is_name_of_host
            return share >= HOME_SHARE and self.is_own_house and is_bounce
        if not is_reported and self.fits_host:
            return share >= KNOWN_SERVICE_SHARE  # all selectors look like one then, and each service has a small part
        return share >= (HOME_SHARE if look.foreign_spf else HOME_SHARE_WITHOUT_SPF)

    @property
    def is_own_server(self) -> bool:
        """Whether the address is a server or a provider of the owner."""
        site = self.site
        return site.is_direct or site.is_of_exchange or site.has_own_name or self.kind in HOUSES

    @property
    def may_be_forged(self) -> bool:
        """Whether a broken signature proves nothing: anybody can write one, and nothing else of this host is good."""
        site = self.site
        if self.look.foreign_spf or site.address in self.profile.passing:
            return False
        if site.reputation is not None or site.looks_dynamic or (self.looks_hosted and not site.pattern.is_steady):
            return True
        is_nameless = site.is_nameless and not (site.pattern.is_daily or site.pattern.trickles)
        in_bursts = site.pattern.is_burst or self.profile.comes_in_bursts(site.address)
        return site.kind is None and (in_bursts or is_nameless)

    # An identity of somebody else passes

    @cached_property
    def is_neighbour(self) -> bool:
        """Whether the address is a shared host and the identity is not the hoster's: another customer."""
        return self.site.kind is ServiceKind.HOSTING and not self.fits_host

    @cached_property
    def has_tenant_name(self) -> bool:
        """Whether it is signed with a name that a provider gave to this owner only."""
        return any(self._is_tenant(name) for name in self.look.foreign)

    def _is_tenant(self, name: str) -> bool:
        return name in self.profile.tenants or (
            is_tenant_name(name) and any(target.endswith("." + name) for target in self.domain.key_targets)
        )

    @property
    def is_bounce(self) -> bool:
        """Whether the Return-Path is empty or the host's own name."""
        return not self.look.foreign_spf or self.look.spf_is_helo or self.is_name_of_host

    @cached_property
    def include_of_service(self) -> str | None:
        """The include of the service whose identity passes, though it lists other addresses."""
        for include in self.domain.included:
            if self._is_of_service(include.name, (self.look.foreign_spf,)):
                return include.name
        return None

    @cached_property
    def key_of_service(self) -> str | None:
        """The target of a DKIM key of the domain that leads to the service whose identity passes."""
        for target in sorted(self.domain.key_targets):
            if self._is_of_service(target, self.look.foreign_names):
                return target
        return None

    def _is_of_service(self, name: str, identities: tuple[str, ...]) -> bool:
        known = self.directory.by_identity(name)
        if known is None:
            return any(is_same_organization(name, identity) for identity in identities)
        return known.kind is ServiceKind.SENDING and known == self.service

    @cached_property
    def _has_indirect_spf(self) -> bool:
        return self.spf_service is not None and self.spf_service.kind in INDIRECT

    @property
    def is_of_indirect_service(self) -> bool:
        """Whether SPF passes for a service that passes mail on, and the address is not dynamic."""
        return self._has_indirect_spf and self.site.reputation != "dynamic"

    @cached_property
    def imitation(self) -> str | None:
        """A passing name that has the domain's first word and more in it, unless it has been seen for long.

        The very label under another suffix may be the owner's.
        """
        pattern = self.site.pattern
        if pattern.is_daily or (pattern.is_steady and pattern.span >= MIN_OLD):
            return None
        label = registrable_domain(self.domain.domain).split(".")[0]
        words = [word for word in (label, label.split("-")[0]) if len(word) >= MIN_IMITATED]
        for name in self.look.foreign_names:
            first = registrable_domain(name).split(".")[0]
            if first != label and self.directory.by_identity(name) is None and any(word in first for word in words):
                return name
        return None

    @cached_property
    def looks_hosted(self) -> bool:
        """Whether the reverse name, or the map, says that the address is a hoster's."""
        return self.site.looks_hosted

    @cached_property
    def comes_back(self) -> bool:
        """Whether mail of the address is steady or a trickle."""
        return self.site.pattern.is_steady or self.site.pattern.trickles

    @cached_property
    def is_numbered_server(self) -> bool:
        """Whether the reverse name is made of the address, yet an SPF record names it: a rented machine.

        Nobody gives an access line an SPF record of its own and sends from it day after day.
        """
        return self.site.is_numbered and bool(self.look.foreign_spf) and self.comes_back

    @cached_property
    def is_hosted(self) -> bool:
        """Whether the address is a rented machine, by its reverse name or by the name for which SPF passes."""
        site, look = self.site, self.look
        is_machine = site.host == look.foreign_spf and not site.looks_like_relay
        return self.looks_hosted or (bool(site.host) and is_machine) or self._is_hoster or self.is_numbered_server

    @property
    def _is_hoster(self) -> bool:
        if not self.look.foreign_spf:
            return False
        service = self.spf_service
        return (
            self.site.is_hosted_name(self.look.foreign_spf) if service is None else service.kind is ServiceKind.HOSTING
        )

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether the address is a home or dynamic one, by the reputation list or by its reverse name."""
        return self.site.reputation == "dynamic" or (self.site.looks_dynamic and not self.is_numbered_server)

    @cached_property
    def is_regular(self) -> bool:
        """Whether the passing identity comes back again and again, from a few places."""
        return self.profile.is_regular(self.look.foreign_names[0])

    @cached_property
    def is_steady(self) -> bool:
        """Whether the sender is steady: by its address, or by its identity where many owners share the address."""
        # where many owners' mail leaves from, days of the address say nothing about one of them
        is_shared = self.site.kind in HOUSES or self.is_shared_pool
        return self.is_regular if is_shared else self.site.pattern.is_steady

    @cached_property
    def is_rented_service(self) -> bool:
        """Whether an identity on rented machines is a service's: on several of them. A web form has one or two."""
        look, profile = self.look, self.profile
        if self.fits_host:
            # hosts of a service share one name or sign; the web servers of a hoster each have their own
            shares_name = len(profile.addresses_of_spf[look.foreign_spf]) >= MIN_SERVICE
            return not self.looks_hosted and (shares_name or bool(look.foreign))
        addresses = len(profile.addresses_of_name[registrable_domain(look.foreign_names[0])])
        is_more = bool(look.foreign) or profile.per_day(look.foreign_names[0]) > MAX_TRICKLE
        return addresses >= MIN_SERVICE or (addresses >= MIN_SIGNING_SERVICE and is_more)

    @cached_property
    def is_service(self) -> bool:
        """Whether the sender is steady or regular, and on rented machines uses several of them."""
        return (self.is_steady or self.is_regular) and (not self.is_hosted or self.is_rented_service)

    @cached_property
    def names_here(self) -> int:
        """The number of unrelated identities of the address."""
        return len(self.profile.identities[self.site.address])

    @cached_property
    def names_of_network(self) -> int:
        """The number of unrelated identities of the network of the address."""
        return self.profile.changing_names(self.site.address)

    @property
    def has_indirect_name(self) -> bool:
        """Whether the host or the Return-Path has a name like those of mailing lists and forwarders."""
        return bool(_INDIRECT_NAME.match(self.look.foreign_spf) or _INDIRECT_NAME.match(self.site.host))

    # Nothing passes

    @cached_property
    def host_kind(self) -> ServiceKind | None:
        """The kind of the service to which the address belongs."""
        return self.site.kind

    @cached_property
    def is_owners_address(self) -> bool:
        """Whether the owner's DNS names the address, or it belongs to the owner's mailbox provider."""
        site = self.site
        return site.is_direct or site.is_own_address or site.is_exchange or self._is_unnamed_house

    @property
    def _is_unnamed_house(self) -> bool:
        """Whether the owner's mailboxes are there, and the owner's SPF record does not name them: after a move, say.

        Where it names them, own mail would pass, and mail that does not was passed on by others of that house.
        """
        site = self.site
        if not site.is_of_exchange or site.kind is ServiceKind.HOSTING:
            return False
        return not any(
            is_same_organization(include.name, site.host)
            or (site.host_service is not None and self.directory.by_identity(include.name) == site.host_service)
            for include in self.domain.included
        )

    @cached_property
    def in_bursts(self) -> bool:
        """Whether what the network of the address sends unauthenticated comes in bursts."""
        return self.profile.comes_in_bursts(self.site.address)

    @cached_property
    def is_relay_with_own_envelope(self) -> bool:
        """Whether the envelope is the owner's, and the host sends steadily, or a trickle under a name of a relay."""
        pattern = self.site.pattern
        is_relay = pattern.is_steady or (pattern.trickles and self.site.looks_like_relay)
        return self.look.spf_is_ours and is_relay


_INDIRECT_NAME = re.compile(
    r"(?:lists?|ml|mlist|mailman|groups?|listserv|fwd|forward(?:er|ing)?|srs[0-9]?|alias|alumni)[-.0-9]"
)

Because = Callable[[RuleCase], Evidence | None]
"""Gives one piece of evidence of a case, or None where the case has none of this kind."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the classification: mail for which `when` holds has the class."""

    name: str
    condition: str
    """What `when` asks, in words."""
    when: Callable[[RuleCase], bool]
    source_class: SourceClass
    because: tuple[Because, ...]
    """What gives the evidence, in the order in which it is shown."""

    def evidence(self, case: RuleCase) -> tuple[Evidence, ...]:
        """Return the evidence that `case` has for this rule."""
        return tuple(found for found in (because(case) for because in self.because) if found is not None)


def always(_: RuleCase) -> bool:
    """Hold for every case: the condition of a last rule."""
    return True
