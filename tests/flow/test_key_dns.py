"""Whether DNS has the keys that sign, and how often it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from inalign.dkim.sign import SigningKey
from inalign.flow.key_dns import RECHECK_SECONDS, RETRY_SECONDS, PublishedKeys
from inalign.resolver import ZoneResolver
from tests.dkim.material import ED25519, RSA, ZONE
from tests.helpers import NOW, run_now, zone

Zone = Mapping[str, Mapping[str, object]]


def problem(names: Zone, key: SigningKey = RSA, published: PublishedKeys | None = None, after: int = 0) -> str | None:
    resolver = zone(names) if names else ZoneResolver.from_json({})
    return run_now((published or PublishedKeys()).problem(key, resolver, NOW + timedelta(seconds=after)))


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_key_that_is_there(key: SigningKey) -> None:
    assert problem(ZONE, key) is None


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "there is no key record"),
        ({"TXT": ["v=DKIM1; p="]}, "revoked"),
        ({"TXT": ["v=spf1 -all"]}, "there is no key record"),
        ({"TXT": [ED25519.key_record()]}, ""),
        ({"TXT": ["v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCtestAB"]}, ""),
    ],
)
def test_key_that_is_not_there_or_differs(entry: dict[str, object], words: str) -> None:
    told = problem({RSA.key_name: entry} if entry else {})
    assert told is not None
    assert told.startswith("rsa._domainkey.example.com: ")
    assert words in told


def test_dns_that_does_not_answer_proves_nothing() -> None:
    broken: Zone = {RSA.key_name: {"error": "servfail"}}
    assert problem(broken) is None
    published = PublishedKeys()
    assert problem({}, published=published) is not None
    assert problem(broken, published=published, after=RETRY_SECONDS) is not None
    assert problem(ZONE, published=published, after=2 * RETRY_SECONDS) is None


def test_dns_is_asked_once_an_hour_and_sooner_where_something_is_wrong() -> None:
    published = PublishedKeys()
    assert problem(ZONE, published=published) is None
    assert problem({}, published=published, after=RECHECK_SECONDS - 1) is None
    assert problem({}, published=published, after=RECHECK_SECONDS) is not None
    assert problem(ZONE, published=published, after=RECHECK_SECONDS + RETRY_SECONDS - 1) is not None
    assert problem(ZONE, published=published, after=RECHECK_SECONDS + RETRY_SECONDS) is None


def test_key_that_is_exchanged_is_looked_up_anew() -> None:
    published = PublishedKeys()
    assert problem(ZONE, published=published) is None
    exchanged = SigningKey(RSA.domain, RSA.selector, ED25519.private_key)
    assert problem(ZONE, exchanged, published=published) is not None
