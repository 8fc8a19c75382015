"""How the keys at a name judge a signature (RFC 6376 section 6.1.2)."""

from __future__ import annotations

import hashlib

import pytest

from inalign.dkim.algorithm import ED25519_SHA256, RSA_SHA256
from inalign.dkim.result import DkimReason
from inalign.dkim.verify_key import KeyRules, Proof, SignatureToVerify, prove
from inalign.resolver import Answer, Outcome
from tests.dkim.material import ED25519, RSA

DIGEST = hashlib.sha256(b"header").digest()
CLAIM = SignatureToVerify(RSA_SHA256, RSA.private_key.sign(DIGEST), DIGEST)
FORGED = SignatureToVerify(RSA_SHA256, bytes(128), DIGEST)
GOOD = RSA.key_record()
OTHER = ED25519.key_record()
RULES = KeyRules()


def judge(claim: SignatureToVerify, *records: str, rules: KeyRules = RULES) -> Proof:
    return prove(claim, Answer(Outcome.FOUND, tuple(record.encode() for record in records)), rules)


def test_the_key_proves_the_signature() -> None:
    proof = judge(CLAIM, GOOD)
    assert proof.reason is DkimReason.VALID
    assert proof.record is not None


def test_the_ed25519_key_proves_its_own() -> None:
    claim = SignatureToVerify(ED25519_SHA256, ED25519.private_key.sign(DIGEST), DIGEST)
    assert judge(claim, OTHER).reason is DkimReason.VALID
    assert judge(claim, GOOD).reason is DkimReason.KEY_TYPE_MISMATCH


@pytest.mark.parametrize("octets", [b"", b"\0", bytes(127), bytes(128), bytes(64), b"\xff" * 128, bytes(1000)])
def test_a_wrong_signature_of_any_length_is_refuted(octets: bytes) -> None:
    assert judge(SignatureToVerify(RSA_SHA256, octets, DIGEST), GOOD).reason is DkimReason.SIGNATURE_MISMATCH
    assert judge(SignatureToVerify(ED25519_SHA256, octets, DIGEST), OTHER).reason is DkimReason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("outcome", [Outcome.NODATA, Outcome.NXDOMAIN])
def test_no_record_is_no_key(outcome: Outcome) -> None:
    assert prove(CLAIM, Answer(outcome), RULES).reason is DkimReason.NO_KEY


def test_no_answer_is_not_a_missing_key() -> None:
    proof = prove(CLAIM, Answer(Outcome.FAILED, detail="SERVFAIL"), RULES)
    assert proof.reason is DkimReason.DNS_FAILED
    assert "SERVFAIL" in proof.detail


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (GOOD + "; s=chat", DkimReason.KEY_SERVICE_MISMATCH),
        (GOOD + "; s=tlsrpt", DkimReason.KEY_SERVICE_MISMATCH),
        (GOOD + "; s=chat:email", DkimReason.VALID),
        (GOOD + "; s=chat:*", DkimReason.VALID),
        (GOOD + "; h=sha1", DkimReason.KEY_HASH_MISMATCH),
        (GOOD + "; h=bad:sha256", DkimReason.VALID),
        (GOOD + "; h=", DkimReason.KEY_HASH_MISMATCH),
        ("v=DKIM1; p=", DkimReason.KEY_REVOKED),
        ("v=DKIM1; k=foobar; p=AAAA", DkimReason.KEY_TYPE_MISMATCH),
        ("v=DKIM1; k=foobar; p=", DkimReason.KEY_REVOKED),
        (OTHER, DkimReason.KEY_TYPE_MISMATCH),
        ("v=spf1 -all", DkimReason.NO_KEY),
        ("hello", DkimReason.KEY_SYNTAX),
    ],
)
def test_a_record_that_does_or_does_not_fit(record: str, reason: DkimReason) -> None:
    assert judge(CLAIM, record).reason is reason


def test_service_types_are_an_argument() -> None:
    # RFC 8460 section 3
    assert judge(CLAIM, GOOD + "; s=tlsrpt", rules=KeyRules(services={"email", "tlsrpt"})).reason is DkimReason.VALID


def test_strict_key_refuses_a_subdomain_identity() -> None:
    below = SignatureToVerify(CLAIM.algorithm, CLAIM.signature, CLAIM.digest, is_subdomain_identity=True)
    assert judge(below, GOOD + "; t=s").reason is DkimReason.IDENTITY_MISMATCH
    assert judge(below, GOOD + "; t=y").reason is DkimReason.VALID
    assert judge(CLAIM, GOOD + "; t=s").reason is DkimReason.VALID


def test_size_of_an_rsa_key_has_two_ends() -> None:
    # RFC 8301 section 3.2
    assert judge(CLAIM, GOOD, rules=KeyRules(min_rsa_bits=1025)).reason is DkimReason.KEY_TOO_SHORT
    assert judge(CLAIM, GOOD, rules=KeyRules(max_rsa_bits=1023)).reason is DkimReason.KEY_TOO_LONG
    assert judge(CLAIM, GOOD, rules=KeyRules(min_rsa_bits=1024, max_rsa_bits=1024)).reason is DkimReason.VALID


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([OTHER, GOOD], DkimReason.VALID),
        ([GOOD, OTHER], DkimReason.VALID),
        (["v=spf1 -all", "hello", GOOD], DkimReason.VALID),
        (["v=spf1 -all", "v=DKIM1; p="], DkimReason.KEY_REVOKED),
        (["v=DKIM1; p=", OTHER], DkimReason.KEY_REVOKED),
        (["v=spf1 -all", "v=DMARC1; p=none"], DkimReason.NO_KEY),
    ],
)
def test_of_several_records_one_that_proves_decides(records: list[str], reason: DkimReason) -> None:
    assert judge(CLAIM, *records).reason is reason


def test_a_refutation_tells_more_than_a_record_that_does_not_fit() -> None:
    assert judge(FORGED, "v=DKIM1; p=", OTHER, GOOD).reason is DkimReason.SIGNATURE_MISMATCH


def test_only_the_first_records_are_tried() -> None:
    assert judge(CLAIM, *["v=spf1 -all"] * RULES.max_records, GOOD).reason is DkimReason.NO_KEY
