"""What the signer writes, and what it refuses (RFC 6376 section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.dkim.canonical import BodyHashes, Canonicalization
from inalign.dkim.crypto import generate_private_key
from inalign.dkim.sign import Signing, SigningError, SigningKey, SigningOptions, sign_dkim
from inalign.dkim.verify import verify_dkim
from inalign.errors import ParseError
from inalign.mail.domain import parse_domain
from inalign.mail.fields import parse_message
from tests.dkim.material import ED25519, PLAIN, RSA, RSA_PEM, ZONE, verify, verify_one
from tests.helpers import NOW, message, run_now, zone

PAIRS = [f"{header}/{body}" for header in Canonicalization for body in Canonicalization]


@pytest.mark.parametrize("pair", PAIRS)
def test_both_algorithms_in_every_canonicalization(pair: str) -> None:
    fields = sign_dkim(PLAIN, [ED25519, RSA], now=NOW, canonicalization=pair)
    results = verify(fields + PLAIN)
    assert [(result.result, result.algorithm, result.canonicalization) for result in results] == [
        ("pass", "rsa-sha256", pair),  # RSA first, whatever the order of the keys
        ("pass", "ed25519-sha256", pair),
    ]


def test_fields_are_folded_and_whole() -> None:
    long_message = PLAIN.replace(b"To: ", b"List-Unsubscribe: <https://example.com/>\r\nTo: ")
    fields = sign_dkim(long_message, [RSA, ED25519], now=NOW, identity="reader@example.com")
    assert fields.endswith(b"\r\n")
    lines = fields.split(b"\r\n")[:-1]
    assert all(len(line) <= 78 for line in lines)
    assert len([line for line in lines if line.startswith(b"DKIM-Signature: v=1; a=")]) == 2
    assert all(line.startswith((b"DKIM-Signature:", b"\t")) for line in lines)
    assert len(parse_message(fields).fields) == 2


def test_default_fields_are_guarded_against_additions() -> None:
    result = verify_one(sign_dkim(PLAIN, [RSA], now=NOW) + PLAIN)
    names = result.signed_fields
    assert names.count("from") == names.count("to") == names.count("subject") == names.count("date") == 2
    assert names.count("cc") == names.count("reply-to") == names.count("content-type") == 1
    assert "list-unsubscribe" not in names
    signed = sign_dkim(PLAIN, [RSA], now=NOW) + PLAIN
    for added in (b"From: x@example.org", b"Subject: x", b"Cc: x", b"Content-Type: text/html", b"Reply-To: x"):
        assert verify_one(added + b"\r\n" + signed).result == "fail"
    assert verify_one(b"List-Unsubscribe: <x>\r\nReceived: x\r\n" + signed).result == "pass"


def test_unsubscribe_fields_are_signed_where_they_are() -> None:
    text = b"List-Unsubscribe: <https://example.com/>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + PLAIN
    names = verify_one(sign_dkim(text, [RSA], now=NOW) + text).signed_fields
    assert names.count("list-unsubscribe") == names.count("list-unsubscribe-post") == 2


def test_options() -> None:
    fields = sign_dkim(
        PLAIN,
        [RSA],
        now=NOW,
        header_fields=["From", "Subject"],
        canonicalization="relaxed",
        identity="jö; =x@sub.example.com",
        expires_after=timedelta(days=7),
        body_length=True,
    )
    result = verify_one(fields + PLAIN)
    assert result.result == "pass"
    assert result.signed_fields == ("from", "subject")
    assert result.canonicalization == "relaxed/simple"
    assert result.identity == "jö; =x@sub.example.com"
    assert result.timestamp == int(NOW.timestamp())
    assert result.expiry == result.timestamp + 7 * 86400
    assert (result.body_length, result.unsigned_octets) == (19, 0)


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n", b" \t\r\n", b"x", b"x\r\n\r\n"])
@pytest.mark.parametrize("pair", PAIRS)
def test_bodies_that_are_next_to_nothing(body: bytes, pair: str) -> None:
    text = b"From: a@example.com\r\n\r\n" + body
    assert verify_one(sign_dkim(text, [RSA], now=NOW, canonicalization=pair) + text).result == "pass"


def test_signing_by_chunks() -> None:
    parts = parse_message(PLAIN)
    signing = Signing(parts.fields, [RSA], now=NOW, options=SigningOptions())
    hashes = BodyHashes(signing.body_specs)
    for octet in parts.body:
        hashes.update(bytes([octet]))
    assert signing.fields(hashes.digests()) == sign_dkim(PLAIN, [RSA], now=NOW)


def test_a_message_saved_with_bare_line_feeds_is_signed_as_it_will_be_sent() -> None:
    assert sign_dkim(PLAIN.replace(b"\r\n", b"\n"), [RSA], now=NOW) == sign_dkim(PLAIN, [RSA], now=NOW)


def test_a_key_for_an_internationalised_domain() -> None:
    key = SigningKey.load("bücher.example", "s", RSA_PEM)
    fields = sign_dkim(PLAIN, [key], now=NOW)
    assert b"d=xn--bcher-kva.example;" in fields
    (result,) = run_now(verify_dkim(fields + PLAIN, zone({key.key_name: {"TXT": [key.key_record()]}}), now=NOW))
    assert result.result == "pass"


def test_2048_bits() -> None:
    key = SigningKey(parse_domain("example.com"), parse_domain("big"), generate_private_key(KeyType.RSA))
    result = verify_one(sign_dkim(PLAIN, [key], now=NOW) + PLAIN, {key.key_name: {"TXT": [key.key_record()]}})
    assert (result.result, result.key_bits) == ("pass", 2048)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        message("Subject: no author\n\nx\n"),
        message("From: a@example.com\nFrom: b@example.com\n\nx\n"),
        b"From: a@example.com\r\nSubject: bare\rCR\r\n\r\nx\r\n",
        b"From: a@example.com\r\n\r\nbare\nLF\r\n",
        b"From: a@example.com\r\n\r\nbare\rCR\r\n",
        b"From: a@example.com\r\n\r\nat the end\r",
    ],
)
def test_message_that_must_not_be_signed(text: bytes) -> None:
    with pytest.raises(SigningError):
        sign_dkim(text, [RSA], now=NOW)


@pytest.mark.parametrize(
    ("names", "identity"), [(["To"], None), (None, "@example.org"), (None, "example.com"), (None, "@notexample.com")]
)
def test_options_that_make_no_valid_signature(names: Sequence[str] | None, identity: str | None) -> None:
    with pytest.raises(SigningError):
        sign_dkim(PLAIN, [RSA], now=NOW, header_fields=names, identity=identity)


def test_arguments_that_are_bugs() -> None:
    with pytest.raises(ValueError, match="nowsp"):
        sign_dkim(PLAIN, [RSA], now=NOW, canonicalization="nowsp")
    with pytest.raises(ValueError, match="time zone"):
        sign_dkim(PLAIN, [RSA], now=NOW.replace(tzinfo=None))
    with pytest.raises(ParseError):
        SigningKey.load("exa mple.com", "s", RSA_PEM)
    with pytest.raises(ParseError):
        SigningKey.load("example.com", "s", b"no key")


def test_short_rsa_key_must_not_sign() -> None:
    # RFC 8301 section 3.2
    short = SigningKey(RSA.domain, RSA.selector, replace(RSA.private_key, bits=1023))
    with pytest.raises(SigningError, match="1024"):
        sign_dkim(PLAIN, [short], now=NOW)


def test_no_keys_make_no_fields() -> None:
    assert sign_dkim(PLAIN, [], now=NOW) == b""


def test_a_zone_of_the_keys_is_what_they_publish() -> None:
    assert ZONE["ed._domainkey.example.com"]["TXT"] == [
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    ]
