"""The evidence that rules give, one function a kind; None where the case has none of this kind."""

from __future__ import annotations

from inalign.insight.directory import KnownService
from inalign.insight.result import Evidence, EvidenceCode
from inalign.insight.rules.rule import RuleCase


def spf_aligned(case: RuleCase) -> Evidence:
    """Return the name of the domain for which SPF passes."""
    return Evidence(EvidenceCode.SPF_ALIGNED, {"name": case.look.spf_name})


def named_in_spf(case: RuleCase) -> Evidence | None:
    """Return how the domain's SPF record names the address."""
    site = case.site
    if site.is_direct:
        return Evidence(EvidenceCode.NAMED_BY_ADDRESS)
    return Evidence(EvidenceCode.NAMED_BY_INCLUDE, {"include": site.include.name}) if site.include else None


def include_of_service(case: RuleCase) -> Evidence | None:
    """Return the include of the service whose identity passes."""
    include = case.include_of_service
    return Evidence(EvidenceCode.NAMED_BY_INCLUDE, {"include": include}) if include else None


def key_of_service(case: RuleCase) -> Evidence | None:
    """Return the target of the DKIM key that leads to the service."""
    target = case.key_of_service
    return Evidence(EvidenceCode.KEY_LEFT_TO, {"name": target}) if target else None


def host_name(case: RuleCase) -> Evidence | None:
    """Return the reverse name of the address."""
    return Evidence(EvidenceCode.HOST_NAME, {"name": case.site.host}) if case.site.host else None


def own_host_name(case: RuleCase) -> Evidence | None:
    """Return the reverse name where it is below the domain."""
    return Evidence(EvidenceCode.OWN_HOST_NAME, {"name": case.site.host}) if case.site.has_own_name else None


def mail_exchange(case: RuleCase) -> Evidence | None:
    """Return the host where its organization receives the domain's mail."""
    site = case.site
    if not (site.is_exchange or site.is_of_exchange):
        return None
    return Evidence(EvidenceCode.MAIL_EXCHANGE, {"name": site.host or site.address})


def own_address(case: RuleCase) -> Evidence | None:
    """Return that a name of the domain has this address."""
    return Evidence(EvidenceCode.OWN_ADDRESS) if case.site.is_own_address else None


def own_signature(case: RuleCase) -> Evidence:
    """Return the selector of the domain's signature, and whether it passes."""
    code = EvidenceCode.OWN_SIGNATURE if case.look.has_own_pass else EvidenceCode.OWN_SIGNATURE_BROKEN
    return Evidence(code, {"selector": case.look.own[0].selector})


def selector_share(case: RuleCase) -> Evidence:
    """Return the share of what the selector signed that comes from this sender."""
    percent = round(100 * case.share, 1)
    return Evidence(EvidenceCode.SELECTOR_SHARE, {"selector": case.selector[1], "percent": percent})


def passed_on_signature(case: RuleCase) -> Evidence:
    """Return the selector of another sender of the domain, whose signature arrives from here."""
    code = EvidenceCode.OWN_SIGNATURE_ELSEWHERE if case.look.has_own_pass else EvidenceCode.OWN_SIGNATURE_BROKEN
    return Evidence(code, {"selector": case.selector[1]})


def replayed(case: RuleCase) -> Evidence:
    """Return the selector of the signature that comes again in bursts."""
    return Evidence(EvidenceCode.REPLAYED, {"selector": case.selector[1]})


def selector_without_key(case: RuleCase) -> Evidence:
    """Return the selector for which no key passes anywhere."""
    return Evidence(EvidenceCode.SELECTOR_WITHOUT_KEY, {"selector": case.selector[1]})


def foreign_spf(case: RuleCase) -> Evidence | None:
    """Return the name of somebody else for which SPF passes."""
    name = case.look.foreign_spf
    return Evidence(EvidenceCode.FOREIGN_SPF, {"name": name}) if name else None


def foreign_signature(case: RuleCase) -> Evidence | None:
    """Return the first domain of somebody else whose signature passes."""
    foreign = case.look.foreign
    return Evidence(EvidenceCode.FOREIGN_SIGNATURE, {"name": foreign[0]}) if foreign else None


def spf_not_pass(case: RuleCase) -> Evidence | None:
    """Return the name and the result of an SPF check that does not pass."""
    look = case.look
    return (
        Evidence(EvidenceCode.SPF_NOT_PASS, {"name": look.spf_name, "result": look.spf_result})
        if look.spf_name
        else None
    )


def spf_of_forwarder(case: RuleCase) -> Evidence | None:
    """Return the name of somebody else for which SPF passes, or else the SPF result that does not pass."""
    return foreign_spf(case) or spf_not_pass(case)


def known_sender(case: RuleCase) -> Evidence | None:
    """Return the known service that sent the mail."""
    return _known(case.service, case)


def known_host(case: RuleCase) -> Evidence | None:
    """Return the known service to which the address belongs."""
    return _known(case.site.host_service, case)


def known_identity(case: RuleCase) -> Evidence | None:
    """Return the known service for whose name SPF passes."""
    return _known(case.spf_service, case)


def _known(service: KnownService | None, case: RuleCase) -> Evidence | None:
    if service is None:
        return None
    site = case.site
    name = site.host if service == site.host_service and site.host else (case.look.foreign_names or (site.address,))[0]
    return Evidence(EvidenceCode.KNOWN_SENDER, {"service": service.name, "kind": str(service.kind), "name": name})


def override_reason(case: RuleCase) -> Evidence | None:
    """Return the first reason for which receivers took the mail for indirect."""
    reasons = case.mail.reasons
    return Evidence(EvidenceCode.OVERRIDE_REASON, {"reason": reasons[0]}) if reasons else None


def reputation(case: RuleCase) -> Evidence | None:
    """Return the word of the reputation list on the address."""
    listed = case.site.reputation
    return Evidence(EvidenceCode.REPUTATION, {"listed": listed}) if listed else None


def pattern(case: RuleCase) -> Evidence:
    """Return whether the address sends steadily or in bursts."""
    pattern = case.site.pattern
    code = EvidenceCode.STEADY if pattern.is_steady else EvidenceCode.BURSTS
    return Evidence(code, {"days": pattern.days, "span": pattern.span})


def imitation(case: RuleCase) -> Evidence | None:
    """Return the name that imitates the domain."""
    return Evidence(EvidenceCode.IMITATION, {"name": case.imitation}) if case.imitation else None


def names_of_address(case: RuleCase) -> Evidence:
    """Return the number of unrelated identities of the address."""
    return Evidence(EvidenceCode.CHANGING_NAMES, {"count": case.names_here})


def names_of_network(case: RuleCase) -> Evidence:
    """Return the number of unrelated identities of the network."""
    return Evidence(EvidenceCode.CHANGING_NAMES, {"count": case.names_of_network})


def nothing_valid(_: RuleCase) -> Evidence:
    """Return that no identity passes."""
    return Evidence(EvidenceCode.NOTHING_VALID)
