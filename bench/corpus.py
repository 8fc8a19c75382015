"""The messages, keys and DNS data of the benchmark.

    DIR/msgs/SET-NNN.eml     messages with CRLF
    DIR/SET.manifest         what `milterload -m` reads
    DIR/zone.json            the DNS data of the 64 domains, as `ZoneResolver.from_json` reads it
    DIR/unbound-local.conf   the same for unbound
    DIR/strangers.json       the DKIM records of the strangers (strangers.py)
    DIR/key.pem              the key of the first domain, for libraries that sign

64 domains, each with SPF by two includes, two DKIM keys and p=reject; everything passes. Sets: 1k, 10k, 100k, 1m, 50m
signed with RSA-2048; ed10k; dual10k with both; un10k unsigned; mix10k of 70 % RSA, 10 % Ed25519, 10 % both, 10 %
unsigned; strangers, each message from a domain of its own. All but the keys is the same at each making.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import dkim
import strangers
from messages import make_message

DOMAINS = 64
KEYS = 8
SIZES = {"1k": (1_000, 64), "10k": (10_000, 64), "100k": (100_000, 16), "1m": (1_000_000, 4), "50m": (50_000_000, 1)}
"""Octets of the body, and how many messages."""
SIGNED_FIELDS = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
PASS = ("dkim=pass", "spf=pass", "dmarc=pass")
UNSIGNED_PASS = ("spf=pass", "dmarc=pass")

Sign = Callable[[bytes, int], bytes]
Zone = dict[str, dict[str, list[object]]]


class Listed(NamedTuple):
    """One message of a set: a line of its manifest."""

    message: bytes
    client_ip: str
    helo: str
    mail_from: str
    expected: tuple[str, ...] = PASS


class Keys:
    """A pool of RSA keys and one Ed25519 key; domain n signs with RSA key n modulo the pool."""

    def __init__(self) -> None:
        self.rsa = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(KEYS)]
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()
        self.pem = [
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()) for key in self.rsa
        ]
        self._seed = base64.b64encode(self.ed25519.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))

    def sign_rsa(self, message: bytes, domain: int) -> bytes:
        return _sign(message, b"s1", domain_name(domain), self.pem[domain % KEYS], b"rsa-sha256")

    def sign_ed25519(self, message: bytes, domain: int) -> bytes:
        return _sign(message, b"e1", domain_name(domain), self._seed, b"ed25519-sha256")

    def sign_both(self, message: bytes, domain: int) -> bytes:
        return self.sign_rsa(self.sign_ed25519(message, domain), domain)

    def sign_stranger(self, message: bytes, number: int) -> bytes:
        return _sign(message, b"s1", strangers.domain_name(number), self.pem[number % KEYS], b"rsa-sha256")

    def rsa_record(self, domain: int) -> str:
        public = self.rsa[domain % KEYS].public_key()
        return f"v=DKIM1; k=rsa; p={_base64(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))}"

    def ed25519_record(self) -> str:
        public = self.ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={_base64(public)}"


def domain_name(number: int) -> str:
    # Under a real public suffix: opendmarc looks for an organizational domain nowhere else.
    return f"d{number:02d}.example.com"


def make(folder: Path) -> None:
    """Write the whole corpus into a folder, `complete` last."""
    (folder / "msgs").mkdir(parents=True, exist_ok=True)
    keys = Keys()
    zone = make_zone(keys)
    (folder / "zone.json").write_text(json.dumps(zone))
    (folder / "unbound-local.conf").write_text("".join(_unbound_lines(zone)))
    (folder / "strangers.json").write_text(json.dumps([keys.rsa_record(number) for number in range(KEYS)]))
    (folder / "key.pem").write_bytes(keys.pem[0])
    for label, (size, count) in SIZES.items():
        _write_set(folder, label, _signed(keys.sign_rsa, label, size, count))
    for label, choose in _sets_of_10k(keys).items():
        _write_set(folder, label, _chosen(choose, label))
    _write_set(folder, "strangers", _from_strangers(keys))
    (folder / "complete").touch()


def _signed(sign: Sign, label: str, size: int, count: int) -> Iterator[Listed]:
    chance = random.Random(label)
    for number in range(count):
        yield _listed(number, sign(make_message(chance, domain_name(number), number, size), number), PASS)


def _chosen(choose: Callable[[int], tuple[Sign, tuple[str, ...]]], label: str) -> Iterator[Listed]:
    chance = random.Random(label)
    for number in range(DOMAINS):
        sign, expected = choose(number)
        yield _listed(number, sign(make_message(chance, domain_name(number), number, 10_000), number), expected)


def _listed(number: int, message: bytes, expected: tuple[str, ...]) -> Listed:
    name = domain_name(number)
    return Listed(message, f"192.0.2.{number + 1}", f"mail.{name}", f"bounce+{number}@{name}", expected)


def _from_strangers(keys: Keys) -> Iterator[Listed]:
    chance = random.Random("strangers")
    for number in range(strangers.COUNT):
        name = strangers.domain_name(number)
        message = keys.sign_stranger(make_message(chance, name, number, 10_000), number)
        yield Listed(message, strangers.address(number), f"mail.{name}", f"bounce@{name}")


def _sets_of_10k(keys: Keys) -> dict[str, Callable[[int], tuple[Sign, tuple[str, ...]]]]:
    def unsigned(message: bytes, _: int) -> bytes:
        return message

    def mixed(number: int) -> tuple[Sign, tuple[str, ...]]:
        last = {7: keys.sign_ed25519, 8: keys.sign_both}.get(number % 10, keys.sign_rsa)
        return (unsigned, UNSIGNED_PASS) if number % 10 == 9 else (last, PASS)

    return {
        "ed10k": lambda _: (keys.sign_ed25519, PASS),
        "dual10k": lambda _: (keys.sign_both, PASS),
        "un10k": lambda _: (unsigned, UNSIGNED_PASS),
        "mix10k": mixed,
    }


def make_zone(keys: Keys) -> Zone:
    """All names of the 64 domains, in the JSON form of `inalign verify --zone`."""
    zone: Zone = {}
    for number in range(DOMAINS):
        name = domain_name(number)
        zone[f"s1._domainkey.{name}"] = {"TXT": [keys.rsa_record(number)]}
        zone[f"e1._domainkey.{name}"] = {"TXT": [keys.ed25519_record()]}
        zone[f"_dmarc.{name}"] = {"TXT": [f"v=DMARC1; p=reject; adkim=r; aspf=r; rua=mailto:agg@{name}; fo=1"]}
        zone[name] = {
            "TXT": [f"v=spf1 include:_spf1.{name} include:_spf2.{name} ~all", f"site-verification={number:032x}"],
            "MX": [[10, f"mail.{name}"]],
            "A": ["192.0.2.80"],
        }
        zone[f"_spf1.{name}"] = {"TXT": ["v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/25 ip6:2001:db8::/48 ~all"]}
        zone[f"_spf2.{name}"] = {"TXT": ["v=spf1 ip4:198.51.100.0/25 ip4:192.0.2.0/24 ~all"]}
        zone[f"mail.{name}"] = {"A": [f"192.0.2.{number + 1}"], "TXT": ["v=spf1 a -all"]}
        zone[f"{number + 1}.2.0.192.in-addr.arpa"] = {"PTR": [f"mail.{name}"]}
    return zone


def _sign(message: bytes, selector: bytes, domain: str, key: bytes, algorithm: bytes) -> bytes:
    signature: bytes = dkim.sign(
        message,
        selector,
        domain.encode(),
        key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=list(SIGNED_FIELDS),
        signature_algorithm=algorithm,
    )
    return signature + message


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _unbound_lines(zone: Zone) -> Iterator[str]:
    # The whole name space is static: what is not in it does not exist, and no query leaves the machine.
    yield '  local-zone: "." static\n'
    for name, types in zone.items():
        for kind, values in types.items():
            for value in values:
                yield f"  local-data: '{name}. 300 IN {kind} {_rdata(kind, value)}'\n"


def _rdata(kind: str, value: object) -> str:
    if kind == "TXT":
        text = str(value)
        return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
    if isinstance(value, list):
        return f"{value[0]} {value[1]}."
    return f"{value}." if kind == "PTR" else str(value)


def _write_set(folder: Path, label: str, messages: Iterator[Listed]) -> None:
    lines = []
    for number, each in enumerate(messages):
        path = folder / "msgs" / f"{label}-{number:03d}.eml"
        path.write_bytes(each.message)
        recipient = f"user{number}@rcpt.example.net"
        expected = ",".join(each.expected)
        columns = [str(path), each.client_ip, each.helo, each.helo, each.mail_from, recipient, expected]
        lines.append("\t".join(columns) + "\n")
    (folder / f"{label}.manifest").write_text("".join(lines))


def read_set(folder: Path, label: str) -> list[Listed]:
    """The messages of a set, as the library rows take them."""
    found = []
    for line in (folder / f"{label}.manifest").read_text().splitlines():
        path, client_ip, _, helo, mail_from, _, expected = line.split("\t")
        found.append(Listed(Path(path).read_bytes(), client_ip, helo, mail_from, tuple(expected.split(","))))
    return found
