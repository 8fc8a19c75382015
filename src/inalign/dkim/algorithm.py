"""Signing algorithms, a key type with a hash each (RFC 6376 section 3.3, RFC 8463 section 3).

`rsa-sha1` can be named, so that a signature made with it is recognised; RFC 8301 section 3.1 forbids its use.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class KeyType(StrEnum):
    """The first half of `a=`, and the `k=` of a key record."""

    RSA = "rsa"
    ED25519 = "ed25519"


class HashAlgorithm(StrEnum):
    """The second half of `a=`, and the `h=` of a key record. The values are names that hashlib knows."""

    SHA1 = "sha1"
    SHA256 = "sha256"


class Algorithm(NamedTuple):
    """The value of the `a=` tag, such as rsa-sha256."""

    key_type: KeyType
    hash: HashAlgorithm

    def __str__(self) -> str:
        return f"{self.key_type}-{self.hash}"


RSA_SHA1 = Algorithm(KeyType.RSA, HashAlgorithm.SHA1)
RSA_SHA256 = Algorithm(KeyType.RSA, HashAlgorithm.SHA256)
ED25519_SHA256 = Algorithm(KeyType.ED25519, HashAlgorithm.SHA256)

ALGORITHMS = {str(algorithm): algorithm for algorithm in (RSA_SHA1, RSA_SHA256, ED25519_SHA256)}
"""Every algorithm that DKIM has ever defined, by its name."""
