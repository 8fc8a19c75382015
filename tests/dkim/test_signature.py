"""The DKIM-Signature field: what is read, and every reason to refuse it (RFC 6376 section 3.5 and section 6.1.1)."""

from __future__ import annotations

import base64

import pytest

from inalign.dkim.algorithm import ED25519_SHA256, RSA_SHA1, RSA_SHA256
from inalign.dkim.canonical import Canonicalization
from inalign.dkim.result import DkimReason
from inalign.dkim.signature import DkimSignature, SignatureError, parse_signature, read_base64
from inalign.errors import ParseError
from inalign.mail.fields import Field

GOOD = {
    "v": "1",
    "a": "rsa-sha256",
    "d": "example.com",
    "s": "sel",
    "h": "From:To",
    "bh": "AAAA",
    "b": "BBBB",
}


def field(**changes: str | None) -> Field:
    tags = {**GOOD, **changes}
    value = "; ".join(f"{name}={text}" for name, text in tags.items() if text is not None)
    return Field(b"dkim-signature", f"DKIM-Signature: {value}\r\n".encode("utf-8", "surrogateescape"))


def parse(**changes: str | None) -> DkimSignature:
    return parse_signature(field(**changes))


def test_all_tags_are_read() -> None:
    signature = parse(
        c="relaxed/simple", i="joe@sub.example.com", l="10", q="dns/txt", t="5", x="6", z="From:b=20", future="x"
    )
    assert signature.algorithm == RSA_SHA256
    assert signature.header_canonicalization is Canonicalization.RELAXED
    assert signature.body_canonicalization is Canonicalization.SIMPLE
    assert (signature.domain, signature.selector) == ("example.com", "sel")
    assert signature.key_name == "sel._domainkey.example.com"
    assert (signature.identity, signature.identity_domain) == ("joe@sub.example.com", "sub.example.com")
    assert signature.signed_fields == (b"from", b"to")
    assert (signature.body_length, signature.timestamp, signature.expiry) == (10, 5, 6)
    assert (signature.body_hash, signature.value, signature.start) == (bytes(3), b"\x04\x10A", "BBBB")


def test_defaults() -> None:
    signature = parse()
    assert signature.header_canonicalization is signature.body_canonicalization is Canonicalization.SIMPLE
    assert (signature.identity, signature.identity_domain) == ("@example.com", "example.com")
    assert signature.body_length is signature.timestamp is signature.expiry is None


def test_relaxed_alone_leaves_the_body_simple() -> None:
    signature = parse(c="relaxed")
    assert signature.header_canonicalization is Canonicalization.RELAXED
    assert signature.body_canonicalization is Canonicalization.SIMPLE


def test_words_of_the_grammar_have_no_case() -> None:
    signature = parse(a="RSA-Sha256", c="Relaxed/SIMPLE", q="DNS/TXT", d="Example.COM", h="FROM:SubJect")
    assert signature.algorithm == RSA_SHA256
    assert signature.domain == "example.com"
    assert signature.signed_fields == (b"from", b"subject")


@pytest.mark.parametrize(
    ("name", "algorithm"), [("rsa-sha1", RSA_SHA1), ("rsa-sha256", RSA_SHA256), ("ed25519-sha256", ED25519_SHA256)]
)
def test_algorithms(name: str, algorithm: object) -> None:
    assert parse(a=name).algorithm == algorithm


def test_blanks_and_folds_stand_nearly_everywhere() -> None:
    raw = (
        b"DKIM-Signature:\r\n\tv = 1 ;a\r\n =rsa-sha256;\td= example.com\r\n ; s =sel;h= From\r\n\t:\r\n To : Cc\r\n ;"
        b"bh=A\r\n AA\tA ;b=B B\r\n BB;\r\n \r\n"
    )
    signature = parse_signature(Field(b"dkim-signature", raw))
    assert signature.signed_fields == (b"from", b"to", b"cc")
    assert signature.body_hash == bytes(3)
    assert signature.start == "BBBB"


def test_selector_of_several_labels_and_underscores() -> None:
    assert parse(s="2026_q4.mail").key_name == "2026_q4.mail._domainkey.example.com"


def test_u_labels_are_converted_for_dns() -> None:
    # RFC 8616 section 5
    signature = parse(d="bücher.example", s="schlüssel", i="jö@post.bücher.example")
    assert signature.key_name == "xn--schlssel-95a._domainkey.xn--bcher-kva.example"
    assert signature.identity == "jö@post.bücher.example"
    assert signature.identity_domain == "post.xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("=6Along@example.com", "jlong@example.com"),
        ("jlong=40example.com", "jlong@example.com"),
        ("jlong@example=2Ecom", "jlong@example.com"),
        ("j long\t@ example.com", "jlong@example.com"),
        ("=C3=A4@example.com", "ä@example.com"),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ("@Example.COM", "@Example.COM"),
    ],
)
def test_identity_is_decoded(text: str, identity: str) -> None:
    assert parse(i=text).identity == identity


@pytest.mark.parametrize("name", ["v", "a", "b", "bh", "d", "h", "s"])
def test_missing_tag(name: str) -> None:
    with pytest.raises(SignatureError) as caught:
        parse(**{name: None})
    assert caught.value.reason is DkimReason.MISSING_TAG
    assert f"{name}=" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": "2"}, DkimReason.UNSUPPORTED_VERSION),
        ({"v": "01"}, DkimReason.UNSUPPORTED_VERSION),
        ({"v": "0.5"}, DkimReason.UNSUPPORTED_VERSION),
        ({"v": ""}, DkimReason.UNSUPPORTED_VERSION),
        ({"a": "rsa-md5"}, DkimReason.UNSUPPORTED_ALGORITHM),
        ({"a": "ed25519-sha1"}, DkimReason.UNSUPPORTED_ALGORITHM),
        ({"a": "rsa"}, DkimReason.UNSUPPORTED_ALGORITHM),
        ({"a": ""}, DkimReason.UNSUPPORTED_ALGORITHM),
        ({"c": "nowsp"}, DkimReason.UNSUPPORTED_CANONICALIZATION),
        ({"c": "simple/"}, DkimReason.UNSUPPORTED_CANONICALIZATION),
        ({"c": "/simple"}, DkimReason.UNSUPPORTED_CANONICALIZATION),
        ({"c": "simple/simple/simple"}, DkimReason.UNSUPPORTED_CANONICALIZATION),
        ({"c": ""}, DkimReason.UNSUPPORTED_CANONICALIZATION),
        ({"q": "http"}, DkimReason.UNSUPPORTED_QUERY),
        ({"q": "dns"}, DkimReason.UNSUPPORTED_QUERY),
        ({"q": "dns/txt/more"}, DkimReason.UNSUPPORTED_QUERY),
        ({"q": ""}, DkimReason.UNSUPPORTED_QUERY),
        ({"d": ""}, DkimReason.INVALID_DOMAIN),
        ({"d": "com"}, DkimReason.INVALID_DOMAIN),
        ({"d": "example.com."}, DkimReason.INVALID_DOMAIN),
        ({"d": ".example.com"}, DkimReason.INVALID_DOMAIN),
        ({"d": "exa mple.com"}, DkimReason.INVALID_DOMAIN),
        ({"d": "legit.com'x.attack.com"}, DkimReason.INVALID_DOMAIN),
        ({"d": 'legit.com".attack.com'}, DkimReason.INVALID_DOMAIN),
        ({"d": "legit.com(.attack.com"}, DkimReason.INVALID_DOMAIN),
        ({"d": "[192.0.2.1]"}, DkimReason.INVALID_DOMAIN),
        ({"d": "a" * 64 + ".example"}, DkimReason.INVALID_DOMAIN),
        ({"d": "\udcff.example"}, DkimReason.INVALID_DOMAIN),
        ({"s": ""}, DkimReason.INVALID_DOMAIN),
        ({"s": "a..b"}, DkimReason.INVALID_DOMAIN),
        ({"s": "sel."}, DkimReason.INVALID_DOMAIN),
        ({"s": ".".join(["a" * 60] * 4)}, DkimReason.INVALID_DOMAIN),  # good by itself, too long with the rest
        ({"i": "@example.org"}, DkimReason.IDENTITY_MISMATCH),
        ({"i": "@com"}, DkimReason.IDENTITY_MISMATCH),
        ({"i": "@notexample.com"}, DkimReason.IDENTITY_MISMATCH),
        ({"i": ""}, DkimReason.SYNTAX),
        ({"i": "example.com"}, DkimReason.SYNTAX),
        ({"i": "a=@example.com"}, DkimReason.SYNTAX),
        ({"i": "a=0D=0Ab@example.com"}, DkimReason.SYNTAX),
        ({"i": "a=00@example.com"}, DkimReason.SYNTAX),
        ({"i": "=FF@example.com"}, DkimReason.SYNTAX),
        ({"i": "a@"}, DkimReason.INVALID_DOMAIN),
        ({"i": "a@b c@example.com."}, DkimReason.INVALID_DOMAIN),
        ({"h": "To:Subject"}, DkimReason.FROM_NOT_SIGNED),
        ({"h": "Resent-From:From-x"}, DkimReason.FROM_NOT_SIGNED),
        ({"h": ""}, DkimReason.SYNTAX),
        ({"h": "From:"}, DkimReason.SYNTAX),
        ({"h": "From::To"}, DkimReason.SYNTAX),
        ({"h": "From To"}, DkimReason.SYNTAX),
        ({"h": "From:Tö"}, DkimReason.SYNTAX),
        ({"b": ""}, DkimReason.SYNTAX),
        ({"b": "===="}, DkimReason.SYNTAX),
        ({"b": "AB*C"}, DkimReason.SYNTAX),
        ({"b": "A"}, DkimReason.SYNTAX),
        ({"b": "AA=A"}, DkimReason.SYNTAX),
        ({"bh": ""}, DkimReason.SYNTAX),
        ({"bh": "A-_A"}, DkimReason.SYNTAX),
        ({"l": ""}, DkimReason.SYNTAX),
        ({"l": "-1"}, DkimReason.SYNTAX),
        ({"l": "1 0"}, DkimReason.SYNTAX),
        ({"l": "0x10"}, DkimReason.SYNTAX),
        ({"l": "1" * 77}, DkimReason.SYNTAX),
        ({"l": "١"}, DkimReason.SYNTAX),
        ({"t": ""}, DkimReason.SYNTAX),
        ({"t": "soon"}, DkimReason.SYNTAX),
        ({"t": "1" * 13}, DkimReason.SYNTAX),
        ({"x": "+5"}, DkimReason.SYNTAX),
        ({"t": "5", "x": "5"}, DkimReason.EXPIRY_BEFORE_TIMESTAMP),
        ({"t": "5", "x": "4"}, DkimReason.EXPIRY_BEFORE_TIMESTAMP),
    ],
)
def test_refused(changes: dict[str, str], reason: DkimReason) -> None:
    with pytest.raises(SignatureError) as caught:
        parse(**changes)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b";",
        b"v=1; v=1",
        b"v=1;; a=rsa-sha256",
        b"v=1; =x",
        b"v=1; junk",
        b"v=1; a b=c",
        b"v=1; d=legit.com\x00.attack.com",
        b"v=1; d=a\rb",
        b"v=1; d=a\nb",
        b"v=1; \xc3\xa4=x",
    ],
)
def test_no_tag_list(value: bytes) -> None:
    with pytest.raises(SignatureError) as caught:
        parse_signature(Field(b"dkim-signature", b"DKIM-Signature:" + value + b"\r\n"))
    assert caught.value.reason is DkimReason.SYNTAX


def test_tag_names_have_case() -> None:
    with pytest.raises(SignatureError) as caught:
        parse(v=None, V="1")
    assert caught.value.reason is DkimReason.MISSING_TAG


@pytest.mark.parametrize("version", [None, "0.2", "0.5"])
def test_drafts_are_admitted_on_request(version: str | None) -> None:
    assert parse_signature(field(v=version, q="dns"), drafts=True).domain == "example.com"


@pytest.mark.parametrize("version", ["5", "2", "0", "0.55", "1.0"])
def test_other_versions_are_no_drafts(version: str) -> None:
    with pytest.raises(SignatureError):
        parse_signature(field(v=version), drafts=True)


@pytest.mark.parametrize("octets", [b"a", b"ab", b"abc", b"abcd"])
def test_base64_with_blanks_and_without_padding(octets: bytes) -> None:
    text = base64.b64encode(octets).decode()
    assert read_base64(text) == read_base64(text.rstrip("=")) == read_base64(" \t".join(text)) == octets


@pytest.mark.parametrize("text", ["", "=", "A", "AAAAA", "AA===", "A=AA", "AA=A", "A\nAAA", "ÄAAA", "A-AA", "AAA=A"])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(ParseError):
        read_base64(text)


def test_a_list_of_a_hundred_thousand_names_is_read_once() -> None:
    assert len(parse(h="From" + ":From" * 99_999).signed_fields) == 100_000
