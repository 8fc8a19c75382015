"""The state of a chain: every reason, the limits, and what else a result tells (RFC 8617 section 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.arc.seal import Sealing
from inalign.arc.validate import ArcLimits, Validation, validate_arc
from inalign.dkim.canonical import BodyDigest, BodyHashes
from inalign.dkim.sign import SigningKey
from inalign.mail.fields import parse_message
from inalign.resolver import Answer, Question, ZoneResolver
from tests.arc.test_seal import FOUND, add_set
from tests.dkim.material import ED25519, PLAIN, RSA, RSA_PEM, ZONE
from tests.helpers import NOW, run_now, zone

ONE = add_set(PLAIN)
TWO = add_set(ONE)
THREE = add_set(TWO, ED25519)


def validate(text: bytes, names: dict[str, dict[str, object]] | None = None) -> ArcResult:
    return run_now(validate_arc(text, zone(ZONE if names is None else names), now=NOW))


def without(text: bytes, *starts: bytes) -> bytes:
    """The message less the fields that begin so."""
    parts = parse_message(text)
    return b"".join(field.raw for field in parts.fields if not field.raw.startswith(starts)) + b"\r\n" + parts.body


def of_set(text: bytes, instance: int, change: Callable[[bytes], bytes]) -> bytes:
    """The message with every field of one set changed."""
    parts = parse_message(text)
    mark = f" i={instance};".encode()
    raws = [change(f.raw) if f.key.startswith(b"arc-") and mark in f.raw else f.raw for f in parts.fields]
    return b"".join(raws) + b"\r\n" + parts.body


REASONS: list[tuple[ArcReason, bytes]] = [
    (ArcReason.NO_SETS, PLAIN),
    (ArcReason.VALID, ONE),
    (ArcReason.VALID, THREE),
    (ArcReason.SYNTAX, b"ARC-Seal: junk\r\n" + PLAIN),
    (ArcReason.SYNTAX, b"ARC-Authentication-Results: mx.example; i=1;\r\n" + PLAIN),
    (ArcReason.SYNTAX, ONE.replace(b"; t=", b"; h=from; t=", 1)),
    (ArcReason.SYNTAX, ONE.replace(b"i=1;", b"i=0;")),
    (ArcReason.SYNTAX, ONE.replace(b"i=1;", b"i=100;")),
    (ArcReason.TOO_MANY_SETS, ONE.replace(b"i=1;", b"i=51;")),
    (ArcReason.TOO_MANY_SETS, b"ARC-Seal: i=1; cv=none\r\n" * 151 + PLAIN),
    (ArcReason.INSTANCES, without(ONE, b"ARC-Seal")),
    (ArcReason.INSTANCES, without(ONE, b"ARC-Message-Signature")),
    (ArcReason.INSTANCES, without(ONE, b"ARC-Authentication-Results")),
    (ArcReason.INSTANCES, ONE.replace(b"i=1;", b"i=2;")),
    (ArcReason.INSTANCES, of_set(THREE, 2, lambda raw: b"")),
    (ArcReason.INSTANCES, of_set(THREE, 2, lambda raw: raw + raw)),
    (ArcReason.INSTANCES, ONE.replace(b"ARC-Authentication-Results: i=1", b"ARC-Authentication-Results: i=2")),
    (ArcReason.CHAIN_VALUE, ONE.replace(b"cv=none", b"cv=pass")),
    (ArcReason.CHAIN_VALUE, TWO.replace(b"cv=pass", b"cv=none")),
    (ArcReason.CHAIN_VALUE, TWO.replace(b"cv=none", b"cv=fail")),
    (ArcReason.FAILED_BEFORE, TWO.replace(b"cv=pass", b"cv=fail")),
    (ArcReason.FAILED_BEFORE, b"ARC-Seal: i=9; cv=fail\r\n" + ONE),
    (ArcReason.SIGNATURE_MISMATCH, ONE.replace(b"greetings", b"Greetings")),
    (ArcReason.SIGNATURE_MISMATCH, ONE.replace(b"dkim=pass", b"dkim=fail")),
    (ArcReason.SIGNATURE_MISMATCH, of_set(THREE, 1, lambda raw: raw.replace(b"dkim=pass", b"dkim=fail"))),
    (ArcReason.BODY_HASH_MISMATCH, ONE.replace(b"Hello", b"Hallo")),
    (ArcReason.OBSOLETE_ALGORITHM, ONE.replace(b"a=rsa-sha256", b"a=rsa-sha1", 1)),
    (ArcReason.OBSOLETE_ALGORITHM, b"a=rsa-sha1".join(ONE.rsplit(b"a=rsa-sha256", 1))),
    (ArcReason.EXPIRED, b"; x=5; t=4;".join(ONE.rsplit(b"; t=1795521600;", 1))),
]


@pytest.mark.parametrize(("reason", "text"), REASONS, ids=[f"{n}-{row[0]}" for n, row in enumerate(REASONS)])
def test_reason(reason: ArcReason, text: bytes) -> None:
    result = validate(text)
    words = {ArcReason.NO_SETS: ArcStatus.NONE, ArcReason.VALID: ArcStatus.PASS}
    assert (result.reason, result.result) == (reason, words.get(reason, ArcStatus.FAIL)), result.detail
    assert bool(result.detail) == (result.result is ArcStatus.FAIL)


KEY_REASONS: list[tuple[ArcReason, dict[str, object]]] = [
    (ArcReason.KEY_UNAVAILABLE, {"error": "timeout"}),
    (ArcReason.KEY_UNAVAILABLE, {"error": "servfail"}),
    (ArcReason.NO_KEY, {"error": "nxdomain"}),
    (ArcReason.NO_KEY, {"TXT": ["v=DKIM1; p="]}),
    (ArcReason.NO_KEY, {"TXT": ["junk"]}),
    (ArcReason.NO_KEY, {"TXT": [ED25519.key_record()]}),
    (ArcReason.VALID, {"TXT": [ED25519.key_record(), RSA.key_record()]}),
]


@pytest.mark.parametrize(("reason", "entry"), KEY_REASONS)
def test_key(reason: ArcReason, entry: dict[str, object]) -> None:
    assert validate(ONE, {RSA.key_name: entry}).reason is reason


def test_every_reason_is_tested() -> None:
    assert {reason for reason, _ in REASONS} | {reason for reason, _ in KEY_REASONS} == set(ArcReason)


def test_one_seal_without_an_answer_is_enough_to_fail() -> None:
    # RFC 8617 section 5.2.1
    result = validate(THREE, {**ZONE, RSA.key_name: {"error": "timeout"}})
    assert (result.result, result.reason) == (ArcStatus.FAIL, ArcReason.KEY_UNAVAILABLE)
    assert "seal 2" in result.detail


def test_a_pass_tells_all_about_its_chain() -> None:
    other = SigningKey.load("forwarder.example", "s", RSA_PEM)
    text = add_set(TWO, other)
    assert validate(text, {**ZONE, other.key_name: {"TXT": [other.key_record()]}}) == ArcResult(
        result=ArcStatus.PASS,
        reason=ArcReason.VALID,
        instances=3,
        sealers=("example.com", "example.com", "forwarder.example"),
        results=(b" lists.example.org;\r\n\tdkim=pass header.d=example.com",) * 3,
        oldest_pass=0,
    )


def test_a_failed_chain_still_tells_how_many_sets_it_has() -> None:
    assert validate(THREE.replace(b"Hello", b"Hallo")).instances == 3
    assert validate(without(THREE, b"ARC-Seal: i=2")).instances == 3


def test_oldest_pass_is_the_first_that_saw_the_message_as_it_is() -> None:
    changed = TWO.replace(b"Hello", b"Hallo")
    chain = validate(TWO)
    text = add_set(add_set(changed, chain=chain), chain=chain)
    result = validate(text)
    assert (result.result, result.instances, result.oldest_pass) == (ArcStatus.PASS, 4, 3)


def test_an_old_message_signature_without_a_key_ends_the_search() -> None:
    old = SigningKey.load("gone.example", "s", RSA_PEM)
    first = add_set(PLAIN, old, chain=validate(PLAIN))
    names: dict[str, dict[str, object]] = {**ZONE, old.key_name: {"TXT": [old.key_record()]}}
    text = add_set(first, chain=validate(first, names))
    assert validate(text, names).oldest_pass == 0
    # the seal of the old set has no key either
    assert validate(text).reason is ArcReason.NO_KEY


@pytest.mark.parametrize("odd", [b"; l=x; h=", b"; x=1; h=", b"; h=arc-seal:"])
def test_an_old_message_signature_that_cannot_pass_ends_the_search(odd: bytes) -> None:
    class OddSealing(Sealing):
        def _message_signature(self, instance: int, body: BodyDigest) -> bytes:
            return super()._message_signature(instance, body).replace(b"; t=1795521600;", b";").replace(b"; h=", odd)

    parts = parse_message(PLAIN)
    sealing = OddSealing(parts.fields, RSA, now=NOW)
    hashes = BodyHashes(sealing.body_specs)
    hashes.update(parts.body)
    first = sealing.fields(hashes.digests(), results=FOUND, chain=validate(PLAIN)) + PLAIN
    assert validate(first).result is ArcStatus.FAIL
    result = validate(add_set(first, chain=validate(ONE)))
    assert (result.result, result.oldest_pass) == (ArcStatus.PASS, 2)


def test_old_message_signatures_cannot_demand_many_body_hashes() -> None:
    fields = parse_message(THREE).fields
    assert len(Validation(fields, now=NOW).body_specs) == 1
    lengths = iter(range(100))
    text = PLAIN
    for _ in range(20):
        text = add_set(text, chain=validate(ONE) if text is not PLAIN else validate(PLAIN))
        head, tail = text.split(b"; h=", 1)
        text = head + f"; l={next(lengths)}; h=".encode() + tail
    validation = Validation(parse_message(text).fields, now=NOW, limits=ArcLimits(body_hashes=4))
    assert len(validation.body_specs) == 4


def test_keys_are_named_ahead_and_asked_for_once() -> None:
    named: list[Question] = []
    asked: list[str] = []

    class Listening(ZoneResolver):
        def prefetch(self, *questions: Question) -> None:
            named.extend(questions)

        async def txt(self, name: str) -> Answer[bytes]:
            asked.append(name)
            return await super().txt(name)

    assert run_now(validate_arc(THREE, Listening.from_json(ZONE), now=NOW)).result is ArcStatus.PASS
    assert sorted(asked) == sorted({question.name for question in named})
    assert len(named) == len(asked) == 2


def test_a_broken_structure_asks_nothing_and_hashes_nothing() -> None:
    validation = Validation(parse_message(without(ONE, b"ARC-Seal")).fields, now=NOW)
    assert validation.body_specs == frozenset()

    class Silent(ZoneResolver):
        async def txt(self, name: str) -> Answer[bytes]:
            raise AssertionError("nothing is to be asked")

    resolver = Silent.from_json({})
    validation.prefetch(resolver)
    assert run_now(validation.result(resolver, {})).reason is ArcReason.INSTANCES


def test_body_by_chunks() -> None:
    parts = parse_message(THREE)
    validation = Validation(parts.fields, now=NOW)
    hashes = BodyHashes(validation.body_specs)
    for octet in parts.body:
        hashes.update(bytes([octet]))
    assert run_now(validation.result(zone(ZONE), hashes.digests())).result is ArcStatus.PASS


@pytest.mark.parametrize(("length", "reason"), [(19, ArcReason.VALID), (20, ArcReason.BODY_HASH_MISMATCH)])
def test_length_of_the_body_must_not_be_beyond_it(length: int, reason: ArcReason) -> None:
    class LengthSealing(Sealing):
        def _sign(self, name: str, tags: list[tuple[str, str]], covered: bytes) -> bytes:
            more = [("l", str(length))] if name == "ARC-Message-Signature" else []
            return super()._sign(name, [*tags, *more], covered)

    parts = parse_message(PLAIN)
    sealing = LengthSealing(parts.fields, RSA, now=NOW)
    hashes = BodyHashes(sealing.body_specs)
    hashes.update(parts.body)
    assert validate(sealing.fields(hashes.digests(), results=FOUND, chain=validate(PLAIN)) + PLAIN).reason is reason


def test_naive_time_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        run_now(validate_arc(PLAIN, zone({}), now=NOW.replace(tzinfo=None)))
    assert run_now(validate_arc(ONE, zone(ZONE), now=NOW + timedelta(days=9999))).result is ArcStatus.PASS


@pytest.mark.parametrize(
    "value",
    [
        b" i=1; mx.example; none",
        b" i = 1 ; mx.example; none",
        b"\r\n\ti=\r\n 1\r\n ; mx.example; none",
        b" (a comment) i=(another)1(more); mx.example; none",
        b"I=1;mx.example",
        b"i=01;mx.example",
    ],
)
def test_instance_of_an_aar(value: bytes) -> None:
    # the field is none that was sealed, but it is found to be the one of set 1
    text = without(ONE, b"ARC-Authentication-Results")
    assert validate(b"ARC-Authentication-Results:" + value + b"\r\n" + text).reason is ArcReason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    "value", [b"", b"i=1", b"i=1 mx", b"i=;", b"i=x;", b"x; i=1;", b"ii=1;", b"i=1.;", b"(i=1;", b"i=-1;"]
)
def test_what_is_no_instance_of_an_aar(value: bytes) -> None:
    assert validate(b"ARC-Authentication-Results:" + value + b"\r\n" + ONE).reason is ArcReason.SYNTAX


@pytest.mark.parametrize(
    "text",
    [
        b"ARC-Authentication-Results: " + b"(" * 500_000 + b"\r\n\r\n",
        b"ARC-Authentication-Results: " + b"()" * 500_000 + b"i=1;\r\n\r\n",
        b"ARC-Authentication-Results: i" + b" \t" * 500_000 + b"\r\n\r\n",
        b"ARC-Seal: i=1; " + b"a=b;" * 250_000 + b"\r\n\r\n",
        b"ARC-Seal: i=1\r\n" * 60_000 + b"\r\n",
        of_set(ONE, 1, lambda raw: raw.replace(b"h=from", b"h=from" + b":from" * 200_000)),
    ],
)
def test_a_megabyte_of_malice_is_answered(text: bytes) -> None:
    assert validate(text).result is ArcStatus.FAIL


def test_fifty_sets_are_a_chain() -> None:
    text = PLAIN
    chain = validate(PLAIN)
    for _ in range(50):
        text = add_set(text, chain=chain)
        chain = validate(ONE)
    result = validate(text)
    assert (result.result, result.instances, result.oldest_pass) == (ArcStatus.PASS, 50, 0)
