"""What is known of an address beside its mail, and of a kind of mail beside its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inalign.insight.directory import Directory, KnownService, ServiceKind
from inalign.insight.facts import ReportedSignature, SourceFacts, SourceMail, SpfIdentity
from inalign.insight.lookups import DomainLookups, Included
from inalign.insight.names import network_of
from inalign.insight.sending_pattern import SendingPattern, pattern_of
from inalign.mail.organization import is_same_organization, registrable_domain

Reputation = Literal["dynamic", "listed"]


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What was found out about addresses elsewhere: all of it may be missing."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    """Address to reverse name."""
    reputation: Mapping[str, Reputation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """An address and what stands around it."""

    address: str
    host: str
    """The reverse name, empty where there is none."""
    host_service: KnownService | None
    include: Included | None
    include_service: KnownService | None
    is_direct: bool
    """Named by the domain's SPF record itself."""
    is_exchange: bool
    """Receives the domain's mail itself."""
    is_of_exchange: bool
    """Its host name is of the organisation that receives the domain's mail."""
    has_own_name: bool
    """The reverse name is of the organization of the domain."""
    is_own_address: bool
    """A name of the domain has this address."""
    indirect_share: float
    """Of its failing messages, those that receivers took for indirect mail."""
    reputation: Reputation | None
    pattern: SendingPattern
    is_nameless: bool = False
    """Has no reverse name, where reverse names were looked up: servers of mail have one."""

    @property
    def kind(self) -> ServiceKind | None:
        return self.host_service.kind if self.host_service else None

    @property
    def looks_dynamic(self) -> bool:
        if self.kind is ServiceKind.DYNAMIC:
            return True
        return self.kind in (None, ServiceKind.ACCESS, ServiceKind.FREE_MAIL) and (
            bool(_DYNAMIC.search(self.host)) or _is_made_of(self.host, self.address)
        )

    @property
    def is_numbered(self) -> bool:
        """Whether the reverse name is made of the address and says no more: an access line, or a rented machine."""
        return self.kind is None and not _DYNAMIC.search(self.host) and _is_made_of(self.host, self.address)

    @property
    def looks_hosted(self) -> bool:
        return self.kind is ServiceKind.HOSTING or (self.kind is None and bool(_HOSTED.search(self.host)))

    def is_hosted_name(self, name: str) -> bool:
        """Whether a name speaks of a hosted machine; asked where there is no reverse name."""
        return not self.host and bool(_HOSTED.search(name))

    @property
    def looks_like_relay(self) -> bool:
        """Whether the name is one that mail servers have, and not one of a hoster."""
        return bool(_RELAY.match(self.host)) and not self.looks_hosted and not self.looks_dynamic


# What names of mail servers begin with: mx, mta-snd149, smtp-out2, mogw8003, relay, fwd-01 ...
_RELAY = re.compile(
    r"(?:[a-z0-9]{1,4}-)?(?:mx|mta|mail|smtp|msa|mo|mgw|mogw|omx|relay|out|fwd|forward|gw|post|lists?|ml)[a-z]{0,8}[-.0-9]"
)
# Numbered machines of hosters that the map does not know.
_HOSTED = re.compile(
    r"(?:^|[.-])(?:vps|vmi|vm|cloud|server|srv|host|hosting|hosted|hosted-by|web|static|clients|dedicated|compute|ec2|node|instance|www|sv"
    r"|[0-9-]+[.]ip)[-.0-9]"
)
_DYNAMIC = re.compile(
    r"(?:^|[.-])(?:dynamic|dyn|[avsx]?dsl|dial|dialup|pool|ppp|pppoe|cable|dhcp|broadband|residential|customers?|home|ftth|"
    r"fiber|wifi|mobile|lte|ipad|ipngn|catv|cpe)[-.0-9]|[.]ap[.]"
)


def _is_made_of(host: str, address: str) -> bool:
    """Whether a reverse name is made of the address."""
    parts = address.split(".")
    if len(parts) != 4 or _HOSTED.search(host):
        return False
    digits = [found for found in re.split(r"[^0-9]", host.partition(".")[0]) if found]
    return sum(part in digits for part in parts) >= 3 or "".join(part.zfill(3) for part in parts) in digits


def site_of(
    source: SourceFacts, lookups: DomainLookups, directory: Directory, surroundings: SourceContext, last_day: int
) -> Site:
    """Put together what is known of an address."""
    host = surroundings.hosts.get(source.source_ip, "").lower().rstrip(".")
    include = lookups.including(source.source_ip) if lookups.included else None
    days: dict[int, int] = {}
    failing = indirect = 0
    for mail in source.mails:
        for day, count in mail.days:
            days[day] = days.get(day, 0) + count
        if not (mail.dkim_aligned or mail.spf_aligned):
            failing += mail.messages
            indirect += mail.messages if mail.reasons else 0
    return Site(
        address=source.source_ip,
        host=host,
        host_service=(directory.by_host(host) if host else None) or directory.by_address(source.source_ip),
        include=include,
        include_service=directory.by_identity(include.name) if include else None,
        is_direct=source.source_ip in lookups.direct,
        is_exchange=source.source_ip in lookups.exchange_addresses or host in lookups.exchanges,
        is_of_exchange=any(is_same_organization(exchange, host) for exchange in lookups.exchanges),
        has_own_name=lookups.is_ours(host),
        is_own_address=source.source_ip in lookups.addresses,
        indirect_share=indirect / failing if failing else 0.0,
        reputation=surroundings.reputation.get(source.source_ip),
        pattern=pattern_of(days, last_day),
        is_nameless=bool(surroundings.hosts) and not host,
    )


@dataclass(frozen=True, slots=True)
class Look:
    """What a kind of mail shows of who sent it."""

    own: tuple[ReportedSignature, ...]
    """Signatures of the domain, passing ones first."""
    foreign: tuple[str, ...]
    """Domains of others whose signature passes."""
    spf_name: str
    """The name that SPF was asked about, empty where none is told."""
    spf_result: str
    spf_is_ours: bool
    spf_is_helo: bool
    service: KnownService | None
    """Whose the passing names of others are."""

    @property
    def has_own_pass(self) -> bool:
        return bool(self.own) and self.own[0].passes

    @property
    def has_own_spf(self) -> bool:
        return self.spf_is_ours and self.spf_result == "pass"

    @property
    def foreign_spf(self) -> str:
        """The name of somebody else for which SPF passes, or nothing."""
        return self.spf_name if self.spf_result == "pass" and not self.spf_is_ours else ""

    @property
    def foreign_names(self) -> tuple[str, ...]:
        return ((self.foreign_spf,) if self.foreign_spf else ()) + self.foreign


def look_of(mail: SourceMail, lookups: DomainLookups, directory: Directory) -> Look:
    """Sort what reporters saw into ours and others'."""
    own = sorted(
        (found for found in mail.signatures if lookups.is_ours(found.domain)), key=lambda found: not found.passes
    )
    if mail.dkim_aligned and not (own and own[0].passes):
        # a reporter that tells the verdict and not the signature
        own.insert(0, ReportedSignature(lookups.domain, "", "pass"))
    foreign = tuple(found.domain for found in mail.signatures if found.passes and not lookups.is_ours(found.domain))
    # RFC 7489 let reporters tell several identities; the one that passes, and MAIL FROM before HELO, says most
    identity = min(mail.spf, key=lambda found: (not found.passes, found.helo), default=None)
    if identity is None and mail.spf_aligned:
        identity = SpfIdentity(mail.header_from, False, "pass")
    name = identity.domain if identity else ""
    ours = bool(name) and lookups.is_ours(name)
    passes = identity is not None and identity.passes and not ours
    service = None
    for each in ((name,) if passes else ()) + foreign:
        service = service or directory.by_identity(each)
    return Look(
        own=tuple(own),
        foreign=foreign,
        spf_name=name,
        spf_result=identity.result if identity else "none",
        spf_is_ours=ours,
        spf_is_helo=identity is not None and identity.helo,
        service=service,
    )


def is_of_host(site: Site, name: str) -> bool:
    """Whether a name is of the organisation of the host's name."""
    return is_same_organization(name, site.host)


def sender_of(site: Site, look: Look) -> tuple[str, KnownService | None]:
    """Whose machines sent it: the name of a service, or else an organisation or a network."""
    service = site.host_service
    if service is None or service.kind in (ServiceKind.HOSTING, ServiceKind.DYNAMIC):
        service = look.service or site.include_service or service
    if service is not None and service.kind not in (ServiceKind.HOSTING, ServiceKind.DYNAMIC):
        return service.name, service
    if site.is_direct or site.has_own_name or site.is_own_address:
        return f"own servers {network_of(site.address)}", None
    if look.foreign_spf:
        # whose machine it rents does not name a sender
        return registrable_domain(look.foreign_spf), service if is_of_host(site, look.foreign_spf) else None
    if site.include is not None:
        return site.include.name, service
    if site.host and not site.looks_hosted and not site.looks_dynamic:
        return registrable_domain(site.host), service
    return network_of(site.address), service
