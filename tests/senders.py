"""A sender whose records and keys are in a zone: for tests that need whole messages."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import PrivateKey, generate_private_key
from inalign.dkim.sign import SigningKey, sign_dkim
from inalign.mail.domain import parse_domain
from tests.helpers import NOW, message

CLIENT = "192.0.2.7"

TEXT = """
From: Alice <alice@example.org>
To: Bob <bob@example.net>
Subject: hello
Date: Tue, 24 Nov 2026 12:00:00 +0000
Message-ID: <1@example.org>

Hello Bob.
"""


@cache
def private_key() -> PrivateKey:
    """One key for all tests of a run: making one takes a while."""
    return generate_private_key(KeyType.RSA)


def key_record() -> str:
    """The record of `private_key`."""
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(private_key().public_octets()).decode("ascii")


def records(
    dmarc: str = "v=DMARC1; p=reject", spf: str = "v=spf1 ip4:192.0.2.0/24 -all"
) -> dict[str, dict[str, object]]:
    """The zone of example.org, which sends from 192.0.2.0/24 and signs with the selector s1."""
    return {
        "example.org": {"TXT": [spf]},
        "_dmarc.example.org": {"TXT": [dmarc]},
        "s1._domainkey.example.org": {"TXT": [key_record()]},
        "mail.example.org": {"TXT": ["v=spf1 a -all"], "A": [CLIENT]},
        "7.2.0.192.in-addr.arpa": {"PTR": ["mail.example.org"]},
    }


def signed(text: str = TEXT, *, domain: str = "example.org", now: datetime = NOW, body_length: bool = False) -> bytes:
    """The message with a signature of the domain on top."""
    octets = message(text)
    key = SigningKey(parse_domain(domain), parse_domain("s1"), private_key())
    return sign_dkim(octets, [key], now=now, body_length=body_length) + octets


def without(names: Mapping[str, dict[str, object]], name: str, error: str = "servfail") -> dict[str, dict[str, object]]:
    """The same zone with a name whose server does not answer."""
    return {**names, name: {"error": error}}
