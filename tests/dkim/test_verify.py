"""The results of verification: every reason, the limits, and what else a result tells (RFC 6376 section 6)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from inalign.dkim.canonical import BodyHashes
from inalign.dkim.result import DkimReason, DkimResult
from inalign.dkim.sign import SigningKey, sign_dkim
from inalign.dkim.verify import LIMITS, DkimLimits, Verification, verify_dkim
from inalign.mail.fields import parse_message
from inalign.resolver import Answer, Question, ZoneResolver
from tests.dkim.material import ED25519, PLAIN, RSA, ZONE, sign_as, verify, verify_one
from tests.helpers import NOW, message, run_now, zone

TAGS = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=rsa; h=From:To:Subject; bh={bh}; b={b}"
SIGNED = sign_as(TAGS)
KEY = RSA.key_name
SECONDS = int(NOW.timestamp())


def with_key(record: str) -> dict[str, dict[str, object]]:
    return {KEY: {"TXT": [record]}}


def record_of_size(bits: int) -> str:
    """A key record with an RSA key that nobody can sign with."""
    key = RSAPublicNumbers(65537, (1 << bits) - 1).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; p={base64.b64encode(der).decode()}"


def changed(**tags: str | None) -> bytes:
    """The signed message with some tags of its signature changed afterwards."""
    start, rest = SIGNED.split(b"\r\n", 1)
    old = dict(tag.strip().split("=", 1) for tag in start.decode().removeprefix("DKIM-Signature:").split(";"))
    new = {**old, **tags}
    text = "; ".join(f"{name}={value}" for name, value in new.items() if value is not None)
    return f"DKIM-Signature: {text}\r\n".encode() + rest


REASONS: list[tuple[DkimReason, str, bytes, Mapping[str, Mapping[str, object]]]] = [
    (DkimReason.VALID, "pass", SIGNED, ZONE),
    (DkimReason.SIGNATURE_MISMATCH, "fail", SIGNED.replace(b"greetings", b"Greetings"), ZONE),
    (DkimReason.BODY_HASH_MISMATCH, "fail", SIGNED.replace(b"Good bye", b"Good buy"), ZONE),
    (DkimReason.BODY_SHORTER_THAN_L, "fail", sign_as(TAGS + "; l=999"), ZONE),
    (DkimReason.EXPIRED, "fail", sign_as(TAGS + f"; x={SECONDS - 1}"), ZONE),
    (DkimReason.SYNTAX, "permerror", changed(l="x"), ZONE),
    (DkimReason.MISSING_TAG, "permerror", changed(v=None), ZONE),
    (DkimReason.UNSUPPORTED_VERSION, "permerror", changed(v="2"), ZONE),
    (DkimReason.UNSUPPORTED_ALGORITHM, "permerror", changed(a="rsa-md5"), ZONE),
    (DkimReason.OBSOLETE_ALGORITHM, "permerror", changed(a="rsa-sha1"), ZONE),
    (DkimReason.UNSUPPORTED_CANONICALIZATION, "permerror", changed(c="nowsp"), ZONE),
    (DkimReason.UNSUPPORTED_QUERY, "permerror", changed(q="http"), ZONE),
    (DkimReason.INVALID_DOMAIN, "permerror", changed(d="legit.com'.attack.com"), ZONE),
    (DkimReason.IDENTITY_MISMATCH, "permerror", changed(i="@example.org"), ZONE),
    (DkimReason.FROM_NOT_SIGNED, "permerror", changed(h="To:Subject"), ZONE),
    (DkimReason.FUTURE_TIMESTAMP, "permerror", sign_as(TAGS + f"; t={SECONDS + 301}"), ZONE),
    (DkimReason.EXPIRY_BEFORE_TIMESTAMP, "permerror", sign_as(TAGS + f"; t={SECONDS}; x={SECONDS}"), ZONE),
    (DkimReason.NO_KEY, "permerror", SIGNED, {}),
    (DkimReason.NO_KEY, "permerror", SIGNED, {"below." + KEY: {"TXT": ["x"]}}),
    (DkimReason.KEY_REVOKED, "permerror", SIGNED, with_key("v=DKIM1; p=")),
    (DkimReason.KEY_SYNTAX, "permerror", SIGNED, with_key("v=DKIM1; p=junk!")),
    (DkimReason.KEY_TYPE_MISMATCH, "permerror", SIGNED, with_key(ED25519.key_record())),
    (DkimReason.KEY_HASH_MISMATCH, "permerror", SIGNED, with_key(RSA.key_record() + "; h=sha1")),
    (DkimReason.KEY_SERVICE_MISMATCH, "permerror", SIGNED, with_key(RSA.key_record() + "; s=chat")),
    (DkimReason.KEY_TOO_SHORT, "permerror", SIGNED, with_key(record_of_size(1023))),
    (DkimReason.KEY_TOO_LONG, "permerror", SIGNED, with_key(record_of_size(8193))),
    (DkimReason.DNS_FAILED, "temperror", SIGNED, {KEY: {"error": "timeout"}}),
    (DkimReason.DNS_FAILED, "temperror", SIGNED, {KEY: {"error": "servfail"}}),
]


@pytest.mark.parametrize(
    ("reason", "word", "text", "names"), REASONS, ids=[f"{n}-{row[0]}" for n, row in enumerate(REASONS)]
)
def test_reason(reason: DkimReason, word: str, text: bytes, names: dict[str, dict[str, object]]) -> None:
    result = verify_one(text, names)
    assert (result.reason, result.result) == (reason, word)
    assert bool(result.detail) == (reason is not DkimReason.VALID)


def test_every_reason_is_tested() -> None:
    here = {reason for reason, *_ in REASONS} | {DkimReason.TOO_MANY_SIGNATURES}
    # the verdict on a message says these, not the check of a signature
    assert here == set(DkimReason) - {DkimReason.PARTIAL_BODY, DkimReason.CHANGED_IN_TRANSIT}


def test_message_without_a_signature_has_no_result() -> None:
    assert verify(PLAIN) == ()
    assert verify(b"") == ()
    assert verify(b"\r\n") == ()
    assert verify(b"no header at all") == ()


def test_a_pass_tells_all_about_its_signature() -> None:
    tags = (
        "v=1; a=rsa-sha256; c=relaxed/simple; d=Example.COM; i=joe@sub.example.com; s=rsa; "
        f"t={SECONDS}; x={SECONDS + 60}; h=From:To:Subject; bh={{bh}}; b={{b}}"
    )
    result = verify_one(sign_as(tags), with_key(RSA.key_record() + "; t=y"))
    assert result == DkimResult(
        result=result.result,
        reason=DkimReason.VALID,
        domain="example.com",
        selector="rsa",
        algorithm="rsa-sha256",
        canonicalization="relaxed/simple",
        identity="joe@sub.example.com",
        key_bits=1024,
        testing=True,
        is_header_intact=True,
        signed_fields=("from", "to", "subject"),
        signature_start=result.signature_start,
        timestamp=SECONDS,
        expiry=SECONDS + 60,
    )
    assert result.result == "pass"
    assert f"b={result.signature_start}".encode() in sign_as(tags)


@pytest.mark.parametrize(
    ("text", "domain", "selector", "algorithm"),
    [
        (changed(h="To"), "example.com", "rsa", "rsa-sha256"),
        (changed(l="x"), "example.com", "rsa", "rsa-sha256"),
        (changed(a="rsa-md5"), "example.com", "rsa", None),
        (changed(s="-"), "example.com", None, None),
        (changed(d="'"), None, None, None),
        (b"DKIM-Signature: junk\r\n" + PLAIN, None, None, None),
    ],
)
def test_a_refused_field_is_described_as_far_as_it_can_be_read(
    text: bytes, domain: str | None, selector: str | None, algorithm: str | None
) -> None:
    result = verify_one(text)
    assert (result.domain, result.selector, result.algorithm) == (domain, selector, algorithm)


def test_detail_says_whether_header_or_body_was_changed() -> None:
    assert "header was changed" in verify_one(SIGNED.replace(b"greetings", b"Greetings")).detail
    assert "header is intact" in verify_one(SIGNED.replace(b"Good", b"Bad")).detail
    both = verify_one(SIGNED.replace(b"Good", b"Bad").replace(b"greetings", b"Greetings"))
    # RFC 6376 section 6.1.3: the body hash is the earlier step
    assert both.reason is DkimReason.BODY_HASH_MISMATCH
    assert "header does not match either" in both.detail


@pytest.mark.parametrize("form", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple", "relaxed"])
@pytest.mark.parametrize(
    "tags",
    [
        "v=1; a=rsa-sha256; c={c}; d=example.com; s=rsa; h=From; bh={bh}; b={b}",
        "b={b}; bh={bh}; h=From; s=rsa; d=example.com; c={c}; a=rsa-sha256; v=1;",
        "v=1;\r\n\ta=rsa-sha256;\r\n\tc={c};\r\n d = example.com;s= rsa ;h=From\r\n\t:To :subject;"
        "bh=\r\n {bh};\r\n b={b}\r\n ;",
        "v=1; a=rsa-sha256; c={c}; d=example.com; s=rsa; z=From:a=40b|b=; bb=1; h=From; bh={bh}; b={b}",
        "v=1; a=rsa-sha256; c={c}; d=example.com; s=rsa; h=from:from:to:date:absent:subject; bh={bh}; b={b}; l=5",
    ],
)
def test_tags_in_any_order_and_folds_anywhere(form: str, tags: str) -> None:
    assert verify_one(sign_as(tags.replace("{c}", form))).result == "pass"


def test_signature_may_be_folded_inside_b() -> None:
    start, rest = SIGNED.split(b"\r\n", 1)
    assert verify_one(start[:-40] + b"\r\n " + start[-40:-9] + b" \t" + start[-9:] + b"\r\n" + rest).result == "pass"


def test_signature_below_other_fields_and_with_a_blank_before_its_colon() -> None:
    start, rest = SIGNED.split(b"\r\n", 1)
    head, body = rest.split(b"\r\n\r\n", 1)
    assert verify_one(head + b"\r\n" + start + b"\r\n\r\n" + body).result == "pass"
    assert verify_one(SIGNED.replace(b"DKIM-Signature:", b"dkim-SIGNATURE \t:")).result == "pass"


def test_simple_header_covers_the_octets_of_the_signature_field() -> None:
    simple = sign_as(TAGS.replace("relaxed/relaxed", "simple/simple"))
    assert verify_one(simple).result == "pass"
    assert verify_one(simple.replace(b"; h=", b";  h=")).reason is DkimReason.SIGNATURE_MISMATCH


def test_oversigned_field_cannot_be_added() -> None:
    tags = TAGS.replace("h=From:To", "h=From:From:To")
    added = b"From: mallory@example.org\r\n"
    assert verify_one(sign_as(tags)).result == "pass"
    assert verify_one(added + sign_as(tags)).reason is DkimReason.SIGNATURE_MISMATCH
    assert verify_one(sign_as(tags).replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1)).result == "fail"


def test_a_second_from_on_top_leaves_the_signature_valid_and_is_told() -> None:
    # RFC 6376 section 8.15: the signature has done its work; whoever looks for the author must judge
    result = verify_one(b"From: mallory@example.org\r\n" + SIGNED)
    assert (result.result, result.added_fields) == ("pass", ())
    assert "From" in result.detail


def test_repeated_single_instance_fields_are_told() -> None:
    added = b"Subject: other\r\nContent-Type: text/html\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\n"
    result = verify_one(added + SIGNED)
    assert result.result == "pass"
    assert set(result.added_fields) == {"subject", "content-type"}


def test_a_single_unsigned_field_was_not_added() -> None:
    assert verify_one(b"Sender: x@example.com\r\n" + SIGNED).added_fields == ()


@pytest.mark.parametrize(("length", "unsigned"), [(0, 19), (7, 12), (18, 1), (19, 0)])
def test_valid_signature_with_l_counts_the_unsigned_octets(length: int, unsigned: int) -> None:
    result = verify_one(sign_as(f"{TAGS}; l={length}"))
    assert (result.result, result.body_length, result.unsigned_octets) == ("pass", length, unsigned)


def test_octets_appended_behind_l_are_unsigned() -> None:
    signed = sign_as(TAGS + "; l=19")
    result = verify_one(signed + b"evil  \t evil\r\n\r\n\r\n")
    assert (result.result, result.unsigned_octets) == ("pass", len("evil evil\r\n"))
    assert verify_one(signed + b"\r\n \r\n\r\n").unsigned_octets == 0


def test_l_one_beyond_the_body_fails_even_if_the_hash_is_right() -> None:
    assert verify_one(sign_as(TAGS + "; l=20")).reason is DkimReason.BODY_SHORTER_THAN_L
    assert verify_one(sign_as(TAGS + f"; l={'9' * 76}")).reason is DkimReason.BODY_SHORTER_THAN_L


@pytest.mark.parametrize(("tags", "word"), [("t={0}", "pass"), ("t={300}", "pass"), ("x={0}", "pass"), ("t=0", "pass")])
def test_times_that_are_just_right(tags: str, word: str) -> None:
    tags = tags.replace("{0}", str(SECONDS)).replace("{300}", str(SECONDS + 300))
    assert verify_one(sign_as(f"{TAGS}; {tags}")).result == word


def test_expiry_is_judged_by_the_time_given() -> None:
    signed = sign_as(f"{TAGS}; t={SECONDS}; x={SECONDS + 10}")
    words = [
        run_now(verify_dkim(signed, zone(ZONE), now=NOW + timedelta(seconds=seconds)))[0].result for seconds in (10, 11)
    ]
    assert words == ["pass", "fail"]


def test_naive_time_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        run_now(verify_dkim(PLAIN, zone({}), now=NOW.replace(tzinfo=None)))


def test_saved_message_with_bare_line_feeds() -> None:
    assert verify_one(SIGNED.replace(b"\r\n", b"\n")).result == "pass"


# ---------------------------------------------------------------------------------------- several signatures


def test_results_stand_in_header_order_and_alone() -> None:
    text = b"DKIM-Signature: junk\r\n" + sign_dkim(SIGNED, [ED25519, RSA], now=NOW) + changed(q="http")
    assert [(result.result, result.selector) for result in verify(text)] == [
        ("permerror", None),
        ("pass", "rsa"),
        ("pass", "ed"),
        ("permerror", "rsa"),
    ]


def test_a_later_signature_may_cover_an_earlier_one() -> None:
    tags = TAGS.replace("h=From", "h=DKIM-Signature:From")
    text = sign_as(tags, SIGNED)
    assert [result.result for result in verify(text)] == ["pass", "pass"]
    own, rest = text.split(b"\r\n", 1)
    broken = own + b"\r\n" + rest.replace(b"v=1;", b"v= 1;")
    assert [result.result for result in verify(broken)] == ["fail", "fail"]


def test_signatures_beyond_the_cap_are_not_checked() -> None:
    start, rest = SIGNED.split(b"\r\n", 1)
    results = verify((start + b"\r\n") * (LIMITS.signatures + 2) + rest)
    assert [result.result for result in results] == ["pass"] * LIMITS.signatures + ["policy"] * 2
    assert results[-1].reason is DkimReason.TOO_MANY_SIGNATURES


def test_a_key_is_asked_for_once() -> None:
    asked: list[str] = []

    class Counting(ZoneResolver):
        async def txt(self, name: str) -> Answer[bytes]:
            asked.append(name)
            return await super().txt(name)

    start, rest = SIGNED.split(b"\r\n", 1)
    run_now(verify_dkim((start + b"\r\n") * 3 + rest, Counting.from_json(ZONE), now=NOW))
    assert asked == [KEY]


# ---------------------------------------------------------------------------------------- the streaming form


def test_verification_names_its_keys_and_bodies_ahead() -> None:
    text = sign_dkim(SIGNED, [ED25519, RSA], now=NOW) + SIGNED
    parts = parse_message(text)
    named: list[Question] = []

    class Listening(ZoneResolver):
        def prefetch(self, *questions: Question) -> None:
            named.extend(questions)

    resolver = Listening.from_json(ZONE)
    verification = Verification(parts.fields, now=NOW)
    verification.prefetch(resolver)
    assert named == [Question("TXT", RSA.key_name), Question("TXT", ED25519.key_name)]
    assert len(verification.body_specs) == 1
    hashes = BodyHashes(verification.body_specs)
    for octet in parts.body:
        hashes.update(bytes([octet]))
    results = run_now(verification.results(resolver, hashes.digests()))
    assert [result.result for result in results] == ["pass"] * 3


def test_no_body_hash_is_wanted_when_the_header_stage_refutes_all() -> None:
    parts = parse_message(b"DKIM-Signature: junk\r\n" + changed(a="rsa-sha1"))
    assert Verification(parts.fields, now=NOW).body_specs == frozenset()


def test_services_and_limits_are_arguments() -> None:
    parts = parse_message(SIGNED)
    for services, limits, word in (
        (frozenset({"email", "tlsrpt"}), LIMITS, "pass"),
        (frozenset({"email"}), LIMITS, "permerror"),
        (frozenset({"tlsrpt"}), dataclasses.replace(LIMITS, signatures=0), "policy"),
        (frozenset({"tlsrpt"}), DkimLimits(min_rsa_bits=2048), "permerror"),
    ):
        verification = Verification(parts.fields, now=NOW, services=services, limits=limits)
        hashes = BodyHashes(verification.body_specs)
        hashes.update(parts.body)
        names = zone(with_key(RSA.key_record() + "; s=tlsrpt"))
        assert run_now(verification.results(names, hashes.digests()))[0].result == word


def test_secure_tells_what_dnssec_vouched_for() -> None:
    class Secure(ZoneResolver):
        async def txt(self, name: str) -> Answer[bytes]:
            return dataclasses.replace(await super().txt(name), dnssec_validated=True)

    (result,) = run_now(verify_dkim(SIGNED, Secure.from_json(ZONE), now=NOW))
    assert result.secure
    assert not verify_one(SIGNED).secure


# ----------------------------------------------------------------------------------------------- hostile input


def test_internationalised_signature_is_hashed_as_written() -> None:
    # RFC 8616 section 5
    key = SigningKey.load("bücher.example", "schlüssel", RSA.private_key.to_pem())
    tags = TAGS.replace("d=example.com; s=rsa", "d=bücher.example; i=jö@bücher.example; s=schlüssel")
    result = verify_one(sign_as(tags, key=key), {key.key_name: {"TXT": [key.key_record()]}})
    assert (result.result, result.domain, result.selector) == (
        "pass",
        "xn--bcher-kva.example",
        "xn--schlssel-95a",
    )


@pytest.mark.parametrize(
    "text",
    [
        b"DKIM-Signature: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"DKIM-Signature: " + b";" * 1_000_000 + b"\r\n\r\n",
        b"DKIM-Signature: " + b"\r\n " * 300_000 + b"\r\n\r\n",
        b"DKIM-Signature: " + b"=" * 1_000_000 + b"\r\n\r\n",
        b"DKIM-Signature:\r\n" * 100_000 + b"\r\n",
        changed(h="From" + ":From" * 200_000),
        changed(h="From" + ":" * 200_000),
        changed(b="A" * 1_000_000),
        changed(b="A " * 500_000),
        changed(i="=41" * 300_000 + "@example.com"),
        changed(i="=" * 300_000 + "@example.com"),
        changed(d="a." * 300_000 + "com"),
        changed(z="b=" * 300_000),
        message("From: " + "a\n " * 300_000 + "b\n") + b"\r\n",
        SIGNED.replace(b"Subject: greetings", b"Subject:" + b" \t" * 500_000),
        SIGNED + b" " * 1_000_000,
        SIGNED + b" \r" * 500_000,
    ],
)
def test_a_megabyte_of_malice_is_answered(text: bytes) -> None:
    for result in verify(text):
        assert result.result in ("fail", "permerror", "policy", "pass")


def test_a_hundred_thousand_from_fields_against_as_many_names() -> None:
    text = b"From: a\r\n" * 100_000 + changed(h="From" + ":From" * 99_999)
    assert verify_one(text).reason is DkimReason.SIGNATURE_MISMATCH
