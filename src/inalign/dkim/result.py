"""What the check of one DKIM signature answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DkimStatus(StrEnum):
    """The words of RFC 8601 section 2.7.1."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class DkimReason(StrEnum):
    """Why a result is what it is."""

    VALID = "valid"
    # fail
    SIGNATURE_MISMATCH = "signature_mismatch"
    """The header as received is not what was signed (or another key signed it)."""
    BODY_HASH_MISMATCH = "body_hash_mismatch"
    BODY_SHORTER_THAN_L = "body_shorter_than_l"
    """`l=` counts more octets than the body has."""
    EXPIRED = "expired"
    # permerror
    SYNTAX = "syntax"
    MISSING_TAG = "missing_tag"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    OBSOLETE_ALGORITHM = "obsolete_algorithm"
    """rsa-sha1 (RFC 8301 section 3.1)."""
    UNSUPPORTED_CANONICALIZATION = "unsupported_canonicalization"
    UNSUPPORTED_QUERY = "unsupported_query"
    INVALID_DOMAIN = "invalid_domain"
    """`d=`, `s=` or the domain of `i=` is no domain name."""
    IDENTITY_MISMATCH = "identity_mismatch"
    """The domain of `i=` is not `d=` nor below it, or is below it though the key says `t=s`."""
    FROM_NOT_SIGNED = "from_not_signed"
    FUTURE_TIMESTAMP = "future_timestamp"
    EXPIRY_BEFORE_TIMESTAMP = "expiry_before_timestamp"
    NO_KEY = "no_key"
    KEY_REVOKED = "key_revoked"
    KEY_SYNTAX = "key_syntax"
    KEY_TYPE_MISMATCH = "key_type_mismatch"
    KEY_HASH_MISMATCH = "key_hash_mismatch"
    KEY_SERVICE_MISMATCH = "key_service_mismatch"
    KEY_TOO_SHORT = "key_too_short"
    KEY_TOO_LONG = "key_too_long"
    # policy
    TOO_MANY_SIGNATURES = "too_many_signatures"
    PARTIAL_BODY = "partial_body"
    """Valid, but `l=` leaves octets unsigned; only the verdict on a message says so (design section 10)."""
    # temperror
    DNS_FAILED = "dns_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimResult:
    """The answer for one DKIM-Signature field, in header order."""

    result: DkimStatus
    reason: DkimReason
    domain: str | None = None
    """`d=` in A-labels, lower case; None where it could not be read."""
    selector: str | None = None
    algorithm: str | None = None
    """`a=` in lower case."""
    canonicalization: str | None = None
    identity: str | None = None
    """`i=` as written, or `@d` by default."""
    key_bits: int | None = None
    testing: bool = False
    """Whether the key says `t=y`."""
    body_length: int | None = None
    """`l=`."""
    unsigned_octets: int = 0
    """Octets of the canonicalised body that `l=` leaves out."""
    signed_fields: tuple[str, ...] = ()
    """`h=`, in lower case, in order."""
    added_fields: tuple[str, ...] = ()
    """Single-instance fields other than From that occur more often than the signature covers (a warning)."""
    signature_start: str = ""
    """The first 8 characters of `b=`, for `header.b` (RFC 6008)."""
    timestamp: int | None = None
    expiry: int | None = None
    detail: str = ""
    """For people: what exactly was wrong, and where."""
    secure: bool = False
    """Whether DNSSEC vouched for the key."""
