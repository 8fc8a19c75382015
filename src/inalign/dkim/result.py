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
    """Header and body are what was signed."""
    # fail
    SIGNATURE_MISMATCH = "signature_mismatch"
    """The header as received is not what was signed (or another key signed it)."""
    BODY_HASH_MISMATCH = "body_hash_mismatch"
    """The body is not what was signed."""
    BODY_SHORTER_THAN_L = "body_shorter_than_l"
    """`l=` counts more octets than the body has."""
    EXPIRED = "expired"
    """`x=` lies in the past."""
    CHANGED_IN_TRANSIT = "changed_in_transit"
    """It fails on what a listed gateway in front of us changes; only the verdict on a message says so."""
    # permerror
    SYNTAX = "syntax"
    """The field is no tag list, or a value is outside the grammar."""
    MISSING_TAG = "missing_tag"
    """One of the tags that every signature has."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """`v=` is not 1."""
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    """`a=` names none that is known."""
    OBSOLETE_ALGORITHM = "obsolete_algorithm"
    """rsa-sha1 (RFC 8301 section 3.1)."""
    UNSUPPORTED_CANONICALIZATION = "unsupported_canonicalization"
    """`c=` names none that is known."""
    UNSUPPORTED_QUERY = "unsupported_query"
    """`q=` does not offer dns/txt."""
    INVALID_DOMAIN = "invalid_domain"
    """`d=`, `s=` or the domain of `i=` is no domain name."""
    IDENTITY_MISMATCH = "identity_mismatch"
    """The domain of `i=` is not `d=` nor below it, or is below it though the key says `t=s`."""
    FROM_NOT_SIGNED = "from_not_signed"
    """`h=` does not name From."""
    FUTURE_TIMESTAMP = "future_timestamp"
    """`t=` lies further in the future than clocks differ."""
    EXPIRY_BEFORE_TIMESTAMP = "expiry_before_timestamp"
    """`x=` is not later than `t=`."""
    NO_KEY = "no_key"
    """DNS has no key record at the selector."""
    KEY_REVOKED = "key_revoked"
    """The key record has an empty `p=`."""
    KEY_SYNTAX = "key_syntax"
    """The key record, or the key in it, cannot be read."""
    KEY_TYPE_MISMATCH = "key_type_mismatch"
    """`k=` of the key is not the type that `a=` needs."""
    KEY_HASH_MISMATCH = "key_hash_mismatch"
    """`h=` of the key does not allow the hash of `a=`."""
    KEY_SERVICE_MISMATCH = "key_service_mismatch"
    """`s=` of the key does not allow e-mail."""
    KEY_TOO_SHORT = "key_too_short"
    """An RSA key below the least size (RFC 8301 section 3.2)."""
    KEY_TOO_LONG = "key_too_long"
    """An RSA key so long that verifying with it would be an attack on our time."""
    # policy
    TOO_MANY_SIGNATURES = "too_many_signatures"
    """It stands behind the signatures that are checked of one message."""
    PARTIAL_BODY = "partial_body"
    """Valid, but `l=` leaves octets unsigned; only the verdict on a message says so."""
    # temperror
    DNS_FAILED = "dns_failed"
    """DNS did not answer for the key."""


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
    is_header_intact: bool = False
    """Whether the header is what was signed, by the key that DNS has, whatever became of the body."""
    body_length: int | None = None
    """The value of the `l=` tag: how many octets of the body are signed."""
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
