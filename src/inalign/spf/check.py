"""The SPF check of one message: `check_spf` for MAIL FROM, `check_helo` for HELO (RFC 7208).

Both never raise for anything that mail or DNS can do, and need no event loop where the resolver needs none. The
time limit of RFC 7208 section 4.6.4 is the caller's: cancel the check when the message's deadline is over.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from inalign.resolver import Resolver
from inalign.spf.evaluation import LIMITS, EvaluationError, RecordMatch, SpfEvaluation, SpfLimits
from inalign.spf.identity import Client, Identity, find_client, find_domain, helo_identity, mail_from_identity
from inalign.spf.macros import Variables
from inalign.spf.result import SpfReason, SpfResult, SpfStatus


async def check_spf(
    client_ip: str | IPv4Address | IPv6Address | None,
    helo: str | None,
    mail_from: str | None,
    resolver: Resolver,
    *,
    now: datetime | None = None,
    receiver: str = "unknown",
    default_explanation: str | None = None,
    limits: SpfLimits = LIMITS,
) -> SpfResult:
    """Check the MAIL FROM identity, the one that feeds DMARC; of the null reverse-path postmaster@HELO.

    `mail_from` is without angle brackets, `""` the null reverse-path, None unknown; without `@` it is a domain.
    `now` (aware, else ValueError) and `receiver` fill `%{t}` and `%{r}` of an explanation; without `now` an explanation
    that asks for the time is replaced by the default one. RFC 7208 section 4.
    """
    identity = mail_from_identity(mail_from, helo)
    return await _check(
        identity,
        find_client(client_ip),
        helo,
        resolver,
        now=now,
        receiver=receiver,
        default_explanation=default_explanation,
        limits=limits,
    )


async def check_helo(
    client_ip: str | IPv4Address | IPv6Address | None,
    helo: str | None,
    resolver: Resolver,
    *,
    now: datetime | None = None,
    receiver: str = "unknown",
    default_explanation: str | None = None,
    limits: SpfLimits = LIMITS,
) -> SpfResult | None:
    """Check the HELO identity (RFC 7208 section 2.3); None where HELO is no multi-label domain name."""
    identity = helo_identity(helo)
    if identity.domain is None:
        return None
    return await _check(
        identity,
        find_client(client_ip),
        helo,
        resolver,
        now=now,
        receiver=receiver,
        default_explanation=default_explanation,
        limits=limits,
    )


async def _check(
    identity: Identity,
    client: Client | None,
    helo: str | None,
    resolver: Resolver,
    *,
    now: datetime | None,
    receiver: str,
    default_explanation: str | None,
    limits: SpfLimits,
) -> SpfResult:
    if now is not None and now.utcoffset() is None:
        raise ValueError("now is a time without a time zone")
    if identity.domain is None:
        # RFC 7208 section 4.3
        return SpfResult(
            result=SpfStatus.NONE,
            reason=SpfReason.NO_DOMAIN,
            scope=identity.scope,
            domain=identity.written,
            detail="the identity holds no multi-label domain name",
        )
    if client is None:
        return SpfResult(
            result=SpfStatus.NONE,
            reason=SpfReason.NO_CLIENT,
            scope=identity.scope,
            domain=identity.domain,
            detail="the address of the client is not known",
        )
    variables = Variables(
        client=client,
        local_part=identity.local_part,
        sender_domain=identity.macro_domain,
        domain=identity.macro_domain,
        helo=_macro_helo(helo),
        receiver=receiver,
        now=now,
    )
    evaluation = SpfEvaluation(variables, resolver, limits)
    try:
        finding = await evaluation.check_host(identity.macro_domain)
    except EvaluationError as problem:
        finding = RecordMatch(problem.status, problem.reason, detail=str(problem))
    explanation = None
    if finding.status is SpfStatus.FAIL:
        explanation = await evaluation.explain(finding)
        if explanation is None:
            explanation = default_explanation
    return SpfResult(
        result=finding.status,
        reason=finding.reason,
        scope=identity.scope,
        domain=identity.domain,
        explanation=explanation,
        lookups=evaluation.lookups,
        void_lookups=evaluation.void_lookups,
        matched=finding.matched,
        detail=finding.detail,
        record=None if evaluation.record is None else evaluation.record.decode("ascii", "backslashreplace"),
        trace=tuple(evaluation.trace),
        secure=evaluation.secure,
    )


def _macro_helo(helo: str | None) -> str:
    """The macro `h`: "unknown" where HELO is not known, A-labels where it is written in U-labels."""
    if helo is None:
        return "unknown"
    return helo if helo.isascii() else find_domain(helo) or helo
