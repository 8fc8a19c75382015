"""Sealing: chains that we build and validate (RFC 8617 section 5.1)."""

from __future__ import annotations

import pytest

import dkim
from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.arc.seal import SealingOptions, combined_results, seal_arc
from inalign.arc.sets import MAX_SETS
from inalign.arc.validate import validate_arc
from inalign.dkim.sign import SigningError, SigningKey, sign_dkim
from inalign.mail.fields import parse_message
from inalign.mail.results import AuthenticationResults, MethodResult, Property
from tests.dkim.material import ED25519, PLAIN, RSA, ZONE
from tests.helpers import NOW, run_now, zone

NONE = ArcResult(result=ArcStatus.NONE, reason=ArcReason.NO_SETS)
FOUND = AuthenticationResults(
    authserv_id="lists.example.org",
    results=(MethodResult(method="dkim", result="pass", properties=(Property("header", "d", "example.com"),)),),
)


def validate(text: bytes) -> ArcResult:
    return run_now(validate_arc(text, zone(ZONE), now=NOW))


def add_set(text: bytes, key: SigningKey = RSA, chain: ArcResult | None = None) -> bytes:
    return seal_arc(text, key, now=NOW, results=FOUND, chain=chain or validate(text)) + text


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_a_chain_of_many_seals_passes(key: SigningKey) -> None:
    text = sign_dkim(PLAIN, [RSA], now=NOW) + PLAIN
    for length in range(1, 6):
        text = add_set(text, key if length % 2 else RSA)
        result = validate(text)
        assert (result.result, result.instances, result.oldest_pass) == (ArcStatus.PASS, length, 0)
        assert result.sealers == ("example.com",) * length


def test_the_instance_comes_first_and_lines_are_short() -> None:
    sealed = seal_arc(PLAIN, RSA, now=NOW, results=FOUND, chain=NONE)
    names = [field.name for field in parse_message(sealed).fields]
    assert names == [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"]
    assert all(field.value.startswith(b" i=1; ") for field in parse_message(sealed).fields)
    assert all(len(line) <= 78 for line in sealed.split(b"\r\n"))
    assert b"ARC-Authentication-Results: i=1; lists.example.org;\r\n\tdkim=pass header.d=example.com\r\n" in sealed


def test_dkim_signatures_are_covered() -> None:
    # RFC 8617 section 4.1.2
    signed = sign_dkim(PLAIN, [RSA], now=NOW) + PLAIN
    sealed = add_set(signed)
    assert validate(sealed).result is ArcStatus.PASS
    assert validate(sealed.replace(b"DKIM-Signature: v=1", b"DKIM-Signature: v=2")).result is ArcStatus.FAIL


def test_a_broken_chain_gets_one_last_set_of_its_own() -> None:
    # RFC 8617 section 5.1.2
    broken = add_set(PLAIN).replace(b"Hello", b"Hallo")
    assert validate(broken).reason is ArcReason.BODY_HASH_MISMATCH
    closed = add_set(broken)
    assert closed.count(b"ARC-Seal: i=2; ") == 1
    assert b"cv=fail" in closed
    assert validate(closed).reason is ArcReason.FAILED_BEFORE
    assert seal_arc(closed, RSA, now=NOW, results=FOUND, chain=validate(closed)) == b""


def test_the_last_set_is_counted_from_the_highest_instance_found() -> None:
    broken = b"ARC-Seal: i=1; junk\r\nARC-Message-Signature: i=3; a=b\r\n" + PLAIN
    assert seal_arc(broken, RSA, now=NOW, results=FOUND, chain=validate(broken)).count(b"i=4;") == 3


def test_nothing_is_added_beyond_fifty_sets() -> None:
    text = f"ARC-Seal: i={MAX_SETS}; a=x\r\n".encode() + PLAIN
    assert seal_arc(text, RSA, now=NOW, results=FOUND, chain=validate(text)) == b""
    text = f"ARC-Authentication-Results: i={MAX_SETS - 1}; x\r\n".encode() + PLAIN
    assert b"i=50;" in seal_arc(text, RSA, now=NOW, results=FOUND, chain=validate(text))


@pytest.mark.parametrize("name", ["ARC-Seal", "arc-message-signature", "Authentication-Results"])
def test_fields_that_must_not_be_covered(name: str) -> None:
    with pytest.raises(SigningError):
        seal_arc(PLAIN, RSA, now=NOW, results=FOUND, chain=NONE, options=SealingOptions(header_fields=("From", name)))


def test_results_of_one_server_are_combined() -> None:
    # RFC 8617 section 4.1.1
    parts = parse_message(
        b"Authentication-Results: MX.example.net; spf=pass smtp.mailfrom=a.example\r\n"
        b"Authentication-Results: other.example; spf=fail smtp.mailfrom=b.example\r\n"
        b"Authentication-Results: mx.example.net; dkim=pass header.d=a.example;\r\n dmarc=pass\r\n"
        b"Authentication-Results: mx.example.net; ;;;\r\n\r\n"
    )
    assert str(combined_results(parts.fields, "mx.example.net")) == (
        "mx.example.net; spf=pass smtp.mailfrom=a.example; dkim=pass header.d=a.example; dmarc=pass"
    )
    assert str(combined_results(parts.fields, "none.example")) == "none.example; none"


def test_dkimpy_validates_our_chain() -> None:
    records = {RSA.key_name.encode() + b".": RSA.key_record().encode()}
    text = add_set(add_set(add_set(PLAIN)))
    cv, sets, reason = dkim.ARC(text).verify(dnsfunc=lambda name, timeout=5: records.get(name))
    assert cv == b"pass", reason
    assert len(sets) == 3
