from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import PrivateKey, generate_private_key
from inalign.keys.lifecycle.publication import (
    KeyFinding,
    Publication,
    PublicationFlaw,
    PublishedState,
    compare,
    compare_ended,
    publication_state,
)
from inalign.keys.lifecycle.zone_text import empty_record
from inalign.resolver.interface import Answer, Outcome
from tests.keys.lifecycle.material import answer, publication


@cache
def rsa(number: int = 0, bits: int = 2048) -> PrivateKey:
    return generate_private_key(KeyType.RSA, bits=bits)


@cache
def ed25519(number: int = 0) -> PrivateKey:
    return generate_private_key(KeyType.ED25519)


def record(key: PrivateKey, tags: str = "") -> str:
    return f"v=DKIM1; k={key.key_type}; {tags}p={key.public_text()}"


def findings(key: PrivateKey, *records: str) -> list[KeyFinding]:
    return [flaw.finding for flaw in compare(key, publication(answer(*records)))]


@pytest.mark.parametrize("key", [rsa(), ed25519()], ids=lambda key: key.key_type)
def test_the_record_of_a_key_is_in_order(key: PrivateKey) -> None:
    for tags in ("", "t=s; ", "h=sha1:sha256; ", "s=email; ", "s=*; "):
        assert not findings(key, record(key, tags)), tags


def test_rsa_needs_no_type_and_either_form_of_the_key_is_the_key() -> None:
    from cryptography.hazmat.primitives import serialization

    assert not findings(rsa(), f"p={rsa().public_text()}")
    spki = serialization.load_der_public_key(rsa().public_octets())
    pkcs1 = spki.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    assert not findings(rsa(), f"v=DKIM1; p={base64.b64encode(pkcs1).decode()}")


CASES = {
    "nothing": (rsa(), [], [KeyFinding.NOT_PUBLISHED]),
    "another key": (rsa(), [record(rsa(1))], [KeyFinding.DIFFERS]),
    "another ed25519 key": (ed25519(), [record(ed25519(1))], [KeyFinding.DIFFERS]),
    "cut off": (rsa(), [record(rsa())[:-100]], [KeyFinding.DIFFERS]),
    "revoked": (rsa(), [empty_record("rsa")], [KeyFinding.REVOKED]),
    "wrong type": (rsa(), [record(rsa()).replace("k=rsa", "k=ed25519")], [KeyFinding.WRONG_TYPE]),
    "of the other type": (rsa(), [record(ed25519())], [KeyFinding.WRONG_TYPE]),
    "of no known type": (rsa(), [record(rsa()).replace("k=rsa", "k=dsa")], [KeyFinding.WRONG_TYPE]),
    "ed25519 without k=": (ed25519(), [f"v=DKIM1; p={ed25519().public_text()}"], [KeyFinding.WRONG_TYPE]),
    "sha1 alone": (rsa(), [record(rsa(), "h=sha1; ")], [KeyFinding.WRONG_HASH]),
    "not for mail": (rsa(), [record(rsa(), "s=tlsrpt; ")], [KeyFinding.WRONG_SERVICE]),
    "testing": (rsa(), [record(rsa(), "t=y:s; ")], [KeyFinding.TESTING]),
    "not DKIM": (rsa(), ["v=spf1 -all"], [KeyFinding.NOT_A_KEY]),
    "quotes in the text": (rsa(), [f'"{record(rsa())}"'], [KeyFinding.NOT_A_KEY]),
    "1024 bits": (rsa(bits=1024), [record(rsa(bits=1024))], [KeyFinding.TOO_SHORT]),
    "another key, of 1024 bits": (rsa(), [record(rsa(bits=1024))], [KeyFinding.DIFFERS, KeyFinding.TOO_SHORT]),
    "two records": (rsa(), ["v=spf1 -all", record(rsa())], [KeyFinding.SEVERAL_RECORDS]),
    "two others": (rsa(), [record(rsa(1)), record(ed25519())], [KeyFinding.DIFFERS, KeyFinding.SEVERAL_RECORDS]),
    "all at once": (
        rsa(),
        [record(rsa(1), "h=sha1; t=y; s=x; ")],
        [KeyFinding.DIFFERS, KeyFinding.WRONG_HASH, KeyFinding.WRONG_SERVICE, KeyFinding.TESTING],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_finding(name: str) -> None:
    key, records, expected = CASES[name]
    assert findings(key, *records) == expected


def test_the_part_that_differs_is_named() -> None:
    whole = record(rsa())
    (cut,) = compare(rsa(), publication(answer(whole[:-100])))
    assert cut.detail == f"p= is this key cut off: {len(rsa().public_text()) - 100} of 392 characters"
    (other,) = compare(rsa(), publication(answer(record(rsa(2)))))
    assert other.detail == "p= holds another key of 2048 bits, not the public half of this one"


def test_a_lagging_server_is_named_with_its_serial() -> None:
    found = compare(rsa(), publication(answer(record(rsa())), answer(), answer(record(rsa()))))
    assert [(flaw.finding, flaw.servers) for flaw in found] == [
        (KeyFinding.NOT_PUBLISHED, ("ns2.example.org",)),
        (KeyFinding.LAGGING, ()),
    ]
    assert "ns2.example.org with serial 2; the newest serial is 3" in found[1].detail


def test_a_silent_server_is_a_failure_and_a_silent_address_is_not() -> None:
    silence: Answer[bytes] = Answer(Outcome.FAILED, detail="timed out")
    good = answer(record(rsa()))
    (flaw,) = compare(rsa(), publication(good, silence))
    assert (flaw.finding, "ns2.example.org gives no answer at 192.0.2.2: timed out" in str(flaw)) == (
        KeyFinding.DNS_FAILED,
        True,
    )
    assert publication_state(rsa(), publication(good, silence)).everywhere is None
    seen = publication(good, silence)
    twofold = replace(seen, views=tuple(replace(view, server="ns1.example.org") for view in seen.views))
    assert [flaw.finding for flaw in compare(rsa(), twofold)] == [KeyFinding.UNREACHABLE]
    assert publication_state(rsa(), twofold).everywhere is PublishedState.RECORD


def test_a_zone_without_servers_is_a_failure() -> None:
    for seen in (Publication(name="x"), Publication(name="x", problem="no such zone")):
        assert [flaw.finding for flaw in compare(rsa(), seen)] == [KeyFinding.DNS_FAILED]
        assert [flaw.finding for flaw in compare_ended(rsa(), seen, PublishedState.EMPTY)] == [KeyFinding.DNS_FAILED]
        assert publication_state(rsa(), seen).everywhere is None
        assert not publication_state(rsa(), seen).somewhere


@pytest.mark.parametrize(
    ("records", "holds"),
    [
        ([], PublishedState.NOTHING),
        ([record(rsa())], PublishedState.RECORD),
        ([record(rsa(), "t=y; ")], PublishedState.RECORD),
        ([record(rsa(), "h=sha1; ")], PublishedState.OTHER),
        ([record(rsa(1))], PublishedState.OTHER),
        ([record(rsa())[:-100]], PublishedState.OTHER),
        ([empty_record("rsa")], PublishedState.EMPTY),
        (["v=spf1 -all"], PublishedState.NOTHING),
        (["a wildcard"], PublishedState.NOTHING),
        ([record(rsa()), record(rsa(1))], PublishedState.OTHER),
        ([empty_record("rsa"), record(rsa(1))], PublishedState.OTHER),
    ],
)
def test_what_a_server_holds(records: list[str], holds: PublishedState) -> None:
    stands = publication_state(rsa(), publication(answer(*records), answer(*records)))
    assert (stands.everywhere, stands.somewhere) == (holds, frozenset({holds}))


def test_without_the_key_no_record_is_known_for_its_own() -> None:
    assert publication_state(None, publication(answer(record(rsa())))).everywhere is PublishedState.OTHER
    assert publication_state(None, publication(answer(empty_record("rsa")))).everywhere is PublishedState.EMPTY


def test_how_long_caches_believe() -> None:
    stands = publication_state(rsa(), publication(answer(), answer(record(rsa(1)), ttl=7200)))
    assert (stands.everywhere, stands.ttls) == (None, {PublishedState.NOTHING: 900, PublishedState.OTHER: 7200})
    assert (stands.longest_ttl_but(PublishedState.RECORD), stands.longest_ttl_but(PublishedState.OTHER)) == (7200, 900)
    assert stands.negative_ttl == 900


def test_a_record_that_should_be_gone() -> None:
    seen = publication(answer(record(rsa())), answer(empty_record("rsa")), answer())
    assert compare_ended(rsa(), seen, PublishedState.EMPTY) == (
        PublicationFlaw(
            KeyFinding.STILL_PUBLISHED, "the record is still there, and should be empty", ("ns1.example.org",)
        ),
    )
    (left,) = compare_ended(rsa(), seen, PublishedState.NOTHING)
    assert (left.servers, "gone" in left.detail) == (("ns1.example.org", "ns2.example.org"), True)
    assert not compare_ended(None, publication(answer()), PublishedState.NOTHING)
