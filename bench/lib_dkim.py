"""How many DKIM verifications and signatures a second one core does, beside dkimpy, on messages made here.

    PYTHONPATH=src python bench/lib_dkim.py [seconds per figure]

Keys come from a zone in memory; every result is checked. The figures of one run compare with each other, those of two
runs do not: the machine drifts.
"""

from __future__ import annotations

import base64
import random
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TypeVar

import dkim
from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import generate_private_key
from inalign.dkim.sign import SigningKey, sign_dkim
from inalign.dkim.verify import verify_dkim
from inalign.mail.domain import parse_domain
from inalign.resolver import ZoneResolver

T = TypeVar("T")
NOW = datetime.now(UTC)
WORDS = [b"the", b"mail", b"authentication", b"of", b"domain", b"is", b"a", b"signature", b"verify", b"report", b"und"]
DOMAIN = parse_domain("bench.example")


def run_now(coroutine: Coroutine[object, object, T]) -> T:
    """The zone resolver never waits, so that one step is all."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("the coroutine waited")


def prose(octets: int, chance: random.Random) -> bytes:
    lines: list[bytes] = []
    size = 0
    while size < octets:
        lines.append(b" ".join(chance.choices(WORDS, k=chance.randrange(3, 14))))
        size += len(lines[-1]) + 2
    return b"\r\n".join(lines) + b"\r\n"


def attachment(octets: int, chance: random.Random) -> bytes:
    return base64.encodebytes(chance.randbytes(octets * 3 // 4)).replace(b"\n", b"\r\n")


def make_message(body: bytes, chance: random.Random) -> bytes:
    fields = [
        b"From: Author Name <author@bench.example>",
        b"To: reader@elsewhere.example",
        b"Cc: One <one@elsewhere.example>,\r\n Two <two@elsewhere.example>",
        b"Subject: The quarterly report of the domain %d" % chance.randrange(1000),
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000",
        b"Message-ID: <%d@bench.example>" % chance.randrange(10**12),
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 8bit",
        b"X-Mailer: bench",
    ]
    fields += [b"Received: from a%d.example (a [192.0.2.%d])\r\n\tby b.example; now" % (n, n) for n in range(8)]
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def per_second(work: Callable[[], None], seconds: float) -> float:
    work()
    best = 0.0
    for _ in range(3):
        count = 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds / 3:
            work()
            count += 1
        best = max(best, count / elapsed)
    return best


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    chance = random.Random(1)
    keys = {
        name: SigningKey(DOMAIN, parse_domain(name), generate_private_key(key_type))
        for name, key_type in (("rsa", KeyType.RSA), ("ed", KeyType.ED25519))
    }
    zone = ZoneResolver.from_json({key.key_name: {"TXT": [key.key_record()]} for key in keys.values()})
    records = {key.key_name.encode() + b".": key.key_record().encode() for key in keys.values()}

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    print(f"{'':24}{'inalign':>10}{'dkimpy':>10}{'ratio':>8}   a second, one core")
    for label, make_body, octets, name in (
        ("verify rsa 1 kB", prose, 1_000, "rsa"),
        ("verify rsa 10 kB", prose, 10_000, "rsa"),
        ("verify rsa 100 kB", prose, 100_000, "rsa"),
        ("verify rsa 1 MB", prose, 1_000_000, "rsa"),
        ("verify rsa 1 MB base64", attachment, 1_000_000, "rsa"),
        ("verify ed25519 10 kB", prose, 10_000, "ed"),
    ):
        message = make_message(make_body(octets, chance), chance)
        message = sign_dkim(message, [keys[name]], now=NOW) + message

        def ours(message: bytes = message) -> None:
            (result,) = run_now(verify_dkim(message, zone, now=NOW))
            assert result.result == "pass"

        def theirs(message: bytes = message) -> None:
            assert dkim.DKIM(message).verify(dnsfunc=look_up)

        report(label, per_second(ours, seconds), per_second(theirs, seconds))
    message = make_message(prose(10_000, chance), chance)
    pem = keys["rsa"].private_key.to_pem()
    report(
        "sign rsa 10 kB",
        per_second(lambda: sign_dkim(message, [keys["rsa"]], now=NOW) and None, seconds),
        per_second(lambda: dkim.sign(message, b"rsa", DOMAIN.encode(), pem) and None, seconds),
    )


def report(label: str, ours: float, theirs: float) -> None:
    print(f"{label:24}{ours:10,.0f}{theirs:10,.0f}{ours / theirs:8.1f}")


if __name__ == "__main__":
    main()
