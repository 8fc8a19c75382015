"""Known attacks on e-mail authentication, each played whole: none may give dmarc=pass for a domain that did not send.

The attacker owns evil.example with records and keys of every kind, and sends from an address that passes SPF there.
The victim, victim.example, publishes p=reject. What varies is the trick.
"""

from __future__ import annotations

import pytest

from inalign.dkim.sign import SigningKey, sign_dkim
from inalign.dmarc.result import DmarcStatus
from inalign.flow.authenticate import authenticate
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.domain import parse_domain
from tests.helpers import NOW, message, run_now, zone
from tests.senders import key_record, private_key

ATTACKER = "203.0.113.66"
NAMES: dict[str, dict[str, object]] = {
    "victim.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"], "MX": [[10, "mx.victim.example"]]},
    "_dmarc.victim.example": {"TXT": ["v=DMARC1; p=reject; sp=reject; np=reject"]},
    "evil.example": {"TXT": [f"v=spf1 ip4:{ATTACKER} -all"]},
    "*.evil.example": {"TXT": [f"v=spf1 ip4:{ATTACKER} -all"]},
    "helo.evil.example": {"TXT": [f"v=spf1 ip4:{ATTACKER} -all"]},
    "s1._domainkey.evil.example": {"TXT": [key_record()]},
    "_dmarc.evil.example": {"TXT": ["v=DMARC1; p=none"]},
    "dead.example": {"error": "timeout"},
    "s1._domainkey.dead.example": {"error": "timeout"},
}
EVIL = Envelope(ATTACKER, "helo.evil.example", "eve@evil.example")


def judge(octets: bytes, envelope: Envelope = EVIL, names: dict[str, dict[str, object]] | None = None) -> Verdict:
    return run_now(authenticate(octets, envelope, zone(names or NAMES), now=NOW, authserv_id="mx.example.net"))


def signed_by_evil(text: str, *, body_length: bool = False) -> bytes:
    octets = message(text)
    key = SigningKey(parse_domain("evil.example"), parse_domain("s1"), private_key())
    signature = sign_dkim(message("From: eve@evil.example\n\nx\n"), [key], now=NOW, body_length=body_length)
    return signature + octets


def test_the_attacker_passes_as_himself() -> None:
    """The tests below would prove nothing if their zone could not give a pass."""
    assert judge(message("From: eve@evil.example\n\nx\n")).dmarc.result is DmarcStatus.PASS


@pytest.mark.parametrize(
    "header",
    [
        "From: ceo@victim.example",
        "From: CEO <ceo@victim.example>",
        "From: ceo@VICTIM.example.",
        "From: ceo@sub.victim.example",
        "From: ceo@no.such.name.victim.example",
        "From: ceo@victim.example\nFrom: eve@evil.example",
        "From: eve@evil.example\nFrom: ceo@victim.example",
        "From : ceo@victim.example\nFrom: eve@evil.example",
        "From: eve@evil.example\nFrom : ceo@victim.example",
        "From: eve@evil.example\nFrom\t: ceo@victim.example",
        " From: ceo@victim.example\nFrom: eve@evil.example",
        "From: eve@evil.example, ceo@victim.example",
        "From: ceo@victim.example, eve@evil.example",
        "From: us: ceo@victim.example, eve@evil.example;",
        "From: <@victim.example,@b.example:eve@evil.example>",
        "From: <ceo@victim.example>,<eve@evil.example>",
        "From: ceo@victim.example <eve@evil.example>",
        "From: <ceo@victim.example> <eve@evil.example>",
        "From: <<ceo@victim.example>eve@evil.example>",
        'From: "ceo@victim.example>,"@evil.example',
        'From: "ceo@victim.example"@evil.example',
        "From: ceo@victim.example(evil.example)",
        "From: ceo@victim.example(\n @evil.example)",
        "From: (ceo@victim.example",
        "From: ceo@victim.example\\@evil.example",
        "From: =?utf-8?q?ceo=40victim.example=2C?=@evil.example",
        "From: =?utf-8?b?Y2VvQHZpY3RpbS5leGFtcGxl?= <eve@evil.example>, ceo@victim.example",
        "From: ceo@victim.example\x00@evil.example",
        "From: ceo@victim.example;eve@evil.example",
        "From: ceo@evil.example@victim.example",
        "From: ceo@victim.example@evil.example",
        "Sender: eve@evil.example\nFrom: ceo@victim.example",
        "Resent-From: eve@evil.example\nFrom: ceo@victim.example",
        "X: y\n\tFrom: eve@evil.example\nFrom: ceo@victim.example",
        "From:\n ceo@victim.example",
        "fRoM: ceo@victim.example",
    ],
)
def test_author_tricks(header: str) -> None:
    for octets in (message(f"{header}\nSubject: pay\n\nx\n"), signed_by_evil(f"{header}\nSubject: pay\n\nx\n")):
        verdict = judge(octets)
        assert verdict.dmarc.result is not DmarcStatus.PASS, verdict.dmarc
        assert verdict.dmarc.result is not DmarcStatus.NONE, verdict.dmarc


@pytest.mark.parametrize("separator", [b"\n", b"\r", b"\r\r", b"\0", b"\x0b", b"\x0c", b"\n \n"])
def test_second_author_behind_a_line_end_that_not_all_see(separator: bytes) -> None:
    octets = b"Subject: x" + separator + b"From: ceo@victim.example\r\nFrom: eve@evil.example\r\n\r\nx\r\n"
    assert judge(octets).dmarc.result is not DmarcStatus.PASS
    octets = b"From: eve@evil.example" + separator + b"From: ceo@victim.example\r\n\r\nx\r\n"
    assert judge(octets).dmarc.result is not DmarcStatus.PASS


@pytest.mark.parametrize(
    "mail_from",
    [
        "eve@evil.example,ceo@victim.example",
        "ceo@victim.example(@evil.example",
        '"ceo@victim.example"@evil.example',
        "<ceo@victim.example>@evil.example",
        "@evil.example:ceo@victim.example",
        "eve@no-such-name.victim.example",
        "eve@helo.evil.example",
        "",
        "ceo@victim.example\0.evil.example",
        "ceo@victim.example.evil.example",
        "victim.example@evil.example",
    ],
)
def test_reverse_path_tricks(mail_from: str) -> None:
    verdict = judge(message("From: ceo@victim.example\n\nx\n"), Envelope(ATTACKER, "helo.evil.example", mail_from))
    assert verdict.dmarc.result is DmarcStatus.FAIL, verdict.dmarc
    field = parse_authentication_results(str(verdict.authentication_results).encode())
    assert [result.method for result in field.results] == ["spf", "dkim", "dmarc"]


def test_helo_of_the_victim_does_not_help() -> None:
    names = NAMES | {"mail.victim.example": {"TXT": [f"v=spf1 ip4:{ATTACKER} -all"]}}
    envelope = Envelope(ATTACKER, "mail.victim.example", "eve@evil.example")
    assert judge(message("From: ceo@victim.example\n\nx\n"), envelope, names).dmarc.result is DmarcStatus.FAIL


@pytest.mark.parametrize(
    "tags",
    [
        "d=victim.example\0.evil.example; s=s1",
        "d=evil.example; s=s1; i=@victim.example",
        "d=victim.example; s=s1._domainkey.evil.example\0",
        "d=victim.example'@evil.example; s=s1",
        'd=victim.example" ; s=s1',
        "d=victim.example;d=evil.example; s=s1",
        "d=example; s=s1",
        "d=.victim.example; s=s1",
        "d=victim.example..; s=s1",
        "d=*.victim.example; s=s1",
    ],
)
def test_signature_domain_tricks(tags: str) -> None:
    octets = message("From: ceo@victim.example\n\nx\n")
    genuine = signed_by_evil("From: ceo@victim.example\n\nx\n").split(b"\r\nFrom:")[0].decode()
    forged = genuine.replace("d=evil.example", tags.split(";", maxsplit=1)[0], 1)
    plain = f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; {tags}; h=from; bh=AAAA; b=AAAA"
    for field in (forged, plain):
        verdict = judge(field.encode() + b"\r\n" + octets)
        assert verdict.dmarc.result is DmarcStatus.FAIL
        assert str(verdict.authentication_results).isprintable()
        parse_authentication_results(str(verdict.authentication_results).encode())


def test_dead_zone_in_a_signature_does_not_void_the_policy() -> None:
    field = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=dead.example; s=s1; h=from; bh=AAAA; b=AAAA\r\n"
    verdict = judge(
        field + message("From: ceo@victim.example\n\nx\n"), Envelope(ATTACKER, "x.example", "e@dead.example")
    )
    assert verdict.dmarc.result is DmarcStatus.FAIL


def test_hundred_signatures_of_dead_zones_are_bounded() -> None:
    field = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=d{}.dead.example; s=s1; h=from; bh=AAAA; b=AAAA\n"
    text = "".join(field.format(number) for number in range(100)) + "From: ceo@victim.example\n\nx\n"
    verdict = judge(message(text))
    assert len(verdict.dkim) == 100
    assert sum(result.result == "policy" for result in verdict.dkim) >= 80
    assert verdict.dmarc.result is DmarcStatus.FAIL


def test_forged_results_in_the_message_decide_nothing() -> None:
    text = (
        "Authentication-Results: mx.example.net; dmarc=pass header.from=victim.example\n"
        "ARC-Authentication-Results: i=1; mx.example.net; dmarc=pass header.from=victim.example\n"
        "Received-SPF: pass\nFrom: ceo@victim.example\n\nx\n"
    )
    assert judge(message(text)).dmarc.result is DmarcStatus.FAIL


def test_public_suffix_without_psd_aligns_nobody() -> None:
    """A record at a name above does not make siblings of strangers (RFC 9989 section 4.10.2)."""
    names = NAMES | {"_dmarc.example": {"TXT": ["v=DMARC1; p=reject; psd=y"]}}
    assert judge(message("From: ceo@other.example\n\nx\n"), EVIL, names).dmarc.result is DmarcStatus.FAIL


def test_text_appended_below_the_signed_length() -> None:
    octets = message("From: ceo@victim.example\nContent-Type: text/html\n\nhello\n")
    names = NAMES | {"s1._domainkey.victim.example": {"TXT": [key_record()]}}
    key = SigningKey(parse_domain("victim.example"), parse_domain("s1"), private_key())
    genuine = sign_dkim(octets, [key], now=NOW, body_length=True) + octets
    assert judge(genuine, EVIL, names).dmarc.result is DmarcStatus.PASS
    assert judge(genuine + b"<h1>pay here</h1>\r\n", EVIL, names).dmarc.result is DmarcStatus.FAIL


def test_fields_added_to_a_signed_message_are_noticed() -> None:
    octets = message("From: ceo@victim.example\n\nhello\n")
    names = NAMES | {"s1._domainkey.victim.example": {"TXT": [key_record()]}}
    key = SigningKey(parse_domain("victim.example"), parse_domain("s1"), private_key())
    signature = sign_dkim(octets, [key], now=NOW, header_fields=["from"])
    verdict = judge(b"Subject: pay\r\nSubject: pay more\r\n" + signature + octets, EVIL, names)
    assert "subject" in verdict.dkim[0].added_fields
    second_author = judge(b"From: eve@evil.example\r\n" + signature + octets, EVIL, names)
    assert second_author.dmarc.result is not DmarcStatus.PASS
