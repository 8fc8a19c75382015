"""One message being received: what is asked when, so that nothing waits that need not.

SPF and the reverse name start at MAIL FROM, while the client still sends. At the end of the header every DKIM key,
the ARC keys and the DMARC records are looked up. The body is hashed by chunk and not stored. At the end the answers
that are still out are awaited, with a resolver that has one deadline for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inalign.arc.result import ArcReason
from inalign.arc.seal import Sealing
from inalign.arc.validate import Validation
from inalign.dkim.canonical import BodyHashes, Header
from inalign.dkim.result import DkimReason, DkimResult, DkimStatus
from inalign.dkim.sign import SigningKey
from inalign.dkim.verify import LIMITS, DkimLimits, Verification
from inalign.dmarc.discovery import Discovery, prefetch_policy
from inalign.dmarc.evaluate import evaluate_authors
from inalign.dmarc.result import DmarcResult, DmarcStatus
from inalign.flow.facts import Facts, facts_of_message
from inalign.flow.iprev import IprevResult, check_iprev, find_names
from inalign.flow.results_field import results_field
from inalign.flow.transit import Transit
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.author import AuthorProblem, Authors, author_domains
from inalign.mail.fields import Field, parse_message
from inalign.resolver import Resolver, txt
from inalign.spf.check import check_helo, check_spf
from inalign.spf.identity import find_client, helo_identity, mail_from_identity
from inalign.spf.result import SpfReason, SpfResult, SpfScope, SpfStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationOptions:
    """What the operator may choose about the verdict on a message."""

    authserv_id: str
    partial_body: DkimStatus = DkimStatus.POLICY
    """The result of a valid signature whose `l=` leaves octets of the body unsigned: POLICY or PASS."""
    iprev: bool = False
    helo_check: bool = True
    """Whether SPF is checked for the HELO name next to MAIL FROM. It decides nothing, and costs look-ups."""
    helo_result: bool = False
    """Whether its result is shown next to that of MAIL FROM."""
    legacy_crypto: bool = False
    dkim_limits: DkimLimits = LIMITS
    key_services: frozenset[str] = frozenset({"email"})
    """Uses that a DKIM key must be meant for (`s=`); mail with TLS reports adds `tlsrpt` (RFC 8460 section 3)."""


@dataclass(frozen=True, slots=True)
class ClientChecks:
    """What is known of the client before the message is there."""

    spf: SpfResult
    spf_helo: SpfResult | None
    iprev: IprevResult | None
    client_ip: str | None
    """The client's address as text, None where none is known."""


async def check_client(
    envelope: Envelope,
    resolver: Resolver,
    options: VerificationOptions,
    *,
    now: datetime,
    reported: SpfResult | None = None,
) -> ClientChecks:
    """SPF for both identities, and the reverse name. Can run as soon as MAIL FROM is known.

    `reported` is the SPF result of a listed gateway, which replaces ours.
    """
    client = find_client(envelope.client_ip)
    # The names of the address are asked together with the first SPF records, and their addresses with the includes: two
    # rounds of answers for all, where one check after the other would be five.
    if reported is None and client is not None:
        first = mail_from_identity(envelope.mail_from, envelope.helo)
        for identity in (first, helo_identity(envelope.helo)) if options.helo_check else (first,):
            if identity.domain is not None:
                resolver.prefetch(txt(identity.domain))
    names = await find_names(client.address, resolver) if options.iprev and client is not None else None
    spf = reported or await check_spf(
        envelope.client_ip, envelope.helo, envelope.mail_from, resolver, now=now, receiver=options.authserv_id
    )
    if reported is not None:
        spf_helo = reported if reported.scope is SpfScope.HELO else None
    elif spf.scope is SpfScope.HELO:
        # RFC 7208 section 2.4: the null reverse-path was checked as HELO, so the answer is there; none without a name.
        spf_helo = None if spf.reason is SpfReason.NO_DOMAIN else spf
    elif options.helo_check:
        spf_helo = await check_helo(envelope.client_ip, envelope.helo, resolver, now=now, receiver=options.authserv_id)
    else:
        spf_helo = None
    iprev = await check_iprev(client.address, names, resolver) if client is not None and names is not None else None
    return ClientChecks(spf, spf_helo, iprev, None if client is None else str(client.address))


class Reception:
    """A message whose header is known: give it the body, then ask for the verdict."""

    def __init__(
        self,
        fields: Sequence[Field],
        resolver: Resolver,
        options: VerificationOptions,
        *,
        now: datetime,
        dropped_fields: int = 0,
        transit: Transit | None = None,
        seals: bool = False,
    ) -> None:
        """`transit` is the gateway that the message came through; with `seals`, `seal` may be called at the end."""
        self._fields = fields
        self._now = now
        self._transit = transit
        self._options = options
        self.authors = _unknown_authors(dropped_fields) if dropped_fields else author_domains(fields)
        header = self._header = Header(fields)
        self._is_whole = not dropped_fields
        self._dkim = Verification(
            fields,
            now=now,
            legacy_crypto=options.legacy_crypto,
            services=options.key_services,
            limits=options.dkim_limits,
            header=header,
        )
        self._arc = Validation(fields, now=now, header=header)
        self._body = BodyHashes(
            self._dkim.body_specs | self._arc.body_specs | (Sealing.body_specs if seals else frozenset())
        )
        self._dkim.prefetch(resolver)
        self._arc.prefetch(resolver)
        for domain in self.authors.domains:
            prefetch_policy(domain, resolver)

    def body(self, chunk: bytes) -> None:
        """Take the next piece of the body, cut anywhere."""
        self._body.update(chunk)

    def facts(self, verdict: Verdict, *, can_hold: bool = False) -> Facts:
        """Return what `decide` needs next to the verdict; `can_hold` says whether the MTA can hold the message."""
        return facts_of_message(self._header, self.authors, verdict, is_whole=self._is_whole, can_hold=can_hold)

    async def verdict(self, client: ClientChecks, resolver: Resolver) -> Verdict:
        """Await what is still out and put it together."""
        digests = self._body.digests()
        dkim = tuple(self._weigh(result) for result in await self._dkim.results(resolver, digests))
        arc = await self._arc.result(resolver, digests)
        if self._transit is not None:
            dkim = tuple(_in_transit(result, self._transit) for result in dkim)
        spf = client.spf
        undecided = [result.domain for result in dkim if result.result is DkimStatus.TEMPERROR and result.domain]
        if spf.result is SpfStatus.TEMPERROR and spf.domain:
            undecided.append(spf.domain)
        dmarc = await evaluate_authors(
            self.authors,
            spf.domain if spf.result is SpfStatus.PASS else None,
            [result.domain for result in dkim if result.result is DkimStatus.PASS and result.domain],
            resolver,
            undecided=undecided,
            discovery=Discovery(resolver, expected=self.authors.domains),
        )
        is_changed = self._transit is not None and await self._is_changed(self._transit, dkim, dmarc, resolver)
        options = self._options
        field = results_field(
            options.authserv_id,
            spf=spf,
            spf_helo=client.spf_helo if options.helo_result else None,
            dkim=dkim,
            arc=arc,
            dmarc=dmarc,
            iprev=client.iprev,
            client_ip=client.client_ip,
            changed_in_transit=is_changed,
        )
        return Verdict(
            spf=spf,
            spf_helo=client.spf_helo,
            dkim=dkim,
            arc=arc,
            dmarc=dmarc,
            iprev=client.iprev,
            changed_in_transit=is_changed,
            authentication_results=field,
        )

    def seal(self, key: SigningKey, verdict: Verdict) -> tuple[bytes, ...]:
        """Make the ARC set that reports the verdict, ARC-Seal first; empty where no set may be added.

        A message whose header was not read whole is not sealed. A chain that could not be validated, since DNS gave no
        answer, is not sealed either: `cv=fail` would break it for good (RFC 8617 section 5.1 step 2). Raises
        `SigningError`.
        """
        if not self._is_whole or verdict.arc.reason is ArcReason.KEY_UNAVAILABLE:
            return ()
        sealing = Sealing(self._fields, key, now=self._now)
        arc_set = sealing.fields(self._body.digests(), results=verdict.authentication_results, chain=verdict.arc)
        return tuple(field.raw for field in parse_message(arc_set).fields)

    async def _is_changed(
        self, transit: Transit, dkim: Sequence[DkimResult], dmarc: DmarcResult, resolver: Resolver
    ) -> bool:
        """Whether DMARC fails, and would pass with what the gateway saw before it changed the message."""
        if dmarc.result is not DmarcStatus.FAIL:
            return False
        domains = [result.domain for result in dkim if result.reason is DkimReason.CHANGED_IN_TRANSIT and result.domain]
        domains += transit.vouched_domains()
        before = await evaluate_authors(self.authors, None, domains, resolver)
        return before.result is DmarcStatus.PASS

    def _weigh(self, result: DkimResult) -> DkimResult:
        """What a signature is worth in the verdict on a message: anybody can append to what `l=` leaves out."""
        if (
            result.result is DkimStatus.PASS
            and result.unsigned_octets
            and self._options.partial_body is not DkimStatus.PASS
        ):
            # RFC 6376 section 8.2 names the danger; section 6.1.3 lets a verifier refuse such a signature.
            return replace(
                result,
                result=DkimStatus.POLICY,
                reason=DkimReason.PARTIAL_BODY,
                detail=f"valid, but l={result.body_length} leaves {result.unsigned_octets} octets of the body unsigned",
            )
        return result


def _in_transit(result: DkimResult, transit: Transit) -> DkimResult:
    """A failure that the gateway explains, as what it is."""
    if not transit.explains(result):
        return result
    detail = f"a gateway changed the message ({result.detail})"
    return replace(result, reason=DkimReason.CHANGED_IN_TRANSIT, detail=detail)


def _unknown_authors(dropped_fields: int) -> Authors:
    """The authors of a header that was not read whole: another From may be among the rest, so they are not known."""
    detail = f"{dropped_fields} header fields beyond the limits were not read"
    return Authors((), AuthorProblem.AMBIGUOUS_AUTHOR, detail=detail)
