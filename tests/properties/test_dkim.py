"""DKIM under arbitrary input: cuts never matter, nothing raises, a covered octet cannot change unseen."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dkim
from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import BodyHashes, BodySpec, Canonicalization, relaxed_field, without_signature
from inalign.dkim.key import KeyRecordError, parse_key
from inalign.dkim.result import DkimStatus
from inalign.dkim.sign import sign_dkim
from inalign.dkim.signature import SignatureError, parse_signature
from inalign.dkim.verify import verify_dkim
from inalign.mail.fields import Field
from tests.dkim.material import ED25519, ED25519_SEED, PLAIN, RSA, RSA_PEM, ZONE, sign_as, verify
from tests.helpers import NOW, run_now, zone

# Octets that canonicalization treats specially come often.
body_octets = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"  ", b"a", b"\0", b"\xff"])).map(b"".join)
# What crosses SMTP ends with a CRLF; dkimpy lets a blank at the very end stand.
mail_body = st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"  ", b"a", b"b.", b"\xc3\xa4"])).map(
    lambda parts: b"".join([*parts, b"\r\n"])
)
words = st.sampled_from([b"a", b"bc", b" ", b"\t", b"  ", b"\r\n ", b"\r\n\t", b":", b";", b"=", b"\xc3\xa4"])
field_value = st.lists(words, max_size=12).map(b"".join)
forms = st.sampled_from(list(Canonicalization))


def reference(form: Canonicalization, body: bytes) -> bytes:
    """RFC 6376 section 3.4.3 and 3.4.4, word by word."""
    if form is Canonicalization.RELAXED:
        body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return body + b"\r\n" if body or form is Canonicalization.SIMPLE else body


def chunks_of(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(places)]


@given(body=body_octets, cuts=st.lists(st.integers(0, 200)), form=forms, length=st.none() | st.integers(0, 60))
def test_the_body_hash_does_not_depend_on_the_cuts(
    body: bytes, cuts: list[int], form: Canonicalization, length: int | None
) -> None:
    spec = BodySpec(form, HashAlgorithm.SHA256, length)
    hashes = BodyHashes([spec])
    for chunk in chunks_of(body, cuts):
        hashes.update(chunk)
    canonical = reference(form, body)
    digest = hashes.digests()[spec]
    assert digest.digest == hashlib.sha256(canonical[:length]).digest()
    assert digest.total == len(canonical)


@given(value=field_value)
def test_the_relaxed_field_is_its_own_relaxed_form(value: bytes) -> None:
    once = relaxed_field(b"Name:" + value + b"\r\n")
    assert relaxed_field(once) == once
    assert not re.search(rb"[ \t]{2}|[ \t]\r\n|\t", once)


tag_list = st.text(alphabet="vabhdslcqtxi=;: \t10./@exmplcor-", max_size=200).map(str.encode)
key_record = st.text(alphabet="vkphst=;: DKIM1rsaed25519+/AQ", max_size=200).map(str.encode)


@given(value=st.binary(max_size=200) | tag_list)
def test_reading_a_signature_raises_its_own_error_or_nothing(value: bytes) -> None:
    field = Field(b"dkim-signature", b"DKIM-Signature:" + value + b"\r\n")
    with suppress(SignatureError):
        parse_signature(field)
    assert len(without_signature(field.raw)) <= len(field.raw) - 2


@given(record=st.binary(max_size=200) | key_record)
def test_reading_a_key_raises_its_own_error_or_nothing(record: bytes) -> None:
    with suppress(KeyRecordError):
        parse_key(record)


@given(der=st.binary(max_size=200), cut=st.integers(0, 162), flip=st.integers(0, 161))
def test_a_damaged_key_is_answered(der: bytes, cut: int, flip: int) -> None:
    public = RSA.private_key.public_octets()
    damaged = public[:flip] + bytes([public[flip] ^ 1]) + public[flip + 1 :]
    for octets in (der, public[:cut] + der, damaged):
        names: dict[str, dict[str, object]] = {RSA.key_name: {"TXT": ["v=DKIM1; p=" + _base64(octets)]}}
        (result,) = verify(SIGNED_BY_RSA, names)
        assert result.result in (DkimStatus.FAIL, DkimStatus.PERMERROR, DkimStatus.PASS)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


SIGNED_BY_RSA = sign_as("v=1; a=rsa-sha256; c=simple/simple; d=example.com; s=rsa; h=From:To; bh={bh}; b={b}")
SIGNED_BY_BOTH = sign_dkim(PLAIN, [RSA, ED25519], now=NOW, canonicalization="simple/simple") + PLAIN


@given(message=st.binary(max_size=300) | st.lists(words | body_octets, max_size=40).map(b"".join))
def test_verification_never_raises(message: bytes) -> None:
    for start in (b"", b"DKIM-Signature: ", SIGNED_BY_RSA[:120], SIGNED_BY_RSA[:300]):
        for legacy in (False, True):
            results = run_now(verify_dkim(start + message, zone(ZONE), now=NOW, legacy_crypto=legacy))
            assert all(result.result is not DkimStatus.NEUTRAL for result in results)


@given(place=st.integers(SIGNED_BY_BOTH.index(PLAIN), len(SIGNED_BY_BOTH) - 1), octet=st.integers(0, 255))
def test_a_covered_octet_cannot_change_unseen(place: int, octet: int) -> None:
    changed = SIGNED_BY_BOTH[:place] + bytes([octet]) + SIGNED_BY_BOTH[place + 1 :]
    separator = SIGNED_BY_BOTH.index(b"\r\n\r\n") + 2  # the empty line belongs to neither header nor body
    if changed != SIGNED_BY_BOTH and not separator <= place < separator + 2:
        assert all(result.result is not DkimStatus.PASS for result in verify(changed))


@given(
    subject=field_value,
    body=mail_body,
    header_form=forms,
    body_form=forms,
    cuts=st.lists(st.integers(0, 100), max_size=4),
)
def test_what_we_sign_verifies_here_and_with_dkimpy(
    subject: bytes, body: bytes, header_form: Canonicalization, body_form: Canonicalization, cuts: list[int]
) -> None:
    text = b"From: a@example.com\r\nSubject:" + subject + b"\r\nX: y\r\n\r\n" + body
    form = f"{header_form}/{body_form}"
    signed = sign_dkim(text, [RSA, ED25519], now=NOW, canonicalization=form) + text
    assert [result.result for result in verify(signed)] == ["pass", "pass"]
    assert all(dkim.DKIM(signed).verify(idx=index, dnsfunc=_look_up) for index in (0, 1))


@pytest.mark.parametrize("selector", ["rsa", "ed"])
@given(subject=field_value, body=mail_body, header_form=forms, body_form=forms)
def test_what_dkimpy_signs_verifies_here(
    selector: str, subject: bytes, body: bytes, header_form: Canonicalization, body_form: Canonicalization
) -> None:
    text = b"From: a@example.com\r\nSubject:" + subject + b"\r\nX: y\r\n\r\n" + body
    field = dkim.sign(
        text,
        selector.encode(),
        b"example.com",
        RSA_PEM if selector == "rsa" else ED25519_SEED,
        canonicalize=(header_form.encode(), body_form.encode()),
        signature_algorithm=b"rsa-sha256" if selector == "rsa" else b"ed25519-sha256",
    )
    assert [result.result for result in verify(field + text, now=datetime.now(UTC))] == ["pass"]


def _look_up(name: bytes, timeout: int = 5) -> bytes | None:
    return {key.key_name.encode() + b".": key.key_record().encode() for key in (RSA, ED25519)}.get(name)
