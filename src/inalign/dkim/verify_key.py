"""From the DNS answer for a key to a signature that is proven or refuted (RFC 6376 section 6.1.2 and 6.1.3).

DKIM and ARC share this: what they check differs, how a key judges a signature does not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from inalign.dkim.algorithm import Algorithm, KeyType
from inalign.dkim.key import KeyRecord, KeyRecordError, parse_key
from inalign.dkim.result import DkimReason
from inalign.resolver.interface import Answer, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRules:
    """What is demanded of a key."""

    services: Collection[str] = ("email",)
    """The service types that the user of the key stands for."""
    min_rsa_bits: int = 1024  # RFC 8301 section 3.2
    max_rsa_bits: int = 8192  # RFC 8301 section 3.2 asks for 4096; beyond 8192 a verification is an attack on our time
    max_records: int = 4  # RFC 6376 section 3.6.2.2: more than one is undefined, one for each key type is seen


class Proof(NamedTuple):
    """What the keys at a name say of a signature."""

    reason: DkimReason
    """VALID, SIGNATURE_MISMATCH, or why there was no key to judge by."""
    record: KeyRecord | None = None
    """The key that decided."""
    detail: str = ""


class SignatureToVerify(NamedTuple):
    """A signature over a hash, to be judged."""

    algorithm: Algorithm
    signature: bytes
    digest: bytes
    is_subdomain_identity: bool = False
    """Whether `i=` names a domain below `d=`."""


def prove(claim: SignatureToVerify, answer: Answer[bytes], rules: KeyRules) -> Proof:
    """Judge a claim by the keys that DNS gave.

    Of several records any that proves the signature decides; otherwise one that refutes it; otherwise the first.
    """
    if answer.outcome is Outcome.FAILED:
        return Proof(DkimReason.DNS_FAILED, detail=f"DNS gave no answer for the key: {answer.detail or 'no detail'}")
    best = Proof(DkimReason.NO_KEY, detail="there is no key record")  # RFC 6376 section 6.1.2 step 3
    for octets in answer.records[: rules.max_records]:
        proof = _prove_by_record(claim, octets, rules)
        if proof.reason is DkimReason.VALID:
            return proof
        if _rank(proof) > _rank(best):
            best = proof
    return best


def _rank(proof: Proof) -> int:
    """How much a proof tells: a refutation most, a record that is none of DKIM nothing."""
    if proof.reason is DkimReason.SIGNATURE_MISMATCH:
        return 2
    return 0 if proof.reason is DkimReason.NO_KEY else 1


def _prove_by_record(claim: SignatureToVerify, octets: bytes, rules: KeyRules) -> Proof:
    try:
        record = parse_key(octets)
    except KeyRecordError as problem:
        return Proof(problem.reason, detail=str(problem))
    misfit = _misfit(record, claim.algorithm, rules)
    if misfit is not None:
        return misfit
    if record.is_strict and claim.is_subdomain_identity:
        # RFC 6376 section 3.6.1: the flag "s"
        return Proof(DkimReason.IDENTITY_MISMATCH, record, "the key says t=s, and i= names a domain below d=")
    if record.public_key and record.public_key.verifies(claim.signature, claim.digest, claim.algorithm.hash):
        return Proof(DkimReason.VALID, record)
    return Proof(DkimReason.SIGNATURE_MISMATCH, record, "the signature does not match the header")


def _misfit(record: KeyRecord, algorithm: Algorithm, rules: KeyRules) -> Proof | None:
    """Why the key must not be used for this signature, if so; in the order of RFC 6376 section 6.1.2."""
    if "*" not in record.services and record.services.isdisjoint(rules.services):
        return Proof(DkimReason.KEY_SERVICE_MISMATCH, record, f"the key is for {_list(record.services)} only")
    if record.hashes is not None and algorithm.hash not in record.hashes:
        return Proof(DkimReason.KEY_HASH_MISMATCH, record, f"the key is for {_list(record.hashes)} only")
    if record.is_revoked:
        return Proof(DkimReason.KEY_REVOKED, record, "the key is revoked: its p= is empty")
    if record.key_type != algorithm.key_type:
        return Proof(
            DkimReason.KEY_TYPE_MISMATCH, record, f"the key is of type {record.key_type[:40]}, not {algorithm.key_type}"
        )
    bits = record.public_key.bits if record.public_key else 0
    if algorithm.key_type is KeyType.RSA and bits < rules.min_rsa_bits:
        # RFC 8301 section 3.2
        return Proof(DkimReason.KEY_TOO_SHORT, record, f"the key has {bits} bits, {rules.min_rsa_bits} is the least")
    if algorithm.key_type is KeyType.RSA and bits > rules.max_rsa_bits:
        return Proof(DkimReason.KEY_TOO_LONG, record, f"the key has {bits} bits, {rules.max_rsa_bits} is the most")
    return None


def _list(words: Collection[str]) -> str:
    return ", ".join(sorted(words))[:80]
