"""What the validation of an ARC chain answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ArcStatus(StrEnum):
    """The words of RFC 8617 section 4.4; there is no temperror, every error is a fail."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"


class ArcReason(StrEnum):
    """Why a result is what it is."""

    NO_SETS = "no_sets"
    """The message carries no ARC field."""
    VALID = "valid"
    """Every seal verifies, and so does the newest ARC-Message-Signature."""
    SYNTAX = "syntax"
    """A field is no tag list, lacks a tag, or has a value outside the grammar."""
    TOO_MANY_SETS = "too_many_sets"
    """More than the 50 sets that there may be."""
    INSTANCES = "instances"
    """A gap, a repeated or a missing field of a set."""
    CHAIN_VALUE = "chain_value"
    """`cv=` is not none in the first set and pass in all others."""
    FAILED_BEFORE = "failed_before"
    """The newest seal says cv=fail."""
    SIGNATURE_MISMATCH = "signature_mismatch"
    """A seal, or the header under the newest ARC-Message-Signature, is not what was signed."""
    BODY_HASH_MISMATCH = "body_hash_mismatch"
    """The body is not what the newest ARC-Message-Signature was made over."""
    KEY_UNAVAILABLE = "key_unavailable"
    """DNS did not answer; nothing may be decided on it."""
    NO_KEY = "no_key"
    """No key, a revoked one, or one that does not fit."""
    OBSOLETE_ALGORITHM = "obsolete_algorithm"
    """rsa-sha1 (RFC 8301 section 3.1)."""
    EXPIRED = "expired"
    """`x=` of the newest ARC-Message-Signature lies in the past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcResult:
    """The answer of `validate_arc`."""

    result: ArcStatus
    reason: ArcReason
    instances: int = 0
    """How many sets the message carries."""
    sealers: tuple[str, ...] = ()
    """`d=` of each ARC-Seal, oldest first; believed only on a pass."""
    results: tuple[bytes, ...] = ()
    """On a pass, what each set's ARC-Authentication-Results says behind its instance number, oldest first."""
    oldest_pass: int | None = None
    """The lowest instance whose ARC-Message-Signature still verifies, 0 for all (RFC 8617 section 5.2)."""
    detail: str = ""
    """For people: what exactly was wrong, and in which field."""
