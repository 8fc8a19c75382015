"""The key record (RFC 6376 section 3.6.1, RFC 8463 section 4)."""

from __future__ import annotations

import base64

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.dkim.key import MAX_RECORD_OCTETS, KeyRecord, KeyRecordError, parse_key
from inalign.dkim.result import DkimReason
from tests.dkim.material import ED25519, RSA

RSA_P = base64.b64encode(RSA.private_key.public_octets()).decode()
ED_P = base64.b64encode(ED25519.private_key.public_octets()).decode()
# The same RSA key without the algorithm around it: what RFC 6376 section 3.6.1 describes to the letter
PKCS1_P = base64.b64encode(RSA.private_key.public_octets()[22:]).decode()


def parse(text: str) -> KeyRecord:
    return parse_key(text.encode("utf-8", "surrogateescape"))


def test_defaults() -> None:
    record = parse(f"p={RSA_P}")
    assert record.key_type == "rsa"
    assert record.public_key is not None
    assert (record.public_key.key_type, record.public_key.bits) == (KeyType.RSA, 1024)
    assert record.hashes is None
    assert record.services == {"*"}
    assert (record.is_testing, record.is_strict, record.is_revoked) == (False, False, False)


def test_all_tags() -> None:
    record = parse(f" v = DKIM1 ; k=RSA; h=sha1 : SHA256; s= email:tlsrpt ; t=y:s:new; g=x*; n=a; zz=1; p={RSA_P};")
    assert record.hashes == frozenset({"sha1", "sha256"})
    assert record.services == {"email", "tlsrpt"}
    assert record.is_testing
    assert record.is_strict


def test_rsa_key_in_either_wrapping() -> None:
    assert parse(f"p={PKCS1_P}").public_key is not None
    assert parse(f"p={RSA_P}").public_key is not None


def test_ed25519_key_is_raw() -> None:
    record = parse(f"k=ed25519; p={ED_P}")
    assert record.public_key is not None
    assert record.public_key.bits == 256


def test_blanks_in_p_and_line_ends_of_zone_editors_are_ignored() -> None:
    spread = RSA_P[:20] + " \t" + RSA_P[20:64] + "\r\n" + RSA_P[64:70] + "\n" + RSA_P[70:]

    assert parse(f"v=DKIM1; p={spread}\n").public_key is not None


@pytest.mark.parametrize("text", ["p=", "v=DKIM1; p=", "k=rsa; p= ;", "k=ed25519; p=", "k=new; p="])
def test_empty_p_is_a_revoked_key(text: str) -> None:
    record = parse(text)
    assert record.is_revoked
    assert record.public_key is None


def test_key_type_that_nobody_knows() -> None:
    record = parse("k=dilithium; p=AAAA")
    assert (record.key_type, record.public_key, record.is_revoked) == ("dilithium", None, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", DkimReason.KEY_SYNTAX),
        ("v=spf1 -all", DkimReason.NO_KEY),
        ("v=DMARC1; p=none", DkimReason.NO_KEY),
        (f"v=DKIM2; p={RSA_P}", DkimReason.NO_KEY),
        (f"v=dkim1; p={RSA_P}", DkimReason.NO_KEY),
        (f"v=DKIM1.0; p={RSA_P}", DkimReason.NO_KEY),
        (f"v=; p={RSA_P}", DkimReason.NO_KEY),
        (f"k=rsa; v=DKIM1; p={RSA_P}", DkimReason.KEY_SYNTAX),
        ("google-site-verification=abc", DkimReason.KEY_SYNTAX),
        ("some words", DkimReason.KEY_SYNTAX),
        ("v=DKIM1; k=rsa", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; p={RSA_P}; p={RSA_P}", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; t; p={RSA_P}", DkimReason.KEY_SYNTAX),
        (f'"v=DKIM1; p={RSA_P}"', DkimReason.KEY_SYNTAX),
        ("v=DKIM1; p=****", DkimReason.KEY_SYNTAX),
        ("v=DKIM1; p=AAAA", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; p={RSA_P[:-40]}", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; k=rsa; p={ED_P}", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; k=ed25519; p={RSA_P}", DkimReason.KEY_SYNTAX),
        # RFC 8463 section 4.2: the raw key, not SubjectPublicKeyInfo
        ("v=DKIM1; k=ed25519; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", DkimReason.KEY_SYNTAX),
        # an Ed25519 key in SubjectPublicKeyInfo is no RSA key
        ("v=DKIM1; k=rsa; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; p={RSA_P}; n={'x' * MAX_RECORD_OCTETS}", DkimReason.KEY_SYNTAX),
        (f"v=DKIM1; n=\x00; p={RSA_P}", DkimReason.KEY_SYNTAX),
    ],
)
def test_refused(text: str, reason: DkimReason) -> None:
    with pytest.raises(KeyRecordError) as caught:
        parse(text)
    assert caught.value.reason is reason
