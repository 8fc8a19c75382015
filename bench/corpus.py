"""The messages, keys and DNS data of the benchmark.

    DIR/msgs/SET-NNN.eml     messages with CRLF
    DIR/SET.manifest         what `milterload -m` reads
    DIR/unbound-local.conf   the zone for unbound
    DIR/zone.json            the same for `ZoneResolver.from_json`

64 domains, each with SPF by two includes, two DKIM keys and p=reject; everything passes. Sets: 1k, 10k, 100k, 1m signed
with RSA-2048; ed10k; dual10k with both; un10k unsigned; mix10k of 70 % RSA, 10 % Ed25519, 10 % both, 10 % unsigned.
All but the keys is the same at each making.
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

DOMAINS = 64
KEYS = 8
SIZES = {"1k": (1_000, 64), "10k": (10_000, 64), "100k": (100_000, 16), "1m": (1_000_000, 4)}
"""Octets of the body, and how many messages."""
TEXT = (
    "the quarterly report shows that delivery of mail to large receivers depends on aligned authentication and a "
    "stable sending reputation while forwarding paths and mailing lists still break signatures now and then"
)
WORDS = TEXT.split()
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


class Case(NamedTuple):
    """One message of a set."""

    domain: int
    message: bytes
    expected: tuple[str, ...]


class Keys:
    """A pool of RSA keys and one Ed25519 key; domain n signs with RSA key n modulo the pool."""

    def __init__(self) -> None:
        self.rsa = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(KEYS)]
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()
        self._pem = [
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()) for key in self.rsa
        ]
        self._seed = base64.b64encode(self.ed25519.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))

    def sign_rsa(self, message: bytes, domain: int) -> bytes:
        return _sign(message, b"s1", domain, self._pem[domain % KEYS], b"rsa-sha256")

    def sign_ed25519(self, message: bytes, domain: int) -> bytes:
        return _sign(message, b"e1", domain, self._seed, b"ed25519-sha256")

    def sign_both(self, message: bytes, domain: int) -> bytes:
        return self.sign_rsa(self.sign_ed25519(message, domain), domain)

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
    for label, (size, count) in SIZES.items():
        chance = random.Random(label)
        cases = []
        for number in range(count):
            domain = number % DOMAINS
            cases.append(Case(domain, keys.sign_rsa(make_message(chance, domain, number, size), domain), PASS))
        _write_set(folder, label, cases)
    for label, choose in _sets_of_10k(keys).items():
        chance = random.Random(label)
        cases = []
        for number in range(DOMAINS):
            sign, expected = choose(number)
            cases.append(Case(number, sign(make_message(chance, number, number, 10_000), number), expected))
        _write_set(folder, label, cases)
    (folder / "complete").touch()


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


def make_zone(keys: Keys) -> dict[str, dict[str, list[object]]]:
    """All names of all domains, in the JSON form of `inalign verify --zone`."""
    zone: dict[str, dict[str, list[object]]] = {}
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


def make_message(chance: random.Random, domain: int, number: int, size: int) -> bytes:
    """A message of 16 fields and about that many octets of body, unsigned."""
    name = domain_name(domain)
    content_type, body = _body(chance, size)

    def hexadecimal(digits: int) -> str:
        return f"{chance.getrandbits(4 * digits):0{digits}x}"

    fields = [
        f"Received: from node{hop}.{name} (node{hop}.{name} [10.{domain}.{hop}.7])\r\n"
        f"\tby mx{hop}.{name} (Postfix) with ESMTPS id {hexadecimal(10).upper()}\r\n"
        f"\tfor <user{number}@rcpt.example.net>; Mon, {1 + number % 28} Jun 2026 10:{number % 60:02d}:0{hop} +0000"
        for hop in range(3)
    ]
    fields += [
        f"Date: Mon, {1 + number % 28} Jun 2026 10:{number % 60:02d}:00 +0000",
        f'From: "Sender Number {number}" <news{number}@{name}>',
        f"Reply-To: <reply+{hexadecimal(16)}@{name}>",
        f"To: =?utf-8?q?Recipient_{number}?= <user{number}@rcpt.example.net>",
        f"Subject: Quarterly report {number}: delivery  figures for\r\n {name} and what changed since spring",
        f"Message-ID: <{hexadecimal(24)}@{name}>",
        f"List-Unsubscribe: <https://{name}/u/{hexadecimal(40)}>,\r\n <mailto:unsub+{hexadecimal(16)}@{name}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "X-Mailer: bench 1.0",
        f"X-Campaign: {hexadecimal(32)}",
        "MIME-Version: 1.0",
        f"Content-Type: {content_type}",
        "X-Priority: 3",
    ]
    return ("\r\n".join(fields) + "\r\n\r\n").encode() + body


def _body(chance: random.Random, size: int) -> tuple[str, bytes]:
    """Text; from 20 kB on a page of text and a base64 attachment, as most large mail has."""
    if size < 20_000:
        return "text/plain; charset=utf-8", _text(chance, size)
    boundary = "=_b1_6f2c9a"
    attachment = base64.encodebytes(chance.randbytes(int((size - 6500) * 57 / 78))).replace(b"\n", b"\r\n")
    parts = [
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n".encode() + _text(chance, 6000),
        f'--{boundary}\r\nContent-Type: application/pdf; name="r.pdf"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n".encode()
        + attachment,
        f"--{boundary}--\r\n".encode(),
    ]
    return f'multipart/mixed; boundary="{boundary}"', b"".join(parts)


def _text(chance: random.Random, size: int) -> bytes:
    lines: list[str] = []
    octets = 0
    while octets < size:
        words: list[str] = []
        wanted = chance.randint(30, 74)
        while sum(map(len, words)) + len(words) < wanted:
            words.append(chance.choice(WORDS))
        if chance.random() < 0.12:
            line = ""
        elif chance.random() < 0.05:
            line = "  ".join(words) + "  "  # work for relaxed canonicalization
        else:
            line = " ".join(words)
        lines.append(line)
        octets += len(line) + 2
    return "\r\n".join(lines).encode()[: size - 2].rstrip(b"\r\n") + b"\r\n"


def _sign(message: bytes, selector: bytes, domain: int, key: bytes, algorithm: bytes) -> bytes:
    signature: bytes = dkim.sign(
        message,
        selector,
        domain_name(domain).encode(),
        key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=list(SIGNED_FIELDS),
        signature_algorithm=algorithm,
    )
    return signature + message


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _unbound_lines(zone: dict[str, dict[str, list[object]]]) -> Iterator[str]:
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


def _write_set(folder: Path, label: str, cases: list[Case]) -> None:
    lines = []
    for number, case in enumerate(cases):
        path = folder / "msgs" / f"{label}-{number:03d}.eml"
        path.write_bytes(case.message)
        name = domain_name(case.domain)
        columns = [
            str(path),
            f"192.0.2.{case.domain + 1}",
            f"mail.{name}",
            f"mail.{name}",
            f"bounce+{number}@{name}",
            f"user{number}@rcpt.example.net",
            ",".join(case.expected),
        ]
        lines.append("\t".join(columns) + "\n")
    (folder / f"{label}.manifest").write_text("".join(lines))


class Listed(NamedTuple):
    """One line of a manifest, with its message read."""

    message: bytes
    client_ip: str
    helo: str
    mail_from: str


def read_set(folder: Path, label: str) -> list[Listed]:
    """The messages of a set, as the library rows take them."""
    found = []
    for line in (folder / f"{label}.manifest").read_text().splitlines():
        path, client_ip, _, helo, mail_from, *_ = line.split("\t")
        found.append(Listed(Path(path).read_bytes(), client_ip, helo, mail_from))
    return found
