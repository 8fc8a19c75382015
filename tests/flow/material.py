"""Verdicts from a few words, for tests of what is done with them."""

from __future__ import annotations

from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
from inalign.flow.facts import Facts, sealers_of
from inalign.flow.verdict import Verdict
from inalign.mail.results import AuthenticationResults, MethodResult, Property
from inalign.spf.result import SpfReason, SpfResult, SpfStatus

NO_CHAIN = ArcResult(result=ArcStatus.NONE, reason=ArcReason.NO_SETS)


def chain(*sets: tuple[str, str]) -> ArcResult:
    """A valid chain: of each set the sealer and what it says, oldest first."""
    return ArcResult(
        result=ArcStatus.PASS,
        reason=ArcReason.VALID,
        instances=len(sets),
        sealers=tuple(sealer for sealer, _ in sets),
        results=tuple(said.encode() for _, said in sets),
    )


def with_sealers(found: Verdict | None, known: Facts) -> Facts:
    """The facts with what the ARC sealers of the verdict state."""
    if found is None:
        return known
    return known._replace(sealers=sealers_of(found, known.author_domains, known.from_fields))


def verdict(
    dmarc: DmarcStatus,
    reason: DmarcReason = DmarcReason.NOT_ALIGNED,
    applied: Policy | None = None,
    *,
    author: str | None = "example.org",
    spf: SpfStatus = SpfStatus.NONE,
    spf_domain: str = "bounce.example.org",
    arc: ArcResult = NO_CHAIN,
    changed_in_transit: bool = False,
) -> Verdict:
    """A verdict of which a decision depends on this much alone."""
    policy = Property("policy", "dmarc", applied or "none")
    return Verdict(
        spf=SpfResult(result=spf, reason=SpfReason.MATCHED, domain=spf_domain),
        spf_helo=None,
        dkim=(),
        arc=arc,
        changed_in_transit=changed_in_transit,
        dmarc=DmarcResult(result=dmarc, reason=reason, author_domain=author, policy=applied, applied_policy=applied),
        authentication_results=AuthenticationResults(
            authserv_id="mx.example.net",
            results=(
                MethodResult(method="dkim", result="none"),
                MethodResult(method="dmarc", result=dmarc, properties=(policy,)),
            ),
        ),
    )
