"""The domains that send in the tests: keys made anew each session, what their DNS says, and messages signed by dkimpy.

The signatures come from another implementation, so that a misreading of DKIM in ours cannot pass its own test.

    reject.example      SPF, both kinds of keys, p=reject
    quarantine.example  the same with p=quarantine
    testing.example     the same with p=reject and t=y
    open.example        keys alone: no SPF, no DMARC
    long.example        an SPF record and a key that no UDP answer holds
    broken.example      its name server fails (SERVFAIL)
    silent.example      its name server never answers
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import dkim

Zone = Mapping[str, Mapping[str, object]]

CLIENT_IP = "192.0.2.7"
"""Inside the SPF records."""
CLIENT_IP_6 = "2001:db8::7"
"""Inside, too."""
LOOPBACK_IP = "127.0.2.7"
"""How a server without XCLIENT sees the same client."""
STRANGER_IP = "203.0.113.99"
"""Outside."""
SPF = "v=spf1 ip4:192.0.2.0/24 ip4:127.0.2.0/24 ip6:2001:db8::/32 ip6:::1 -all"
POLICIES = {
    "reject.example": "v=DMARC1; p=reject",
    "quarantine.example": "v=DMARC1; p=quarantine",
    "testing.example": "v=DMARC1; p=reject; t=y",
}
KEY_ONLY = "open.example"
LONG = "long.example"
BROKEN = "broken.example"
SILENT = "silent.example"
_SILENT_TOO = [f"silent{number}.example" for number in range(12)]
_unasked = iter(_SILENT_TOO)


def fresh_silent() -> str:
    """A silent domain that nobody has asked about, since that it is silent is remembered for a while."""
    return next(_unasked)


Algorithm = Literal["rsa", "ed25519"]
"""The name of the selector, too."""


def message(
    author: str | None = "ann@reject.example",
    *,
    fields: Sequence[bytes] = (),
    body: bytes = b"Hello Bob,\r\n\r\nthis is signed.\r\n",
) -> bytes:
    """A complete message; `fields` stand above its own."""
    own = [
        b"Subject: a  subject\r\n\twith a fold",
        b"To: Bob <bob@example.net>",
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000",
        b"Message-ID: <20261124.1@reject.example>",
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
    ]
    if author is not None:
        own.insert(0, f"From: {author}".encode())
    return b"\r\n".join([*fields, *own]) + b"\r\n\r\n" + body


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Senders:
    """One RSA and one Ed25519 key for all domains."""

    rsa_key: rsa.RSAPrivateKey = field(default_factory=_rsa_key)
    ed25519_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    def zone(self) -> Zone:
        """All that DNS says, in the JSON form of `inalign verify --zone`."""
        names: dict[str, dict[str, object]] = {
            "mail.example.org": {"A": [CLIENT_IP, LOOPBACK_IP], "AAAA": [CLIENT_IP_6], "TXT": [SPF]},
            "7.2.0.192.in-addr.arpa": {"PTR": ["mail.example.org"]},
            "7.2.0.127.in-addr.arpa": {"PTR": ["mail.example.org"]},
            BROKEN: {"error": "servfail"},
            **{domain: {"error": "timeout"} for domain in (SILENT, *_SILENT_TOO)},
        }
        for domain, policy in POLICIES.items():
            names[domain] = {"TXT": [SPF]}
            names[f"_dmarc.{domain}"] = {"TXT": [policy]}
        for domain in (*POLICIES, KEY_ONLY):
            names[f"rsa._domainkey.{domain}"] = {"TXT": [f"v=DKIM1; k=rsa; p={self._rsa_public()}"]}
            names[f"ed25519._domainkey.{domain}"] = {"TXT": [f"v=DKIM1; k=ed25519; p={self._ed25519_public()}"]}
        filler = " ".join(f"ip6:2001:db8:{n:x}::/48" for n in range(1, 90))
        names[LONG] = {"TXT": [f"v=spf1 {filler} ip4:{CLIENT_IP} ip4:{LOOPBACK_IP} -all"]}
        names[f"rsa._domainkey.{LONG}"] = {"TXT": [f"v=DKIM1; n={'note ' * 500}; k=rsa; p={self._rsa_public()}"]}
        for domain, error in ((BROKEN, "servfail"), *((domain, "timeout") for domain in (SILENT, *_SILENT_TOO))):
            for label in ("_dmarc", "rsa._domainkey"):
                names[f"{label}.{domain}"] = {"error": error}
        return names

    def signed(
        self,
        message: bytes,
        domain: str = "reject.example",
        algorithm: Algorithm = "rsa",
        *,
        canonicalization: str = "relaxed/relaxed",
        length: bool = False,
        names: Sequence[str] | None = None,
    ) -> bytes:
        """The message with one more DKIM-Signature on top, over these fields or all that dkimpy finds worth it."""
        header, _, body = canonicalization.encode().partition(b"/")
        signature: bytes = dkim.sign(
            message,
            algorithm.encode(),
            domain.encode(),
            self._private(algorithm),
            canonicalize=(header, body),
            signature_algorithm=f"{algorithm}-sha256".encode(),
            include_headers=None if names is None else [name.encode() for name in names],
            length=length,
        )
        return signature + message

    def sealed(self, message: bytes, domain: str = KEY_ONLY) -> bytes:
        """The message with one more ARC set on top, by a forwarder that had found its results under that domain."""
        lines: list[bytes] = dkim.arc_sign(message, b"rsa", domain.encode(), self._private("rsa"), domain.encode())
        return b"".join(lines) + message

    def chain_for_dkimpy(self, text: bytes) -> str:
        """What dkimpy says of the chain of a message."""
        keys: dict[bytes, bytes] = {}
        for name, entry in self.zone().items():
            texts = entry.get("TXT")
            if isinstance(texts, list):
                keys[f"{name}.".encode()] = str(texts[0]).encode()
        found, _, detail = dkim.arc_verify(text, dnsfunc=lambda name, timeout=5: keys.get(name))
        return f"{found.decode()} {detail}"

    def private_key_file(self, algorithm: Algorithm) -> bytes:
        """A key as a file of ours may hold it."""
        key = self.rsa_key if algorithm == "rsa" else self.ed25519_key
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _private(self, algorithm: Algorithm) -> bytes:
        if algorithm == "rsa":
            return self.rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return base64.b64encode(self.ed25519_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))

    def _rsa_public(self) -> str:
        key = self.rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(key).decode()

    def _ed25519_public(self) -> str:
        key = self.ed25519_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(key).decode()
