"""What is known of the mail that carried a report: authenticated by our own engine, and as the server in front saw it.

SPF needs the client's address, so only mail from our own listener has it, and only while it is fresh: the DNS of today
says nothing about the mail of last month. What came out of a mailbox or a file may have an Authentication-Results
field instead. It is believed where its authserv-id is listed; of a file also where the id is the reported domain or
below it, in the topmost field alone, since a server puts its own above what was there. DKIM is checked by ourselves
in any case, where something can be looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from inalign.arc.result import ArcResult, ArcStatus
from inalign.authenticity.assess import MailEvidence
from inalign.dkim.result import DkimStatus
from inalign.dmarc.evaluate import evaluate_authors
from inalign.dmarc.result import DmarcStatus, Policy
from inalign.errors import ParseError
from inalign.flow.authenticate import authenticate_message
from inalign.flow.receive import VerificationOptions
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.author import Authors, author_domains
from inalign.mail.domain import NO_DOMAINS, DomainList, DomainName, is_same_or_below, parse_domain
from inalign.mail.fields import Field, Message
from inalign.mail.results import AuthenticationResults, MethodResult
from inalign.reports.report import Kind
from inalign.resolver import Resolver, ZoneResolver
from inalign.spf.result import SpfStatus
from inalign.spool.provenance import Provenance

MAX_SPF_AGE = timedelta(days=5)
"""After this SPF is not checked any more: a queue gives up by then (RFC 5321 section 4.5.4.1)."""

MAX_FIELDS = 20
"""Authentication-Results fields that are read, from the top: a server writes a few."""
MAX_DATE_OCTETS = 100
"""Of a date that is read; RFC 5322 section 3.3 needs about 40."""

NAMELESS = "-"

_AUTHRES = b"authentication-results"
_POLICY = re.compile(r"\bp=(none|quarantine|reject)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom the operator believes about mail that others took in."""

    authserv_ids: frozenset[str] = frozenset()
    """Names in Authentication-Results, lower case; `-` stands for a server that leaves the name out."""
    forwarders: DomainList = NO_DOMAINS
    """Domains that forward reports to us: their envelope senders under SPF, or their ARC seals."""
    reported_domain: DomainName | None = None
    """Of a file: the domain that the report is about, whose own server may speak in the topmost field."""


async def gather_evidence(
    message: Message,
    provenance: Provenance,
    kind: Kind,
    resolver: Resolver | None,
    *,
    now: datetime,
    trust: Trust,
) -> MailEvidence | None:
    """Collect the evidence of a parsed mail; None where it is not a mail. Without a resolver nothing is looked up."""
    authors = author_domains(message.fields)
    if not any(field.key in (b"from", b"received", b"message-id") for field in message.fields):
        return None
    # Where we met the client we know when; else what the mail says of itself would make it as old as it likes.
    is_ours = provenance.client_ip is not None
    arrived = provenance.received if is_ours else arrival(message.fields, provenance.received)
    said = _trusted_results(message.fields, trust)
    is_fresh = is_ours and now - arrived < MAX_SPF_AGE
    envelope = Envelope(provenance.client_ip if is_fresh else None, provenance.helo, provenance.mail_from)
    found = None
    if resolver is not None:
        services = frozenset({"email", "tlsrpt"}) if kind == "tls" else frozenset({"email"})
        options = VerificationOptions(authserv_id="localhost", helo_check=False, key_services=services)
        found = await authenticate_message(message, envelope, resolver, options, now=now)
    if found is None and not any(field.results for field in said):
        return MailEvidence(author=authors.sole_domain, is_checked=False, arrived=arrived)
    return await _combine(authors, found, _BelievedResults(said), resolver, trust, is_fresh=is_fresh, arrived=arrived)


async def _combine(
    authors: Authors,
    found: Verdict | None,
    said: _BelievedResults,
    resolver: Resolver | None,
    trust: Trust,
    *,
    is_fresh: bool,
    arrived: datetime,
) -> MailEvidence:
    own = found.dkim if found else ()
    signers = {domain for each in own if each.result is DkimStatus.PASS and (domain := _name(each.domain))}
    broken = {domain for each in own if each.result is not DkimStatus.PASS and (domain := _name(each.domain))}
    undecided = {domain for each in own if each.result is DkimStatus.TEMPERROR and (domain := _name(each.domain))}
    sender = None
    if found and found.spf.result is SpfStatus.PASS:
        sender = _name(found.spf.domain)
    elif found and is_fresh and found.spf.result is SpfStatus.TEMPERROR and (domain := _name(found.spf.domain)):
        undecided.add(domain)
    signers |= said.signers
    sender = sender or said.sender
    dmarc = _Dmarc(found.dmarc.result, found.dmarc.applied_policy) if found else _Dmarc()
    if said.results and dmarc.result is not DmarcStatus.PASS:
        dmarc = await _reported_dmarc(authors, said, sender, signers, resolver)
    if dmarc.result is DmarcStatus.PASS and authors.sole_domain:
        signers.add(authors.sole_domain)
    return MailEvidence(
        author=authors.sole_domain,
        authenticated=frozenset({*signers, sender} if sender else signers),
        broken=frozenset((broken | said.broken) - signers),
        undecided=frozenset((undecided | said.undecided) - signers),
        dmarc=dmarc.result,
        policy=dmarc.policy,
        is_signed=bool(own) or said.is_signed,
        is_complete=is_fresh or said.is_complete,
        forwarder=_forwarder(sender, authors, found.arc if found else None, trust),
        arrived=arrived,
    )


class _Dmarc(NamedTuple):
    """What became of DMARC."""

    result: DmarcStatus = DmarcStatus.NONE
    policy: Policy | None = None


async def _reported_dmarc(
    authors: Authors,
    said: _BelievedResults,
    sender: DomainName | None,
    signers: Iterable[DomainName],
    resolver: Resolver | None,
) -> _Dmarc:
    """DMARC as the server in front found it; where it did not say, from what it said of SPF and DKIM."""
    told = said.dmarc(authors)
    if told is not None and (told.result is not DmarcStatus.FAIL or told.policy is not None):
        return told
    evaluated = await evaluate_authors(authors, sender, signers, resolver or _NOTHING, undecided=said.undecided)
    return _Dmarc(told.result if told is not None else evaluated.result, evaluated.applied_policy)


_NOTHING = ZoneResolver.from_json({})


def _forwarder(sender: DomainName | None, authors: Authors, arc: ArcResult | None, trust: Trust) -> DomainName | None:
    """The known forwarder that handed it in: never the author's own domain."""
    sealers = arc.sealers[-1:] if arc and arc.result is ArcStatus.PASS else ()  # the last one handed it in
    for domain in (sender, *map(_name, sealers)):
        if domain is not None and domain in trust.forwarders and domain not in authors.domains:
            return domain
    return None


class _BelievedResults:
    """What the believed Authentication-Results fields say."""

    def __init__(self, fields: Sequence[AuthenticationResults]) -> None:
        self.results = [result for field in fields for result in field.results]
        dkim = [result for result in self.results if result.method == "dkim"]
        spf = [result for result in self.results if result.method == "spf"]
        self.is_signed = any(result.result != "none" for result in dkim)
        self.signers = set(_domains(dkim, "pass"))
        self.broken = {domain for result in dkim if result.result != "pass" for domain in _signer(result)}
        self.undecided = {domain for result in dkim if result.result == "temperror" for domain in _signer(result)}
        senders = [value for result in spf if result.result == "pass" for value in result.values("smtp", "mailfrom")]
        self.sender = next((domain for value in senders if (domain := _name(value))), None)
        self.is_complete = any(result.result not in ("temperror", "permerror") for result in spf) or bool(
            [result for result in self.results if result.method == "dmarc" and result.result in ("pass", "fail")]
        )

    def dmarc(self, authors: Authors) -> _Dmarc | None:
        """Its DMARC result, where it is one for the author of this mail."""
        for result in self.results:
            if result.method != "dmarc" or result.result not in _DMARC:
                continue
            named = [domain for value in result.values("header", "from") if (domain := _name(value))]
            if named and named[0] not in authors.domains:
                continue
            policies = [*result.values("policy", "dmarc"), *_POLICY.findall(result.comment or "")]
            policy = next((Policy(text.lower()) for text in policies if text.lower() in set(Policy)), None)
            return _Dmarc(_DMARC[result.result], policy)
        return None


_DMARC = {str(status): status for status in DmarcStatus} | {"bestguesspass": DmarcStatus.NONE}


def _trusted_results(fields: Sequence[Field], trust: Trust) -> list[AuthenticationResults]:
    """The fields of the server in front: the topmost one in its name, and those right below it before any Received."""
    found: list[AuthenticationResults] = []
    count = 0
    for field in fields:
        if (field.key == b"received" and found) or count == MAX_FIELDS:
            break
        if field.key != _AUTHRES:
            continue
        count += 1
        results = _parse(field, is_name_needed=NAMELESS not in trust.authserv_ids)
        if results is not None and (results.authserv_id.lower() or NAMELESS) in trust.authserv_ids:
            found.append(results)
        elif not found and results is not None and _is_of_reported(results.authserv_id, trust.reported_domain):
            return [results]
        elif not trust.authserv_ids:
            break  # the topmost field alone
    return found


def _parse(field: Field, *, is_name_needed: bool) -> AuthenticationResults | None:
    for lenient in (False,) if is_name_needed else (False, True):
        try:
            results = parse_authentication_results(field.value, lenient=lenient)
        except ParseError:
            continue
        if not lenient or not results.authserv_id:
            return results
    return None


def _is_of_reported(authserv_id: str, reported: DomainName | None) -> bool:
    name = _name(authserv_id)
    return name is not None and reported is not None and is_same_or_below(name, reported)


def _domains(results: Iterable[MethodResult], word: str) -> list[DomainName]:
    return [domain for result in results if result.result == word for domain in _signer(result)]


def _signer(result: MethodResult) -> list[DomainName]:
    """The domain of the signature (RFC 8601 section 2.7.1): `header.d`, else that of `header.i`."""
    values = result.values("header", "d") or result.values("header", "i")
    return [domain for value in values[:1] if (domain := _name(value))]


def _name(text: str | None) -> DomainName | None:
    """The domain of an address or a name; None for everything else."""
    try:
        return parse_domain((text or "").strip("<> ").rpartition("@")[2])
    except ParseError:
        return None


def arrival(fields: Sequence[Field], otherwise: datetime) -> datetime:
    """When a mail came in: as the topmost Received field says, else Date, else when it was handed to us.

    A time after that is not believed.
    """
    for key in (b"received", b"date"):
        field = next((field for field in fields if field.key == key), None)
        if field is None:
            continue
        try:
            text = field.value.rpartition(b";")[2].strip()[:MAX_DATE_OCTETS]
            time = parsedate_to_datetime(text.decode("ascii", "replace"))
            time = time if time.tzinfo else time.replace(tzinfo=UTC)
            if time <= otherwise:
                return time.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return otherwise
