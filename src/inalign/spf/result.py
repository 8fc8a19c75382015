"""What an SPF check answers: the result word, why, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from inalign.resolver import Outcome


class SpfStatus(StrEnum):
    """The results of RFC 7208 section 2.6, in the words of RFC 8601 section 2.7.2."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class SpfScope(StrEnum):
    """The identity that was checked (RFC 7208 sections 2.3 and 2.4)."""

    MFROM = "mfrom"
    HELO = "helo"


class SpfReason(StrEnum):
    """Why a result is what it is."""

    MATCHED = "matched"
    """A mechanism matched; its qualifier is the result."""
    NO_MATCH = "no_match"
    """No mechanism matched and there is no redirect: neutral (RFC 7208 section 4.7)."""
    NO_RECORD = "no_record"
    """The domain publishes no SPF record."""
    NO_NAME = "no_name"
    """The domain does not exist."""
    NO_DOMAIN = "no_domain"
    """The identity holds no multi-label domain name (RFC 7208 section 4.3)."""
    NO_CLIENT = "no_client"
    """No client address is known."""
    SEVERAL_RECORDS = "several_records"
    """The domain publishes more than one SPF record (RFC 7208 section 4.5)."""
    SYNTAX = "syntax"
    """The record, or a target after expansion, breaks the grammar."""
    TOO_MANY_LOOKUPS = "too_many_lookups"
    """More than 10 terms that ask DNS (RFC 7208 section 4.6.4)."""
    TOO_MANY_VOID_LOOKUPS = "too_many_void_lookups"
    """More than 2 terms whose questions found nothing (RFC 7208 section 4.6.4)."""
    TOO_MANY_ADDRESSES = "too_many_addresses"
    """An `mx` has more than 10 exchanges (RFC 7208 section 4.6.4)."""
    INCLUDE_WITHOUT_RECORD = "include_without_record"
    """An `include` names a domain without a record (RFC 7208 section 5.2)."""
    REDIRECT_WITHOUT_RECORD = "redirect_without_record"
    """A `redirect` names a domain without a record (RFC 7208 section 6.1)."""
    DNS_FAILED = "dns_failed"
    """A question had no answer."""
    REPORTED = "reported"
    """A listed gateway in front of us checked and reported it; only the verdict on a message says so."""


class SpfLookup(NamedTuple):
    """One DNS question of the check, in the order asked."""

    kind: str
    """TXT, A, AAAA, MX or PTR."""
    name: str
    outcome: Outcome
    is_void: bool
    """Whether it counts toward the void look-up limit."""
    term: str
    """The term that asked, as written in its record; empty for the record itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfResult:
    """The answer of `check_spf`."""

    result: SpfStatus
    reason: SpfReason
    scope: SpfScope = SpfScope.MFROM
    domain: str | None = None
    """The domain of the identity in A-labels, lower case; the identity's text as it came where it is none."""
    explanation: str | None = None
    """On fail: the sender's `exp=` text, or the default explanation. ASCII, no control characters, bounded."""
    lookups: int = 0
    """Terms that cost a look-up, of the 10 allowed (RFC 7208 section 4.6.4)."""
    void_lookups: int = 0
    matched: str | None = None
    """The term that decided as written, with the domain of its record where that is another: `include:x > ip4:…`."""
    detail: str = ""
    """For people: what exactly was wrong, and where."""
    record: str | None = None
    """The record of the domain itself."""
    trace: tuple[SpfLookup, ...] = ()
    secure: bool = False
    """Whether DNSSEC vouched for every answer that was used."""
