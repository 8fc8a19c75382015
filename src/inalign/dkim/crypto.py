"""Keys and signatures: the only file that imports `cryptography`.

RSASSA-PKCS1-v1_5 (RFC 6376 section 3.3) and Ed25519 (RFC 8463 section 3), always over a hash that is at hand already.
Every exception of the foreign library ends here.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography import __version__
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from inalign.dkim.algorithm import HashAlgorithm, KeyType
from inalign.errors import ParseError

# OpenSSL's own limit for keys over 3072 bits; a longer exponent costs as much as a signature and serves nobody.
MAX_RSA_EXPONENT_BITS = 64
ED25519_KEY_OCTETS = 32  # RFC 8463 section 4.2
ED25519_BITS = 256
_DER_SEQUENCE = b"\x30"

_PADDING = padding.PKCS1v15()
_PREHASHED = {
    HashAlgorithm.SHA1: Prehashed(hashes.SHA1()),  # noqa: S303 - only the legacy switch of a verifier comes here
    HashAlgorithm.SHA256: Prehashed(hashes.SHA256()),
}


def library_version() -> str:
    """Who does the arithmetic here: the library, and the OpenSSL that it brings along or finds."""
    return f"cryptography {__version__}, {backend.openssl_version_text()}"


class KeyDataError(ParseError):
    """The octets are no key of the type they should be."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that can judge signatures."""

    key_type: KeyType
    bits: int
    _key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey

    def verifies(self, signature: bytes, digest: bytes, hash_algorithm: HashAlgorithm) -> bool:
        """Whether `signature` was made over `digest` with the private half of this key."""
        try:
            if isinstance(self._key, rsa.RSAPublicKey):
                self._key.verify(signature, digest, _PADDING, _PREHASHED[hash_algorithm])
            else:
                # RFC 8463 section 3: the message that Ed25519 signs is the SHA-256 hash
                self._key.verify(signature, digest)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def load_rsa_public_key(octets: bytes) -> PublicKey:
    """Read DER: SubjectPublicKeyInfo, which is what the world publishes, or the RSAPublicKey of RFC 6376 section 3.6.1.

    Raises `KeyDataError`.
    """
    try:
        key = serialization.load_der_public_key(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise KeyDataError(f"the key is no DER-encoded RSA public key: {problem}") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyDataError("the key is not an RSA key")
    if key.public_numbers().e.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise KeyDataError(f"the exponent of the key has more than {MAX_RSA_EXPONENT_BITS} bits")
    return PublicKey(KeyType.RSA, key.key_size, key)


def load_ed25519_public_key(octets: bytes) -> PublicKey:
    """Read the raw 32 octets, without an ASN.1 wrapping (RFC 8463 section 4.2). Raises `KeyDataError`."""
    if len(octets) != ED25519_KEY_OCTETS:
        raise KeyDataError(f"an Ed25519 key has 32 octets, not {len(octets)} (RFC 8463 section 4.2)")
    try:
        return PublicKey(KeyType.ED25519, ED25519_BITS, ed25519.Ed25519PublicKey.from_public_bytes(octets))
    except UnsupportedAlgorithm:  # an OpenSSL that was built without it
        raise KeyDataError("this system cannot work with Ed25519") from None


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A private key that can sign. Its repr tells nothing."""

    key_type: KeyType
    bits: int
    _key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

    def sign(self, digest: bytes) -> bytes:
        """The signature over a SHA-256 digest."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(digest, _PADDING, _PREHASHED[HashAlgorithm.SHA256])
        return self._key.sign(digest)

    def public_octets(self) -> bytes:
        """The public half as a key record's `p=` holds it before base64."""
        public = self._key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return public.public_bytes_raw()
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def public_text(self) -> str:
        """The public half as `p=` of a key record holds it."""
        return base64.b64encode(self.public_octets()).decode("ascii")

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """The key as PKCS #8 PEM, encrypted where a passphrase is given, for a file that only the signer can read."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(passphrase)
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def load_private_key(octets: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """Read a key: PEM (PKCS #8, or PKCS #1 for RSA), DER of the same, base64 of DER, or of a raw Ed25519 seed.

    `passphrase` opens a key that is encrypted, and is not used for another. The numbers of an RSA key are not proven
    to be primes, which takes a hundred times as long as to read them; instead one signature is made and verified.
    Raises `KeyDataError`; its text never holds key material.
    """
    if b"-----BEGIN" not in octets and not octets.startswith(_DER_SEQUENCE):
        octets = _from_base64(octets)
        if len(octets) == ED25519_KEY_OCTETS:
            return PrivateKey(KeyType.ED25519, ED25519_BITS, ed25519.Ed25519PrivateKey.from_private_bytes(octets))
    key = _read_private_key(octets, passphrase)
    if isinstance(key, rsa.RSAPrivateKey):
        return _proven(PrivateKey(KeyType.RSA, key.key_size, key))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return PrivateKey(KeyType.ED25519, ED25519_BITS, key)
    raise KeyDataError("the private key is neither RSA nor Ed25519, which is all that DKIM knows")


def _read_private_key(octets: bytes, passphrase: bytes | None) -> object:
    load = serialization.load_der_private_key
    if b"-----BEGIN" in octets:
        load = serialization.load_pem_private_key
    try:
        return load(octets, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # how the library says that it is encrypted
        if passphrase is None:
            raise KeyDataError("the private key is encrypted, and no passphrase is given") from None
    except (ValueError, UnsupportedAlgorithm, InternalError):  # the last for a seed of a wrong length
        raise KeyDataError("this is no private key in PEM or DER") from None
    try:
        return load(octets, passphrase, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        raise KeyDataError("the private key is encrypted, and the passphrase does not open it") from None


def _from_base64(octets: bytes) -> bytes:
    try:
        decoded = base64.b64decode(b"".join(octets.split()), validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) != ED25519_KEY_OCTETS and not decoded.startswith(_DER_SEQUENCE):
        raise KeyDataError("this is neither PEM nor DER nor the base64 of an Ed25519 seed")
    return decoded


def _proven(key: PrivateKey) -> PrivateKey:
    """The key, whose halves belong together: numbers that do not would make signatures that nobody accepts."""
    digest = bytes(32)
    try:
        is_sound = load_rsa_public_key(key.public_octets()).verifies(key.sign(digest), digest, HashAlgorithm.SHA256)
    except ValueError:  # a key too short for the signature, or numbers that OpenSSL cannot work with
        is_sound = False
    if not is_sound:
        raise KeyDataError("the private key is damaged: what it signs does not verify")
    return key


def generate_private_key(key_type: KeyType, *, bits: int = 2048) -> PrivateKey:
    """A new key from the randomness of the system; `bits` counts for RSA alone (RFC 8301 section 3.2)."""
    if key_type is KeyType.ED25519:
        return PrivateKey(key_type, ED25519_BITS, ed25519.Ed25519PrivateKey.generate())
    return PrivateKey(key_type, bits, rsa.generate_private_key(public_exponent=65537, key_size=bits))
