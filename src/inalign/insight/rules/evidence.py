"""The evidence that rules give, one function a kind; None where there is nothing to tell."""

from __future__ import annotations

from inalign.insight.context import Look, Site
from inalign.insight.directory import KnownService
from inalign.insight.domain_profile import Selector
from inalign.insight.facts import SourceMail
from inalign.insight.result import Evidence, EvidenceCode


def share_of(selector: Selector, share: float) -> Evidence:
    return Evidence(EvidenceCode.SELECTOR_SHARE, {"selector": selector[1], "percent": round(100 * share, 1)})


def named(site: Site) -> Evidence | None:
    if site.is_direct:
        return Evidence(EvidenceCode.NAMED_BY_ADDRESS)
    return Evidence(EvidenceCode.NAMED_BY_INCLUDE, {"include": site.include.name}) if site.include else None


def host_name(site: Site) -> Evidence | None:
    return Evidence(EvidenceCode.HOST_NAME, {"name": site.host}) if site.host else None


def own_host_name(site: Site) -> Evidence | None:
    return Evidence(EvidenceCode.OWN_HOST_NAME, {"name": site.host}) if site.has_own_name else None


def exchange(site: Site) -> Evidence | None:
    return (
        Evidence(EvidenceCode.MAIL_EXCHANGE, {"name": site.host or site.address})
        if site.is_exchange or site.is_of_exchange
        else None
    )


def own_address(site: Site) -> Evidence | None:
    return Evidence(EvidenceCode.OWN_ADDRESS) if site.is_own_address else None


def reputation(site: Site) -> Evidence | None:
    return Evidence(EvidenceCode.REPUTATION, {"listed": site.reputation}) if site.reputation else None


def rhythm(site: Site) -> Evidence:
    code = EvidenceCode.STEADY if site.rhythm.is_steady else EvidenceCode.BURSTS
    return Evidence(code, {"days": site.rhythm.days, "span": site.rhythm.span})


def foreign_spf(look: Look) -> Evidence | None:
    return Evidence(EvidenceCode.FOREIGN_SPF, {"name": look.foreign_spf}) if look.foreign_spf else None


def foreign_signature(look: Look) -> Evidence | None:
    return Evidence(EvidenceCode.FOREIGN_SIGNATURE, {"name": look.foreign[0]}) if look.foreign else None


def spf_not_pass(look: Look) -> Evidence | None:
    if not look.spf_name:
        return None
    return Evidence(EvidenceCode.SPF_NOT_PASS, {"name": look.spf_name, "result": look.spf_result})


def known_sender(service: KnownService | None, site: Site, look: Look) -> Evidence | None:
    if service is None:
        return None
    name = site.host if service == site.host_service and site.host else (look.foreign_names or (site.address,))[0]
    return Evidence(EvidenceCode.KNOWN_SENDER, {"service": service.name, "kind": str(service.kind), "name": name})


def override_reason(mail: SourceMail) -> Evidence | None:
    return Evidence(EvidenceCode.OVERRIDE_REASON, {"reason": mail.reasons[0]}) if mail.reasons else None
