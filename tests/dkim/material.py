"""Keys that everybody knows (RFC 8463 appendix A.1), a zone for them, and a signer that writes any tag list."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import BodyHashes, BodySpec, Canonicalization, Header
from inalign.dkim.result import DkimResult
from inalign.dkim.sign import SigningKey
from inalign.dkim.verify import verify_dkim
from inalign.mail.fields import parse_message
from inalign.mail.tag_list import parse_tag_list
from tests.helpers import NOW, message, run_now, zone

RSA_PEM = b"""-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
"""
ED25519_SEED = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

RSA = SigningKey.load("example.com", "rsa", RSA_PEM)
ED25519 = SigningKey.load("example.com", "ed", ED25519_SEED)

ZONE: dict[str, dict[str, object]] = {key.key_name: {"TXT": [key.key_record()]} for key in (RSA, ED25519)}

PLAIN = message("""
From: Author <author@example.com>
To: reader@example.net
Subject: greetings
Date: Tue, 24 Nov 2026 11:59:00 +0000

Hello.
Good bye.
""")


def sign_as(
    tags: str, text: bytes = PLAIN, key: SigningKey = RSA, *, before: str = " ", meant: str | None = None
) -> bytes:
    """The message with a DKIM-Signature of exactly these tags on top, `before` between its colon and them.

    In `tags` the words {bh} and {b} stand for the values that are made here. `a=`, `c=`, `l=` and `h=` are obeyed as
    they are written, so that every odd list can be signed rightly; or as in `meant`, where the tags are no list at all.
    """
    parts = parse_message(text)
    values = parse_tag_list((meant or tags).encode("utf-8", "surrogateescape"))
    header_form, _, body_form = values.get("c", "simple").partition("/")
    hash_algorithm = HashAlgorithm(values.get("a", "rsa-sha256").lower().partition("-")[2])
    length = int(values["l"]) if "l" in values else None
    spec = BodySpec(Canonicalization(body_form or "simple"), hash_algorithm, length)
    hashes = BodyHashes([spec])
    hashes.update(parts.body)
    tags = tags.replace("{bh}", base64.b64encode(hashes.digests()[spec].digest).decode("ascii"))
    names = [name.strip().lower().encode() for name in values["h"].split(":")]
    written = f"DKIM-Signature:{before}{tags}\r\n".encode("utf-8", "surrogateescape")
    own = parse_message(written.replace(b"{b}", b"")).fields[0]
    octets = Header((own, *parts.fields)).signed_octets(names, Canonicalization(header_form), 0)
    signature = base64.b64encode(_sign(octets, hash_algorithm, key))
    return written.replace(b"{b}", signature) + text


def _sign(octets: bytes, hash_algorithm: HashAlgorithm, key: SigningKey) -> bytes:
    if hash_algorithm is HashAlgorithm.SHA1:  # which ours does not make
        private_key = load_pem_private_key(RSA_PEM, None)
        assert isinstance(private_key, RSAPrivateKey)
        return private_key.sign(octets, PKCS1v15(), SHA1())  # noqa: S303 - the obsolete algorithm is the question
    return key.private_key.sign(hashlib.sha256(octets).digest())


def verify(
    text: bytes, names: dict[str, dict[str, object]] | None = None, *, now: datetime = NOW
) -> tuple[DkimResult, ...]:
    """The results by the zone of the keys above, or by another one. Who signs by the clock of the machine is verified
    by it, too."""
    return run_now(verify_dkim(text, zone(ZONE if names is None else names), now=now))


def verify_one(text: bytes, names: dict[str, dict[str, object]] | None = None) -> DkimResult:
    """The result of the only signature."""
    (result,) = verify(text, names)
    return result
