"""What a listed gateway says of a message (`origin`), and what it may have changed in it on the way.

Its SPF result takes the place of ours: it met the client, we did not. Its DKIM results do not take the place of ours,
since they speak of a message that is not the one here. But where a signature fails on what gateways change, the
failure says nothing about the sender. Such a signature is reported as changed in transit:

* The gateway writes Authentication-Results: it said pass for this signature, and here its body or header fails.
* It writes none: the body fails while the header is what was signed. So nothing but the body can be another one.

It still counts as failed. When DMARC fails and would have passed with what was changed in transit, the verdict says so
(`Verdict.changed_in_transit`), and nothing is done to the message for that failure.
"""

from __future__ import annotations

from dataclasses import dataclass

from inalign.dkim.result import DkimReason, DkimResult, DkimStatus
from inalign.errors import ParseError
from inalign.mail.domain import DomainName, parse_domain
from inalign.mail.results import AuthenticationResults, MethodResult
from inalign.spf.identity import find_domain
from inalign.spf.result import SpfReason, SpfResult, SpfScope, SpfStatus

MIN_SIGNATURE_START = 8
"""Characters of `header.b` that distinguish signatures (RFC 6008 section 4)."""

_BODY = {DkimReason.BODY_HASH_MISMATCH, DkimReason.BODY_SHORTER_THAN_L}
_CHANGED = {*_BODY, DkimReason.SIGNATURE_MISMATCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transit:
    """The way of a message through a gateway."""

    writes_results: bool
    """Whether the gateway is known to write Authentication-Results; what it then does not say, it did not find."""
    report: AuthenticationResults | None = None

    def explains(self, result: DkimResult) -> bool:
        """Whether the gateway, and not the sender, is the reason why this signature fails."""
        if result.result is not DkimStatus.FAIL or result.reason not in _CHANGED:
            return False
        if self.writes_results:
            return any(_speaks_of(said, result) for said in self._passes())
        return result.reason in _BODY and result.is_header_intact

    def vouched_domains(self) -> list[DomainName]:
        """The domains of the signatures that the gateway saw pass; it may have removed them since."""
        return [domain for said in self._passes() if (domain := _signer(said)) is not None]

    def _passes(self) -> list[MethodResult]:
        results = self.report.results if self.report else ()
        return [result for result in results if (result.method, result.result) == ("dkim", "pass")]


def _signer(said: MethodResult) -> DomainName | None:
    """The domain of the signature: `header.d`, else that of `header.i` (RFC 8601 section 2.7.1)."""
    for name in ("d", "i"):
        for value in said.values("header", name):
            try:
                return parse_domain(value.rpartition("@")[2])
            except ParseError:
                return None
    return None


def _speaks_of(said: MethodResult, result: DkimResult) -> bool:
    """Whether it is about this signature: domain, and what else both name of selector and signature."""
    if result.domain is None or _signer(said) not in {result.domain, _domain_of(result.identity)}:
        return False
    selectors = said.values("header", "s")
    if selectors and result.selector and selectors[0].lower() != result.selector.lower():
        return False
    starts = said.values("header", "b")
    if starts and len(starts[0]) >= MIN_SIGNATURE_START and result.signature_start:
        return starts[0].startswith(result.signature_start)
    return True


def _domain_of(identity: str | None) -> DomainName | None:
    return None if identity is None else find_domain(identity.rpartition("@")[2])


def reported_spf(report: AuthenticationResults | None, mail_from: str | None) -> SpfResult | None:
    """The SPF result of a gateway for MAIL FROM, or for HELO where the reverse-path is null; None where it gives none.

    Where it does not name the identity, it is that of the envelope.
    """
    for said in report.results if report else ():
        if said.method != "spf":
            continue
        named = said.values("smtp", "mailfrom")
        helo = said.values("smtp", "helo")
        if helo and not named and mail_from:
            continue  # of HELO alone, while the message has a reverse-path
        value = (named or helo or (mail_from or "",))[0]
        return SpfResult(
            result=_STATUS.get(said.result, SpfStatus.NONE),
            reason=SpfReason.REPORTED,
            scope=SpfScope.MFROM if mail_from else SpfScope.HELO,
            domain=find_domain(value.strip("<>").rpartition("@")[2]),
            detail="a gateway found it",
        )
    return None


_STATUS = {str(status): status for status in SpfStatus} | {"hardfail": SpfStatus.FAIL}
"""RFC 8601 section 2.7.2 replaced hardfail; some still write it."""
