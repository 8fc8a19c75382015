"""The messages of the benchmark: text, or from 20 kB on a page of text and a base64 attachment, and 16 fields."""

from __future__ import annotations

import base64
import random

TEXT = (
    "the quarterly report shows that delivery of mail to large receivers depends on aligned authentication and a "
    "stable sending reputation while forwarding paths and mailing lists still break signatures now and then"
)
WORDS = TEXT.split()


def make_message(chance: random.Random, name: str, number: int, size: int) -> bytes:
    """Message so many of a domain, about that many octets of body, unsigned."""
    content_type, body = _body(chance, size)

    def hexadecimal(digits: int) -> str:
        return f"{chance.getrandbits(4 * digits):0{digits}x}"

    fields = [
        f"Received: from node{hop}.{name} (node{hop}.{name} [10.{number % 250}.{hop}.7])\r\n"
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
