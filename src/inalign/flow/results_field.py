"""The Authentication-Results field for one message (RFC 8601), from the results of all methods.

Only what a method authenticated is written (RFC 8601 section 4): of MAIL FROM the domain, not the local part.
"""

from __future__ import annotations

from dataclasses import replace

from inalign.arc.result import ArcResult, ArcStatus
from inalign.dkim.result import DkimResult
from inalign.dmarc.result import DmarcResult
from inalign.flow.decision import OVERRIDES, Decision
from inalign.flow.iprev import IprevResult
from inalign.mail.results import AuthenticationResults, MethodResult, Property
from inalign.spf.result import SpfReason, SpfResult, SpfScope

_EXPLAINED = {"temperror", "permerror", "policy"}
"""Results that are shown with their reason; so is `fail` of a signature."""


def results_field(
    authserv_id: str,
    *,
    spf: SpfResult,
    spf_helo: SpfResult | None,
    dkim: tuple[DkimResult, ...],
    arc: ArcResult,
    dmarc: DmarcResult,
    iprev: IprevResult | None,
    client_ip: str | None,
    changed_in_transit: bool = False,
) -> AuthenticationResults:
    """The field for a message that was verified."""
    results = [_spf(spf)]
    if spf_helo is not None and spf.scope is not SpfScope.HELO:
        results.append(_spf(spf_helo))
    results += [_dkim(result) for result in dkim] or [MethodResult(method="dkim", result="none")]
    if arc.result is not ArcStatus.NONE:
        results.append(_arc(arc, client_ip))
    results.append(_dmarc(dmarc, "changed_in_transit" if changed_in_transit else None))
    if iprev is not None:
        results.append(_result("iprev", iprev.result, "", (Property("policy", "iprev", iprev.client_ip),)))
    return AuthenticationResults(authserv_id=authserv_id, results=tuple(results))


def login_field(authserv_id: str, login: str) -> AuthenticationResults:
    """The field for a message that an authenticated client handed over and that stays here (RFC 8601 section 2.7.4)."""
    result = MethodResult(method="auth", result="pass", properties=(Property("smtp", "auth", login),))
    return AuthenticationResults(authserv_id=authserv_id, results=(result,))


def with_override(field: AuthenticationResults, decision: Decision) -> AuthenticationResults:
    """Add `policy.override` to the DMARC result, with the rule by which local policy overrides the domain owner's.

    RFC 8601 section 2.4 defines the property type. The result and `policy.dmarc` stay what DMARC found. A decision that
    overrides nothing leaves the field as it is.
    """
    if decision.rule not in OVERRIDES:
        return field
    override = Property("policy", "override", decision.rule)
    results = tuple(
        replace(result, properties=(*result.properties, override)) if result.method == "dmarc" else result
        for result in field.results
    )
    return replace(field, results=results)


def _spf(result: SpfResult) -> MethodResult:
    # RFC 8601 section 2.7.2: the property names the identity that was checked, without its local part.
    properties: tuple[Property, ...] = ()
    if result.domain and result.reason is not SpfReason.NO_DOMAIN:
        name = "helo" if result.scope is SpfScope.HELO else "mailfrom"
        properties = (Property("smtp", name, result.domain),)
    return _result("spf", result.result, result.reason, properties)


def _dkim(result: DkimResult) -> MethodResult:
    properties = [
        Property("header", name, value)
        for name, value in (
            ("d", result.domain),
            ("s", result.selector),
            ("a", result.algorithm),
            ("b", result.signature_start),  # RFC 6008: distinguishes signatures of one domain
        )
        if value
    ]
    return _result("dkim", result.result, result.reason, tuple(properties))


def _arc(result: ArcResult, client_ip: str | None) -> MethodResult:
    # RFC 8617 section 6
    properties: list[Property] = []
    if result.oldest_pass is not None:
        properties.append(Property("header", "oldest-pass", str(result.oldest_pass)))
    if client_ip is not None:
        properties.append(Property("smtp", "remote-ip", client_ip))
    return _result("arc", result.result, result.reason, tuple(properties))


def _dmarc(result: DmarcResult, excuse: str | None) -> MethodResult:
    # RFC 9989 section 9.1
    properties: list[Property] = []
    if result.author_domain is not None:
        properties.append(Property("header", "from", result.author_domain))
    if result.applied_policy is not None:
        properties.append(Property("policy", "dmarc", result.applied_policy))
    shown = _result("dmarc", result.result, result.reason, tuple(properties))
    return replace(shown, reason=excuse) if excuse else shown


def _result(method: str, word: str, reason: str, properties: tuple[Property, ...]) -> MethodResult:
    is_explained = word in _EXPLAINED or (method in {"dkim", "arc"} and word == "fail")
    shown = str(reason) if is_explained and reason else None
    return MethodResult(method=method, result=str(word), reason=shown, properties=properties)
