"""What a DMARC evaluation answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DmarcStatus(StrEnum):
    """The words of RFC 9989 section 9.2."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Policy(StrEnum):
    """What a domain owner asks for mail that fails (RFC 9989 section 4.7), weakest first."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class DmarcReason(StrEnum):
    """Why a result is what it is."""

    ALIGNED = "aligned"
    """An authenticated identifier is aligned with the author domain."""
    NOT_ALIGNED = "not_aligned"
    """A policy applies and no authenticated identifier is aligned."""
    NO_RECORD = "no_record"
    """Neither the author domain nor a name above it publishes a record that applies."""
    NO_DOMAIN = "no_domain"
    """The text given as author domain is no domain name (`evaluate_dmarc` only)."""
    NO_AUTHOR = "no_author"
    """No From field with an address that has a domain (RFC 9989 section 11.5)."""
    AMBIGUOUS_AUTHOR = "ambiguous_author"
    """Readers of this From would not agree on its author."""
    SEVERAL_AUTHORS = "several_authors"
    """Authors of several domains, none of which fails, or several From fields: never a pass."""
    RECORD_UNUSABLE = "record_unusable"
    """The record has no valid policy and no valid rua: no processing (RFC 9989 section 4.10.1)."""
    DNS_FAILED = "dns_failed"
    """A query of the policy discovery or the tree walk had no answer."""
    IDENTIFIER_UNDECIDED = "identifier_undecided"
    """SPF or a signature that could have given an aligned pass ended in temperror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcResult:
    """The answer of `evaluate_dmarc`."""

    result: DmarcStatus
    reason: DmarcReason
    author_domain: str | None = None
    organizational_domain: str | None = None
    """Of the author domain; None where nothing depended on it (strict alignment) or a question had no answer."""
    policy_domain: str | None = None
    """Where the record in force was found, usable or not."""
    policy: Policy | None = None
    """What the record asks of this author domain (p, sp or np chosen), before `t`; None without a usable record."""
    applied_policy: Policy | None = None
    """`policy` after `t=y` (RFC 9989 section 4.7); `policy.dmarc` of Authentication-Results."""
    testing: bool = False
    """Whether the record says `t=y`."""
    discovery: tuple[str, ...] = ()
    """The names asked for DMARC records, in order, each once."""
    spf_aligned: bool = False
    dkim_aligned: bool = False
    aligned_domains: tuple[str, ...] = ()
    """The authenticated domains that are aligned, for the explanation."""
    disposition: Policy = Policy.NONE
    """What RFC 9989 sections 5.4 and 7.4 alone would do: none or quarantine, never reject on p=reject alone."""
    record: str | None = None
    """The text of the record in force."""
    detail: str = ""
    """For people: what exactly was wrong, and where."""
    secure: bool = False
    """Whether DNSSEC vouched for the record in force."""
