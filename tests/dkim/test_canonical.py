"""Canonical forms of header and body (RFC 6376 section 3.4), and the body hash by chunks."""

from __future__ import annotations

import base64
import hashlib

import pytest

from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import (
    BodyDigest,
    BodyHashes,
    BodySpec,
    Canonicalization,
    Header,
    relaxed_field,
    without_signature,
)
from inalign.mail.fields import parse_message

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED
both = pytest.mark.parametrize("form", [SIMPLE, RELAXED])


def digest_of(form: Canonicalization, *chunks: bytes, length: int | None = None) -> BodyDigest:
    spec = BodySpec(form, HashAlgorithm.SHA256, length)
    hashes = BodyHashes([spec])
    for chunk in chunks:
        hashes.update(chunk)
    return hashes.digests()[spec]


def assert_becomes(form: Canonicalization, body: bytes, expected: bytes) -> None:
    """At once, octet by octet, and cut in two at every place."""
    wanted = BodyDigest(hashlib.sha256(expected).digest(), len(expected), len(expected))
    assert digest_of(form, body) == wanted
    assert digest_of(form, *(body[place : place + 1] for place in range(len(body)))) == wanted
    for cut in range(len(body) + 1):
        assert digest_of(form, body[:cut], body[cut:]) == wanted


# ----------------------------------------------------------------------------------------------- header


@pytest.mark.parametrize(
    ("raw", "relaxed"),
    [
        (b"A: X\r\n", b"a:X\r\n"),
        (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),  # RFC 6376 section 3.4.5
        (b"SUBJect: AbC\r\n", b"subject:AbC\r\n"),
        (b"X:\r\n", b"x:\r\n"),
        (b"X: \t \r\n", b"x:\r\n"),
        (b"X:\r\n \r\n a\r\n", b"x:a\r\n"),
        (b"X: a:b  :\tc\r\n", b"x:a:b : c\r\n"),
        (b"X: a\x0bb \x0c c\r\n", b"x:a\x0bb \x0c c\r\n"),  # only SP and HTAB are WSP
        (b"X: bare\rCR \n LF\r\n", b"x:bare\rCR \n LF\r\n"),
        (b"X: \xc3\xa4\xff\r\n", b"x:\xc3\xa4\xff\r\n"),
    ],
)
def test_relaxed_field(raw: bytes, relaxed: bytes) -> None:
    assert relaxed_field(raw) == relaxed


def test_relaxed_field_of_a_million_blanks() -> None:
    assert relaxed_field(b"X: a" + b" \t" * 500_000 + b"b\r\n") == b"x:a b\r\n"
    assert relaxed_field(b"X: a" + b"\r\n " * 300_000 + b"b\r\n") == b"x:a b\r\n"


@pytest.mark.parametrize(
    ("raw", "bare"),
    [
        (b"S: v=1; b=abc; c=x\r\n", b"S: v=1; b=; c=x"),
        (b"S: v=1; b=abc\r\n", b"S: v=1; b="),
        (b"S: b=abc; v=1\r\n", b"S: b=; v=1"),
        (b"S:b=abc;\r\n", b"S:b=;"),
        (b"S: v=1; bh=abc; b=def\r\n", b"S: v=1; bh=abc; b="),
        (b"S: v=1;\r\n b\r\n =\r\n abc\r\n def \r\n ;\r\n c=x\r\n", b"S: v=1;\r\n b\r\n =;\r\n c=x"),
        (b"S: z=From:b=20x|b=; b=abc; a=1\r\n", b"S: z=From:b=20x|b=; b=; a=1"),
        (b"S: bb=abc; xb=def; b=\r\n", b"S: bb=abc; xb=def; b="),
        (b"S: B=abc\r\n", b"S: B=abc"),
        (b"S: v=1\r\n", b"S: v=1"),
    ],
)
def test_only_the_value_of_b_is_deleted(raw: bytes, bare: bytes) -> None:
    assert without_signature(raw) == bare


def test_deleting_b_is_linear_on_a_million_semicolons() -> None:
    raw = b"S: " + b"; b" * 300_000 + b"; b=x\r\n"
    assert without_signature(raw).endswith(b"; b=")


def test_instances_are_taken_from_the_bottom_up() -> None:
    # RFC 6376 section 5.4.2
    parts = parse_message(b"Received: <A>\r\nReceived: <B>\r\nReceived: <C>\r\nFrom: a\r\nS: b=\r\n\r\n")
    header = Header(parts.fields)
    selected = header.selected_octets([b"received", b"from", b"received"], SIMPLE)
    assert selected == b"Received: <C>\r\nFrom: a\r\nReceived: <B>\r\n"


def test_absent_and_exhausted_names_stand_for_nothing() -> None:
    parts = parse_message(b"From: a\r\n\r\n")
    assert Header(parts.fields).selected_octets([b"from", b"subject", b"from"], RELAXED) == b"from:a\r\n"


def test_a_signature_never_covers_itself_as_a_named_field() -> None:
    parts = parse_message(b"S: b=own\r\nS: b=other\r\nFrom: a\r\n\r\n")
    signed = Header(parts.fields).signed_octets([b"s", b"s", b"from"], SIMPLE, 0)
    assert signed == b"S: b=other\r\nFrom: a\r\nS: b="


# ------------------------------------------------------------------------------------------------- body


def test_body_example_of_the_rfc() -> None:
    # RFC 6376 section 3.4.5
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert_becomes(RELAXED, body, b" C\r\nD E\r\n")
    assert_becomes(SIMPLE, body, b" C \r\nD \t E\r\n")


def test_hash_of_an_empty_body() -> None:
    # RFC 6376 section 3.4.3 and section 3.4.4 give these values
    assert base64.b64encode(digest_of(SIMPLE).digest) == b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
    assert base64.b64encode(digest_of(RELAXED).digest) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    sha1 = {form: BodySpec(form, HashAlgorithm.SHA1) for form in Canonicalization}
    digests = BodyHashes(sha1.values()).digests()
    assert base64.b64encode(digests[sha1[SIMPLE]].digest) == b"uoq1oCgLlTqpdDX/iUbLy7J1Wic="
    assert base64.b64encode(digests[sha1[RELAXED]].digest) == b"2jmj7l5rSw0yVb/vlWAYkK/YBwk="


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n", b"\r\n", b""),
        (b"\r\n\r\n\r\n", b"\r\n", b""),
        (b" \t\r\n", b" \t\r\n", b""),
        (b" ", b" \r\n", b""),
        (b"\t\r\n \r\n", b"\t\r\n \r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a  ", b"a  \r\n", b"a\r\n"),
        (b"a\r\n", b"a\r\n", b"a\r\n"),
        (b"a\r\n\r\n", b"a\r\n", b"a\r\n"),
        (b"a\r\n \r\n\t\r\n", b"a\r\n \r\n\t\r\n", b"a\r\n"),
        (b"a\r\n\r\n\r\nb\r\n", b"a\r\n\r\n\r\nb\r\n", b"a\r\n\r\n\r\nb\r\n"),
        (b"\r\n\r\na", b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
        (b"a \t b\t\r\n\tc", b"a \t b\t\r\n\tc\r\n", b"a b\r\n c\r\n"),
        # CR and LF alone are octets like any other
        (b"a\r", b"a\r\r\n", b"a\r\r\n"),
        (b"a \r", b"a \r\r\n", b"a \r\r\n"),
        (b"a\n", b"a\n\r\n", b"a\n\r\n"),
        (b"a \n\r\n", b"a \n\r\n", b"a \n\r\n"),
        (b"\r", b"\r\r\n", b"\r\r\n"),
        (b"\n\r\n\r\n", b"\n\r\n", b"\n\r\n"),
        (b"\r\r\n\r\n", b"\r\r\n", b"\r\r\n"),
        (b"\r\n\r", b"\r\n\r\r\n", b"\r\n\r\r\n"),
        (b"a\r\n\n\r\n", b"a\r\n\n\r\n", b"a\r\n\n\r\n"),
        (b"a\r\n\r\n\r", b"a\r\n\r\n\r\r\n", b"a\r\n\r\n\r\r\n"),
        (b"a  \r  b", b"a  \r  b\r\n", b"a \r b\r\n"),
        (b"a\x00 \xff\r\n", b"a\x00 \xff\r\n", b"a\x00 \xff\r\n"),
    ],
)
def test_canonical_body(body: bytes, simple: bytes, relaxed: bytes) -> None:
    assert_becomes(SIMPLE, body, simple)
    assert_becomes(RELAXED, body, relaxed)


@both
@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 7, 12, 13])
def test_length_counts_octets_of_the_canonical_body(form: Canonicalization, length: int) -> None:
    canonical = b"one\r\n\r\ntwo\r\n"
    for body in (canonical, canonical + b"\r\n"):
        for size in (1, 3, 100):
            chunks = [body[place : place + size] for place in range(0, len(body), size)]
            digest = digest_of(form, *chunks, length=length)
            assert digest.digest == hashlib.sha256(canonical[:length]).digest()
            assert (digest.octets, digest.total) == (min(length, len(canonical)), len(canonical))


def test_a_length_of_76_digits_is_only_a_large_number() -> None:
    assert digest_of(RELAXED, b"a\r\n", length=10**76 - 1) == BodyDigest(hashlib.sha256(b"a\r\n").digest(), 3, 3)


def test_one_body_serves_many_specs() -> None:
    specs = [
        BodySpec(form, algorithm, length)
        for form in Canonicalization
        for algorithm in HashAlgorithm
        for length in (None, 3)
    ]
    hashes = BodyHashes(specs)
    hashes.update(b"a  b\r\n")
    digests = hashes.digests()
    assert set(digests) == set(specs)
    assert digests[BodySpec(RELAXED, HashAlgorithm.SHA1, 3)].digest == hashlib.sha1(b"a b").digest()  # noqa: S324
    assert digests[BodySpec(SIMPLE, HashAlgorithm.SHA256, None)].digest == hashlib.sha256(b"a  b\r\n").digest()
    assert hashes.digests() is digests


@both
@pytest.mark.parametrize(
    "piece", [b"\r\n", b" ", b"\t", b"\r", b"\n", b" \r\n", b"\r\n ", b" \r", b"\n\r", b"a ", b"\r\n\n", b"\0"]
)
def test_a_megabyte_of_anything_is_hashed_the_same_by_any_chunks(form: Canonicalization, piece: bytes) -> None:
    body = piece * (1_000_000 // len(piece)) + b"x\r\n"
    whole = digest_of(form, body)
    assert digest_of(form, *(body[place : place + 4093] for place in range(0, len(body), 4093))) == whole


@both
def test_nothing_grows_while_the_end_is_undecided(form: Canonicalization) -> None:
    spec = BodySpec(form, HashAlgorithm.SHA256)
    for chunk in (b"\r\n" * 32768, b" " * 65536, b"a" * 65535 + b"\r", b"\r" * 65536):
        hashes = BodyHashes([spec])
        for _ in range(64):
            hashes.update(chunk)
        (stream,) = hashes._streams
        assert len(stream._held) <= 2


def test_ten_million_held_line_ends_come_out_when_text_follows() -> None:
    body = b"a\r\n" + b"\r\n" * 3_000_000 + b"b\r\n"
    assert digest_of(RELAXED, body).digest == hashlib.sha256(body).digest()
