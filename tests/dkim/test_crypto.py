"""Keys in files and keys in DNS."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from inalign.dkim.algorithm import HashAlgorithm, KeyType
from inalign.dkim.crypto import (
    KeyDataError,
    PrivateKey,
    PublicKey,
    generate_private_key,
    load_ed25519_public_key,
    load_private_key,
    load_rsa_public_key,
)
from tests.dkim.material import ED25519, ED25519_SEED, RSA, RSA_PEM

DIGEST = hashlib.sha256(b"x").digest()


@pytest.mark.parametrize("key", [RSA.private_key, ED25519.private_key], ids=["rsa", "ed25519"])
def test_key_survives_its_file(key: PrivateKey) -> None:
    again = load_private_key(key.to_pem())
    assert again.public_octets() == key.public_octets()
    assert (again.key_type, again.bits) == (key.key_type, key.bits)


def test_signature_is_verified_by_the_public_half_alone() -> None:
    rsa_key = load_rsa_public_key(RSA.private_key.public_octets())
    ed_key = load_ed25519_public_key(ED25519.private_key.public_octets())
    for private, public, other in ((RSA.private_key, rsa_key, ed_key), (ED25519.private_key, ed_key, rsa_key)):
        signature = private.sign(DIGEST)
        assert public.verifies(signature, DIGEST, HashAlgorithm.SHA256)
        assert not public.verifies(signature, hashlib.sha256(b"y").digest(), HashAlgorithm.SHA256)
        assert not other.verifies(signature, DIGEST, HashAlgorithm.SHA256)


def test_a_digest_of_the_wrong_size_is_a_mismatch() -> None:
    key = load_rsa_public_key(RSA.private_key.public_octets())
    assert not key.verifies(RSA.private_key.sign(DIGEST), b"short", HashAlgorithm.SHA256)


def test_generated_keys() -> None:
    assert generate_private_key(KeyType.RSA, bits=1024).bits == 1024
    assert generate_private_key(KeyType.ED25519).bits == 256


def test_seed_of_rfc_8463() -> None:
    public = ED25519.private_key.public_octets()
    assert base64.b64encode(public) == b"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    assert load_private_key(ED25519_SEED + b"\n").public_octets() == public


def test_repr_shows_no_key() -> None:
    assert "Private" in repr(RSA.private_key)
    assert "_key" not in repr(RSA.private_key)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"junk",
        b"AAAA",
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        RSA_PEM[:400],
        RSA.private_key.to_pem().replace(b"PRIVATE", b"PUBLIC"),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ),
    ],
)
def test_what_is_no_private_key(octets: bytes) -> None:
    with pytest.raises(KeyDataError):
        load_private_key(octets)


@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in KeyType for form in ("pem", "der", "base64 of der")] + [(KeyType.RSA, "pkcs1")],
)
def test_private_key_in_every_form_that_tools_write(kind: KeyType, form: str) -> None:
    key = generate_private_key(kind)
    octets = key.to_pem()
    if form != "pem":
        octets = key._key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL if form == "pkcs1" else serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    if form == "base64 of der":
        octets = base64.encodebytes(octets)
    again = load_private_key(octets)
    assert (again.key_type, again.public_octets()) == (kind, key.public_octets())


def test_encrypted_key_needs_its_passphrase() -> None:
    octets = RSA.private_key.to_pem(b"secret")
    assert load_private_key(octets, b"secret").public_octets() == RSA.private_key.public_octets()
    with pytest.raises(KeyDataError, match="no passphrase is given"):
        load_private_key(octets)
    with pytest.raises(KeyDataError, match="does not open it"):
        load_private_key(octets, b"other")
    assert load_private_key(RSA_PEM, b"secret").bits == 1024  # not used for a key that is not encrypted


def test_key_whose_numbers_do_not_fit_is_refused() -> None:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    other = rsa.generate_private_key(65537, 2048).private_numbers()
    broken = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, other.d, numbers.dmp1, other.dmq1, numbers.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    octets = broken.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(KeyDataError, match="damaged"):
        load_private_key(octets)


def test_what_is_no_rsa_key() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = curve.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for octets in (b"", b"\x30", bytes(200), RSA.private_key.public_octets()[:-1], der):
        with pytest.raises(KeyDataError):
            load_rsa_public_key(octets)


def test_what_is_no_ed25519_key() -> None:
    for octets in (b"", bytes(31), bytes(33)):
        with pytest.raises(KeyDataError):
            load_ed25519_public_key(octets)


def test_exponent_has_an_end() -> None:
    def loaded(exponent: int) -> PublicKey:
        key = rsa.RSAPublicNumbers(exponent, (1 << 1024) - 1).public_key()
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return load_rsa_public_key(der)

    assert loaded(3).bits == loaded((1 << 64) - 1).bits == 1024
    with pytest.raises(KeyDataError, match="exponent"):
        loaded((1 << 64) + 1)
