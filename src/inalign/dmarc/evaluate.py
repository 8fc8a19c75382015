"""The evaluation of a message: author domain and authenticated identifiers in, result and policy out.

RFC 9989 sections 5.3 (the steps of a receiver), 4.10.1 (which policy), 5.3.5 and 5.3.6 (result), 5.4 and 7.4 (what
the standard alone would do with the message), 11.5 (several authors).

An aligned pass is a pass, whatever else went wrong. Without one the result is temperror where a missing answer could
still have given an aligned pass, else fail: what a stranger adds to a message cannot void the policy. No record is
none; a record that gives no processing (section 4.10.1) is permerror, and is handled as no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from inalign.dmarc.discovery import Discovery, PolicyFinding
from inalign.dmarc.identifiers import Alignments, Identifiers, align, looser_mode, read_identifiers
from inalign.dmarc.record import AlignmentMode, DmarcRecord, PublicSuffix
from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
from inalign.mail.author import AuthorProblem, Authors
from inalign.mail.domain import DomainError, DomainName, parse_domain
from inalign.resolver import Resolver

# RFC 9989 section 11.5: each author domain costs an evaluation, so their number is to be limited.
MAX_AUTHOR_DOMAINS = 4


async def evaluate_dmarc(
    author_domain: str,
    spf_domain: str | None,
    dkim_domains: Iterable[str],
    resolver: Resolver,
    *,
    undecided: Iterable[str] = (),
) -> DmarcResult:
    """Evaluate a message with one author domain.

    `spf_domain` is the MAIL FROM domain if SPF passed, `dkim_domains` the `d=` of each signature that verified,
    `undecided` the domains whose check ended in temperror. Any text is taken, U-labels too: an author domain that is
    no domain name gives `none`, an identifier that is none is not aligned. Never raises.
    """
    try:
        author = parse_domain(author_domain)
    except DomainError as problem:
        return DmarcResult(result=DmarcStatus.NONE, reason=DmarcReason.NO_DOMAIN, detail=str(problem))
    identifiers = read_identifiers(spf_domain, dkim_domains, undecided)
    return await _evaluate(author, identifiers, Discovery(resolver))


async def evaluate_authors(
    authors: Authors,
    spf_domain: str | None,
    dkim_domains: Iterable[str],
    resolver: Resolver,
    *,
    undecided: Iterable[str] = (),
    discovery: Discovery | None = None,
) -> DmarcResult:
    """Evaluate a message by all that its From says; the identifiers are those of `evaluate_dmarc`.

    Of several author domains each is evaluated, up to `MAX_AUTHOR_DOMAINS`. Any fail is a fail, with the strictest
    policy among those that failed; else any temperror is a temperror, since it may yet become a fail; else, if all of
    them are without a record, none; else permerror. Several domains, or several From fields, never pass. The domain
    in the result is the one whose policy it shows, else the first. Never raises.

    `discovery` is one on the same resolver that knows what has been expected.
    """
    if authors.problem is not None or not authors.domains:
        reason = _PROBLEMS[authors.problem or AuthorProblem.NO_AUTHOR]
        return DmarcResult(result=DmarcStatus.PERMERROR, reason=reason, detail=authors.detail)
    identifiers = read_identifiers(spf_domain, dkim_domains, undecided)
    discovery = discovery or Discovery(resolver)
    domains = authors.domains[:MAX_AUTHOR_DOMAINS]
    discovery.prefetch(*domains)
    results = [await _evaluate(domain, identifiers, discovery) for domain in domains]
    if len(authors.domains) > 1:
        return replace(_several(results, authors), discovery=tuple(discovery.asked))
    if results[0].result is DmarcStatus.PASS and authors.has_several_fields:
        return _never_pass(results[0], authors)
    return results[0]


_PROBLEMS = {
    AuthorProblem.NO_AUTHOR: DmarcReason.NO_AUTHOR,
    AuthorProblem.AMBIGUOUS_AUTHOR: DmarcReason.AMBIGUOUS_AUTHOR,
}


def _several(results: list[DmarcResult], authors: Authors) -> DmarcResult:
    """One result for several author domains (RFC 9989 section 11.5)."""
    failed = [result for result in results if result.result is DmarcStatus.FAIL]
    if failed:
        return max(failed, key=_strictness)
    for result in results:
        if result.result is DmarcStatus.TEMPERROR:
            return result
    is_complete = len(results) == len(authors.domains)
    if is_complete and all(result.result is DmarcStatus.NONE for result in results):
        return results[0]
    return _never_pass(results[0], authors)


def _never_pass(result: DmarcResult, authors: Authors) -> DmarcResult:
    names = ", ".join(authors.domains[:MAX_AUTHOR_DOMAINS])
    detail = f"{authors.field_count} From field(s) with {len(authors.domains)} author domain(s): {names}"
    return replace(result, result=DmarcStatus.PERMERROR, reason=DmarcReason.SEVERAL_AUTHORS, detail=detail)


async def _evaluate(author: DomainName, identifiers: Identifiers, discovery: Discovery) -> DmarcResult:
    discovery.prefetch(author, *(other for other in identifiers.apart_from(author) if _is_near(other, author)))
    found = await discovery.find_policy(author)
    record = found.record
    if record is None:
        return _without_record(author, found, discovery)
    if not record.is_usable:
        return _without_processing(author, found, record, discovery)
    alignments = await align(author, identifiers, record, discovery)
    organization = await _organization(author, identifiers, found, record, discovery)
    result, reason, detail = _evaluate_author(author, alignments)
    policy = await _policy(author, found, record, discovery, has_failed=result is DmarcStatus.FAIL)
    applied = _ONE_LEVEL_BELOW.get(policy) if record.testing else policy
    return DmarcResult(
        result=result,
        reason=reason,
        author_domain=author,
        organizational_domain=organization,
        policy_domain=found.domain,
        policy=policy,
        applied_policy=applied,
        testing=record.testing,
        discovery=tuple(discovery.asked),
        spf_aligned=alignments.spf,
        dkim_aligned=alignments.dkim,
        aligned_domains=alignments.domains,
        # RFC 9989 section 7.4: on p=reject alone a message is not refused but treated as with p=quarantine
        disposition=Policy.QUARANTINE if result is DmarcStatus.FAIL and applied is not Policy.NONE else Policy.NONE,
        record=record.text,
        detail=detail,
        secure=found.secure,
    )


def _is_near(one: DomainName, other: DomainName) -> bool:
    """Whether the two may well have one organizational domain: a guess, for asking early, not for an answer."""
    return one.split(".")[-2:] == other.split(".")[-2:]


def _without_record(author: DomainName, found: PolicyFinding, discovery: Discovery) -> DmarcResult:
    failed = found.failure is not None
    return DmarcResult(
        # RFC 9989 section 5.3.6: without an answer neither pass nor fail, and no policy
        result=DmarcStatus.TEMPERROR if failed else DmarcStatus.NONE,
        reason=DmarcReason.DNS_FAILED if failed else DmarcReason.NO_RECORD,
        author_domain=author,
        organizational_domain=None if failed else author,  # RFC 9989 section 4.10.2: the initial target domain
        discovery=tuple(discovery.asked),
        detail=found.failure or f"neither {author} nor a name above it publishes a DMARC record",
    )


def _without_processing(
    author: DomainName, found: PolicyFinding, record: DmarcRecord, discovery: Discovery
) -> DmarcResult:
    return DmarcResult(
        result=DmarcStatus.PERMERROR,
        reason=DmarcReason.RECORD_UNUSABLE,
        author_domain=author,
        policy_domain=found.domain,
        testing=record.testing,
        discovery=tuple(discovery.asked),
        record=record.text,
        detail=f"the record of {found.domain} has no valid policy and no valid rua (RFC 9989 section 4.10.1)",
        secure=found.secure,
    )


async def _organization(
    author: DomainName, identifiers: Identifiers, found: PolicyFinding, record: DmarcRecord, discovery: Discovery
) -> DomainName | None:
    """The organizational domain of the author; None where nothing depended on it, or where it could not be found."""
    if found.domain == author and record.psd is PublicSuffix.UNDECLARED:
        # RFC 9989 section 4.10.2: no walk is needed where all domains are the same, nor in strict mode
        modes = {looser_mode(record)} if identifiers.is_empty else identifiers.modes(author, record)
        if not modes:
            return author
        if AlignmentMode.RELAXED not in modes:
            return None
    return (await discovery.walk(author)).organizational_domain


def _evaluate_author(author: DomainName, alignments: Alignments) -> tuple[DmarcStatus, DmarcReason, str]:
    """RFC 9989 sections 5.3.5 and 5.3.6."""
    if alignments.domains:
        return DmarcStatus.PASS, DmarcReason.ALIGNED, ""
    if alignments.unknown:
        detail = f"whether {', '.join(alignments.unknown)} is aligned with {author} could not be found"
        return DmarcStatus.TEMPERROR, DmarcReason.DNS_FAILED, detail
    if alignments.undecided:
        detail = f"the check of {', '.join(alignments.undecided)} ended in temperror and might have given a pass"
        return DmarcStatus.TEMPERROR, DmarcReason.IDENTIFIER_UNDECIDED, detail
    return DmarcStatus.FAIL, DmarcReason.NOT_ALIGNED, f"no authenticated identifier is aligned with {author}"


async def _policy(
    author: DomainName, found: PolicyFinding, record: DmarcRecord, discovery: Discovery, *, has_failed: bool
) -> Policy | None:
    """What the record asks of this author domain (RFC 9989 section 4.10.1), before `t`."""
    if found.domain == author:
        return record.domain_policy
    existing, nonexistent = record.subdomain_policy, record.nonexistent_policy
    # Whether the domain exists is asked only where it decides something.
    if not has_failed or existing is nonexistent:
        return existing
    exists = await discovery.exists(author)
    if exists is None:
        return min(existing, nonexistent, key=_STRICTNESS.__getitem__)
    return existing if exists else nonexistent


_STRICTNESS: dict[Policy | None, int] = {policy: rank for rank, policy in enumerate((None, *Policy))}


def _strictness(result: DmarcResult) -> tuple[int, int]:
    return _STRICTNESS[result.applied_policy], _STRICTNESS[result.policy]


# What `t=y` makes of a policy (RFC 9989 section 4.7).
_ONE_LEVEL_BELOW: dict[Policy | None, Policy] = {
    Policy.REJECT: Policy.QUARANTINE,
    Policy.QUARANTINE: Policy.NONE,
    Policy.NONE: Policy.NONE,
}
