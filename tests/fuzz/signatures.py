"""DKIM signatures, keys and ARC sets, and a whole message that is authenticated."""

from __future__ import annotations

import contextlib

from inalign import Envelope, authenticate, parse_authentication_results
from inalign.arc.result import ArcReason, ArcStatus
from inalign.arc.validate import validate_arc
from inalign.dkim.algorithm import HashAlgorithm
from inalign.dkim.canonical import BodyHashes, BodySpec, Canonicalization, without_signature
from inalign.dkim.key import KeyRecordError, parse_key
from inalign.dkim.result import DkimReason, DkimStatus
from inalign.dkim.signature import SignatureError, parse_signature
from inalign.dkim.verify import verify_dkim
from inalign.mail.fields import make_field
from tests.dkim.material import PLAIN, RSA, ZONE, sign_as
from tests.helpers import NOW, run_now, zone

SIGNED = sign_as("v=1; a=rsa-sha256; c=simple/simple; d=example.com; s=rsa; h=From:To; bh={bh}; b={b}")
CUTS = (1, 2, 3, 5, 8, 64)
SPECS = [BodySpec(form, HashAlgorithm.SHA256, length) for form in Canonicalization for length in (None, 0, 7)]


def dkim_signature(data: bytes) -> None:
    """A DKIM-Signature with this value, on a message that another signature covers."""
    field = make_field(b"DKIM-Signature", data)
    with contextlib.suppress(SignatureError):
        signature = parse_signature(field)
        assert b"from" in signature.signed_fields
        assert len(signature.key_name) <= 253
    assert len(without_signature(field.raw)) <= len(field.raw) - 2
    _check_dkim(field.raw + SIGNED)


def dkim_key(data: bytes) -> None:
    """A key record with this text."""
    with contextlib.suppress(KeyRecordError):
        record = parse_key(data)
        assert not record.is_revoked or record.public_key is None
    (result,) = run_now(verify_dkim(SIGNED, zone({RSA.key_name: {"TXT": [data]}}), now=NOW))
    assert result.result in DkimStatus


def dkim_message(data: bytes) -> None:
    """Any octets as a message, and as a body that comes in pieces of any size."""
    _check_dkim(data)
    whole = BodyHashes(SPECS)
    whole.update(data)
    cut = CUTS[len(data) % len(CUTS)]
    pieces = BodyHashes(SPECS)
    for start in range(0, min(len(data), 512), cut):
        pieces.update(data[start : min(start + cut, 512)])
    pieces.update(data[512:])
    assert pieces.digests() == whole.digests()


def _check_dkim(text: bytes) -> None:
    for legacy in (False, True):
        for result in run_now(verify_dkim(text, zone(ZONE), now=NOW, legacy_crypto=legacy)):
            assert result.result in DkimStatus
            assert result.result is not DkimStatus.NEUTRAL
            assert result.reason in DkimReason


def arc(data: bytes) -> None:
    """Any octets on top of a message without sets: no chain is made of nothing."""
    for text in (data, data + PLAIN):
        result = run_now(validate_arc(text, zone(ZONE), now=NOW))
        assert result.result in ArcStatus
        assert result.reason in ArcReason
        assert (result.reason is ArcReason.VALID) == (result.result is ArcStatus.PASS)


def whole_message(data: bytes) -> None:
    """The first three lines are the envelope, the rest is the message; the field that is written is in its grammar."""
    client, helo, mail_from, message = (data.split(b"\n", 3) + [b""] * 4)[:4]
    names: dict[str, dict[str, object]] = {**ZONE, "example.com": {"TXT": ["v=spf1 exists:%{l}.%{h}.example.com -all"]}}
    names["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=reject"]}
    envelope = Envelope(_text(client), _text(helo), _text(mail_from))
    verdict = run_now(authenticate(message, envelope, zone(names), now=NOW, authserv_id="mx.example.net"))
    written = str(verdict.authentication_results)
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in written)
    read = parse_authentication_results(written.encode())
    assert read.authserv_id == "mx.example.net"
    (dmarc,) = [one for one in read.results if one.method == "dmarc"]
    assert dmarc.result == verdict.dmarc.result


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
