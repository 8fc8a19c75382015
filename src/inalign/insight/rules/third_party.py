"""Rules for mail that nothing of the domain authenticates: an identity of somebody else passes, or nothing does."""

from __future__ import annotations

from inalign.insight.context import is_of_host
from inalign.insight.directory import ServiceKind
from inalign.insight.result import SourceClass
from inalign.insight.rules.evidence import (
    foreign_signature,
    foreign_spf,
    host_name,
    imitation,
    include_of_service,
    key_of_service,
    known_host,
    known_identity,
    known_sender,
    mail_exchange,
    named_in_spf,
    names_of_address,
    names_of_network,
    nothing_valid,
    override_reason,
    own_address,
    own_host_name,
    pattern,
    reputation,
    spf_not_pass,
)
from inalign.insight.rules.rule import HOUSES, INDIRECT, Rule, always
from inalign.insight.rules.thresholds import (
    INDIRECT_SHARE,
    MANY_NAMES,
    MAX_FORWARDED,
    MAX_SMALL,
    MAX_TRICKLE,
    MIN_DAYS,
)

OTHER_IDENTITY = (
    Rule(
        "third_party.own_server",
        "The SPF record names the address itself, and it is not a shared host with another customer's identity.",
        lambda c: c.site.is_direct and c.kind is not ServiceKind.SENDING and not c.is_neighbour,
        SourceClass.OWN,
        (named_in_spf, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.service_in_spf",
        "The SPF record names the address of a sending service, itself or by an include that is no shared pool.",
        lambda c: (c.site.is_direct and not c.is_neighbour) or (c.site.include is not None and not c.is_shared_pool),
        SourceClass.APPROVED,
        (named_in_spf, foreign_spf, foreign_signature, known_sender),
    ),
    Rule(
        "third_party.own_tenant",
        "A bounce from the owner's provider is signed with the name that the provider gave to this owner only.",
        lambda c: c.has_tenant_name and c.is_own_house and c.is_bounce,
        SourceClass.OWN,
        (foreign_spf, foreign_signature, host_name),
    ),
    Rule(
        "third_party.tenant_passed_on",
        "The provider's signature for this owner arrives by another way than the provider's.",
        lambda c: c.has_tenant_name,
        SourceClass.FORWARDER,
        (foreign_spf, foreign_signature, host_name),
    ),
    Rule(
        "third_party.service_of_include",
        "The SPF record includes the service whose identity passes, though the include lists other addresses.",
        lambda c: c.include_of_service is not None,
        SourceClass.APPROVED,
        (include_of_service, foreign_spf, foreign_signature, known_sender),
    ),
    Rule(
        "third_party.service_of_key",
        "A DKIM key of the domain leads to the service whose identity passes.",
        lambda c: c.key_of_service is not None,
        SourceClass.APPROVED,
        (key_of_service, foreign_spf, foreign_signature, known_sender),
    ),
    Rule(
        "third_party.free_mailbox",
        "SPF passes for a free mailbox provider, and a signature passes: it was written there, not forwarded.",
        lambda c: (
            c.is_of_indirect_service
            and c.spf_service is not None
            and c.spf_service.kind is ServiceKind.FREE_MAIL
            and bool(c.look.foreign)
        ),
        SourceClass.UNKNOWN,
        (foreign_spf, foreign_signature, known_identity),
    ),
    Rule(
        "third_party.identity_of_forwarder",
        "SPF passes for a service that forwards: a free mailbox, a forwarder, a list or an access provider.",
        lambda c: c.is_of_indirect_service,
        SourceClass.FORWARDER,
        (foreign_spf, foreign_signature, known_identity),
    ),
    Rule(
        "third_party.known_forwarder",
        "The map knows the sender as a forwarder, a list, an access provider or a gateway.",
        lambda c: (
            c.kind in (ServiceKind.LISTS, ServiceKind.FORWARDER, ServiceKind.ACCESS, ServiceKind.GATEWAY)
            and not c.site.looks_dynamic
        ),
        SourceClass.FORWARDER,
        (known_sender, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.known_service",
        "The map knows the sender as a sending service, and nothing in the owner's DNS names it.",
        lambda c: c.kind is ServiceKind.SENDING,
        SourceClass.UNKNOWN,
        (known_sender, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.bounce_of_provider",
        "An include names the address, and SPF passes for the name of the host itself.",
        lambda c: c.site.include is not None and c.is_name_of_host,
        SourceClass.OWN,
        (named_in_spf, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.override_reason",
        "A receiver gave forwarding as its reason, and the name does not imitate the domain.",
        lambda c: bool(c.mail.reasons) and c.imitation is None,
        SourceClass.FORWARDER,
        (override_reason, foreign_spf, foreign_signature, host_name),
    ),
    Rule(
        "third_party.dynamic_address",
        "The address is a home or dynamic one.",
        lambda c: c.is_dynamic,
        SourceClass.LOW_REPUTATION,
        (reputation, host_name, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.listed_address",
        "The address is on the reputation list, and mail is neither steady nor a service's.",
        lambda c: bool(c.site.reputation) and not (c.is_steady or c.is_service),
        SourceClass.LOW_REPUTATION,
        (reputation, host_name, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.imitation",
        "The name that passes imitates the domain.",
        lambda c: c.imitation is not None,
        SourceClass.SPOOF,
        (imitation, host_name, pattern),
    ),
    Rule(
        "third_party.own_address",
        "A name of the domain has this address, and no other customer of a hoster sends from it.",
        lambda c: c.site.is_own_address and (c.fits_host or not (c.is_hosted and c.site.host)),
        SourceClass.OWN,
        (own_address, foreign_spf, foreign_signature, host_name),
    ),
    Rule(
        "third_party.names_of_address",
        "The address has many unrelated identities, or two in bursts.",
        lambda c: c.names_here >= MANY_NAMES or (c.names_here > 1 and not c.comes_back),
        SourceClass.SPOOF,
        (names_of_address, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.rented_service",
        "A steady or regular identity uses several rented machines.",
        lambda c: c.is_hosted and c.is_service,
        SourceClass.UNKNOWN,
        (foreign_spf, foreign_signature, host_name, pattern),
    ),
    Rule(
        "third_party.hosted_site",
        "A rented machine sends little.",
        lambda c: c.is_hosted and ((c.fits_host and c.site.pattern.per_day <= MAX_SMALL) or c.site.pattern.is_small),
        SourceClass.HOSTING,
        (host_name, foreign_spf, foreign_signature, pattern),
    ),
    Rule(
        "third_party.hosted_campaign",
        "A rented machine sends much, and not steadily.",
        lambda c: c.is_hosted and not c.site.pattern.is_steady,
        SourceClass.SPOOF,
        (host_name, foreign_spf, foreign_signature, pattern),
    ),
    Rule(
        "third_party.names_of_network",
        "The network has many unrelated identities.",
        lambda c: c.names_of_network >= MANY_NAMES,
        SourceClass.SPOOF,
        (names_of_network, foreign_spf, foreign_signature),
    ),
    Rule(
        "third_party.forwarder_name",
        "A steady host has a name like those of mailing lists and forwarders.",
        lambda c: c.is_steady and c.has_indirect_name,
        SourceClass.FORWARDER,
        (foreign_spf, foreign_signature, host_name, pattern),
    ),
    Rule(
        "third_party.unknown_service",
        "The sender is steady, or its identity comes back regularly.",
        lambda c: c.is_steady or c.is_regular,
        SourceClass.UNKNOWN,
        (foreign_spf, foreign_signature, host_name, pattern),
    ),
    Rule(
        "third_party.other",
        "Any other mail with an identity of somebody else.",
        always,
        SourceClass.SPOOF,
        (foreign_spf, foreign_signature, host_name, pattern),
    ),
)

NOTHING_PASSES = (
    Rule(
        "nothing_passes.service_in_dns",
        "The owner's DNS names the address, and the map knows it as a sending service's.",
        lambda c: c.is_owners_address and c.host_kind is ServiceKind.SENDING,
        SourceClass.APPROVED,
        (named_in_spf, own_address, mail_exchange, spf_not_pass),
    ),
    Rule(
        "nothing_passes.own_address",
        "The owner's DNS names the address, or it is a mailbox provider's that the SPF record forgot.",
        lambda c: c.is_owners_address,
        SourceClass.OWN,
        (named_in_spf, own_address, mail_exchange, spf_not_pass),
    ),
    Rule(
        "nothing_passes.included_provider",
        "The include of a mailbox provider, a gateway or a hoster names the address.",
        lambda c: c.site.include is not None and c.is_shared_pool,
        SourceClass.OWN,
        (named_in_spf, spf_not_pass, known_host),
    ),
    Rule(
        "nothing_passes.included_service",
        "Another include names the address.",
        lambda c: c.site.include is not None,
        SourceClass.APPROVED,
        (named_in_spf, spf_not_pass, known_host),
    ),
    Rule(
        "nothing_passes.dynamic_address",
        "The address is a home or dynamic one.",
        lambda c: c.site.reputation == "dynamic" or c.site.looks_dynamic,
        SourceClass.LOW_REPUTATION,
        (reputation, host_name, spf_not_pass),
    ),
    Rule(
        "nothing_passes.listed_seldom",
        "The address is on the reputation list, was seen on few days, and is no mailbox provider's or gateway's.",
        lambda c: c.site.reputation is not None and c.site.pattern.days < MIN_DAYS and c.host_kind not in HOUSES,
        SourceClass.LOW_REPUTATION,
        (reputation, host_name, spf_not_pass),
    ),
    Rule(
        "nothing_passes.known_forwarder",
        "The map knows the address as one of a service that passes mail on, a mailbox provider or a gateway.",
        lambda c: c.host_kind in INDIRECT or c.host_kind in HOUSES,
        SourceClass.FORWARDER,
        (known_host, spf_not_pass),
    ),
    Rule(
        "nothing_passes.known_service",
        "The map knows the address as a sending service's, and nothing in the owner's DNS names it.",
        lambda c: c.host_kind is ServiceKind.SENDING,
        SourceClass.UNKNOWN,
        (known_host, spf_not_pass),
    ),
    Rule(
        "nothing_passes.listed_address",
        "The address is on the reputation list, and mail is not steady.",
        lambda c: c.site.reputation is not None and not c.site.pattern.is_steady,
        SourceClass.LOW_REPUTATION,
        (reputation, host_name, spf_not_pass),
    ),
    Rule(
        "nothing_passes.own_host_name",
        "The reverse name is below the domain, and mail is steady.",
        lambda c: c.site.has_own_name and c.site.pattern.is_steady,
        SourceClass.OWN,
        (own_host_name, spf_not_pass, pattern),
    ),
    Rule(
        "nothing_passes.hosted_site",
        "A rented machine sends little, and the envelope is not the domain's.",
        lambda c: c.looks_hosted and c.site.pattern.is_small and not c.look.spf_is_ours,
        SourceClass.HOSTING,
        (host_name, spf_not_pass, pattern),
    ),
    Rule(
        "nothing_passes.hosted_campaign",
        "A rented machine sends much, or with the domain in the envelope.",
        lambda c: c.looks_hosted,
        SourceClass.SPOOF,
        (spf_not_pass, host_name, pattern),
    ),
    Rule(
        "nothing_passes.override_reason",
        "For a part of its failing mail receivers gave forwarding as their reason.",
        lambda c: c.site.indirect_share >= INDIRECT_SHARE,
        SourceClass.FORWARDER,
        (spf_not_pass, host_name, override_reason),
    ),
    Rule(
        "nothing_passes.network_in_bursts",
        "What the network sends unauthenticated comes in bursts.",
        lambda c: c.in_bursts,
        SourceClass.SPOOF,
        (spf_not_pass, pattern, nothing_valid),
    ),
    Rule(
        "nothing_passes.campaign",
        "Neither daily nor a trickle, and the host has no reverse name, or sends much with the domain in the envelope.",
        lambda c: (
            not c.site.pattern.is_daily
            and not c.site.pattern.trickles
            and (c.site.is_nameless or (c.look.spf_is_ours and c.site.pattern.per_day > MAX_TRICKLE))
        ),
        SourceClass.SPOOF,
        (spf_not_pass, pattern, nothing_valid),
    ),
    Rule(
        "nothing_passes.sender_with_own_envelope",
        "The envelope is the owner's, mail is steady, and it is more than a relay of forwarded mail has.",
        lambda c: c.is_relay_with_own_envelope and c.site.pattern.messages > MAX_FORWARDED * c.profile.aligned,
        SourceClass.UNKNOWN,
        (spf_not_pass, host_name, pattern),
    ),
    Rule(
        "nothing_passes.relay_with_own_envelope",
        "The envelope is the owner's, and mail is steady, or a trickle from a host with a name of a relay.",
        lambda c: c.is_relay_with_own_envelope,
        SourceClass.FORWARDER,
        (spf_not_pass, host_name, pattern, override_reason),
    ),
    Rule(
        "nothing_passes.listed_steady",
        "The address is on the reputation list.",
        lambda c: c.site.reputation is not None,
        SourceClass.LOW_REPUTATION,
        (reputation, spf_not_pass),
    ),
    Rule(
        "nothing_passes.steady_host",
        "Mail is steady, and the envelope is of the organization of the host.",
        lambda c: c.site.pattern.is_steady and is_of_host(c.site, c.look.spf_name),
        SourceClass.UNKNOWN,
        (spf_not_pass, host_name, pattern),
    ),
    Rule(
        "nothing_passes.other",
        "Any other mail without an identity that passes.",
        always,
        SourceClass.SPOOF,
        (spf_not_pass, host_name, nothing_valid),
    ),
)
