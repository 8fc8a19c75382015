"""Keys that everybody knows (RFC 8463 appendix A.1), a zone for them, and a signer that writes any tag list."""

from __future__ import annotations

import base64
import hashlib

from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import BodyHashes, BodySpec, Canonicalization, Header
from inalign.dkim.result import DkimResult
from inalign.dkim.sign import SigningKey
from inalign.dkim.verify import verify_dkim
from inalign.mail.fields import parse_message
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


def sign_as(tags: str, text: bytes = PLAIN, key: SigningKey = RSA) -> bytes:
    """The message with a DKIM-Signature of exactly these tags on top.

    In `tags` the words {bh} and {b} stand for the values that are made here. `c=` and `l=` are those of `relaxed` or
    `simple` as written, and `h=` what is written, so that every odd list can be signed rightly.
    """
    parts = parse_message(text)
    values = {
        name.strip(): value.strip()
        for name, _, value in (tag.partition("=") for tag in tags.replace("\r\n", "").split(";"))
    }
    header_form, _, body_form = values.get("c", "simple").partition("/")
    length = int(values["l"]) if "l" in values else None
    spec = BodySpec(Canonicalization(body_form or "simple"), HashAlgorithm.SHA256, length)
    hashes = BodyHashes([spec])
    hashes.update(parts.body)
    tags = tags.replace("{bh}", base64.b64encode(hashes.digests()[spec].digest).decode("ascii"))
    names = [name.strip().lower().encode() for name in values["h"].split(":")]
    own = parse_message(f"DKIM-Signature: {tags.replace('{b}', '')}\r\n".encode()).fields[0]
    octets = Header((own, *parts.fields)).signed_octets(names, Canonicalization(header_form), 0)
    value = base64.b64encode(key.private_key.sign(hashlib.sha256(octets).digest())).decode("ascii")
    return f"DKIM-Signature: {tags.replace('{b}', value)}\r\n".encode() + text


def verify(text: bytes, names: dict[str, dict[str, object]] | None = None) -> tuple[DkimResult, ...]:
    """The results by the zone of the keys above, or by another one."""
    return run_now(verify_dkim(text, zone(ZONE if names is None else names), now=NOW))


def verify_one(text: bytes, names: dict[str, dict[str, object]] | None = None) -> DkimResult:
    """The result of the only signature."""
    (result,) = verify(text, names)
    return result
