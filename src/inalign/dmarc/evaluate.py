"""The evaluation of a message: author domain and authenticated identifiers in, result and policy out.

RFC 9989 sections 5.3 (the steps of a receiver), 4.10.1 (which policy), 5.3.5 and 5.3.6 (result), 5.4 and 7.4 (what
the standard alone would do with the message), 11.5 (several authors).

An aligned pass is a pass, whatever else went wrong. Without one, the result is temperror where a missing answer could
still have given an aligned pass, else fail: what a stranger adds to a message cannot void the policy. No record is
none; a record that gives no processing (section 4.10.1) is permerror, and handled as no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from inalign.dmarc.alignment import Alignment, check_alignment
from inalign.dmarc.discovery import Discovery, PolicyFinding
from inalign.dmarc.record import AlignmentMode, DmarcRecord
from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
from inalign.mail.domain import DomainError, DomainName, parse_domain
from inalign.resolver import Resolver

MAX_IDENTIFIERS = 16
"""Identifiers other than the author domain that are looked at; each may cost a walk of up to 8 questions. Verifiers
check fewer signatures than that. The first ones count."""

MAX_AUTHOR_DOMAINS = 4  # RFC 9989 section 11.5: limit the number of author domains, each costs an evaluation


class _Identifiers(NamedTuple):
    """The identifiers of a message that are domain names."""

    spf: DomainName | None
    dkim: tuple[DomainName, ...]
    undecided: tuple[DomainName, ...]


async def evaluate_dmarc(
    author_domain: str,
    spf_domain: str | None,
    dkim_domains: Iterable[str],
    resolver: Resolver,
    *,
    undecided: Iterable[str] = (),
) -> DmarcResult:
    """Evaluate a message by its author domain.

    `spf_domain` is the MAIL FROM domain if SPF passed, `dkim_domains` the `d=` of each signature that verified,
    `undecided` the domains whose check ended in temperror. Any text is taken, U-labels too: an author domain that is
    no domain name gives `none`, an identifier that is none is not aligned. Never raises.
    """
    try:
        author = parse_domain(author_domain)
    except DomainError as problem:
        return DmarcResult(result=DmarcStatus.NONE, reason=DmarcReason.NO_DOMAIN, detail=str(problem))
    identifiers = _read_identifiers(spf_domain, dkim_domains, undecided)
    return await _evaluate(author, identifiers, Discovery(resolver))
