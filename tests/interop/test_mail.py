"""Inalign behind real mail servers: what lies in the mailbox after a real SMTP session."""

from __future__ import annotations

import pytest

from tests.interop.mail import STRANGER, Mail
from tests.interop.received import Received, mailfrom, word, words
from tests.interop.senders import BROKEN, CLIENT_IP_6, KEY_ONLY, SILENT, Algorithm, message
from tests.interop.server import ONLY_POSTFIX, ONLY_SENDMAIL
from tests.interop.smtp import Client

AUTHOR = "ann@reject.example"


# Results


def test_signed_mail_of_an_authorized_client_passes(mail: Mail) -> None:
    results = mail.exchange(mail.senders.signed(message())).results()
    assert words(results) == ("pass", "pass", "pass")
    assert mailfrom(results).properties["smtp.mailfrom"].rpartition("@")[2] == "reject.example"
    (signature,) = results["dkim"]
    assert signature.properties["header.d"] == "reject.example"
    assert signature.properties["header.s"] == "rsa"
    assert signature.properties["header.a"] == "rsa-sha256"
    (dmarc,) = results["dmarc"]
    assert dmarc.properties["header.from"] == "reject.example"
    assert dmarc.properties["policy.dmarc"] == "reject"


@pytest.mark.parametrize("canonicalization", ["relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"])
@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_every_algorithm_and_canonicalization_survives_the_server(
    mail: Mail, algorithm: Algorithm, canonicalization: str
) -> None:
    signed = mail.senders.signed(message(), algorithm=algorithm, canonicalization=canonicalization)
    assert words(mail.exchange(signed).results()) == ("pass", "pass", "pass")


@pytest.mark.parametrize(
    "line",
    [
        b"X:none",
        b"X:  two blanks",
        b"X:\ta tab",
        b"X: blanks after  ",
        b"X:\r\n first line empty",
        b"X: a\r\n\tb\r\n  c",
        b"X:",
        b"X: ",
        b"X: " + b"long" * 1000,
        "X: grüße".encode(),
        b"X: caf\xe9",
    ],
)
def test_header_octets_as_they_came_are_what_is_verified(mail: Mail, line: bytes) -> None:
    """Simple canonicalization forgives nothing: a blank lost on the way would fail."""
    signed = mail.senders.signed(
        message(fields=[line]), canonicalization="simple/simple", names=["from", "x", "subject", "to"]
    )
    assert word(mail.exchange(signed).results(), "dkim") == "pass"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n\r\n",
        b"no line end",
        b"trailing empty lines\r\n\r\n\r\n",
        b".dots\r\n..and more\r\n.\r\n",
        b"caf\xe9 \xff\xfe\r\n",
        b"x" * 5000 + b"\r\nand a short line\r\n",
        b"blanks  and\ttabs \r\nat the end\t \r\n",
    ],
)
@pytest.mark.parametrize("canonicalization", ["relaxed/relaxed", "simple/simple"])
def test_body_octets_as_they_came_are_what_is_verified(mail: Mail, body: bytes, canonicalization: str) -> None:
    # DATA always ends with CRLF, so that is what a signer must have signed.
    whole = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    signed = mail.senders.signed(message(body=whole), canonicalization=canonicalization)
    assert word(mail.exchange(signed).results(), "dkim") == "pass"


def test_changed_body_fails(mail: Mail) -> None:
    signed = mail.senders.signed(message(body=b"pay 10\r\n")).replace(b"pay 10", b"pay 99")
    results = mail.exchange(signed, client=STRANGER).results()
    assert words(results) == ("fail", "fail", "fail")
    (dmarc,) = results["dmarc"]
    assert dmarc.properties["policy.dmarc"] == "reject"


def test_forged_author_fails_though_everything_else_passes(mail: Mail) -> None:
    signed = mail.senders.signed(message("Bank <boss@reject.example>"), "quarantine.example")
    results = mail.exchange(signed, "bounce@quarantine.example").results()
    assert words(results) == ("pass", "pass", "fail")
    (dmarc,) = results["dmarc"]
    assert dmarc.properties["header.from"] == "reject.example"


def test_policy_in_test_mode_is_shown_one_step_weaker(mail: Mail) -> None:
    results = mail.exchange(message("ann@testing.example"), "ann@testing.example", client=STRANGER).results()
    (dmarc,) = results["dmarc"]
    assert (dmarc.word, dmarc.properties["policy.dmarc"]) == ("fail", "quarantine")


def test_domain_without_records_gives_none(mail: Mail) -> None:
    results = mail.exchange(message(f"ann@{KEY_ONLY}"), f"ann@{KEY_ONLY}").results()
    assert words(results) == ("none", "none", "none")


def test_every_signature_has_its_result_in_order(mail: Mail) -> None:
    signed = mail.senders.signed(mail.senders.signed(message(), "quarantine.example"), algorithm="ed25519")
    results = mail.exchange(signed).results()["dkim"]
    assert [(each.word, each.properties["header.d"], each.properties["header.s"]) for each in results] == [
        ("pass", "reject.example", "ed25519"),
        ("pass", "quarantine.example", "rsa"),
    ]


def test_text_below_the_signed_length_counts_for_nothing(mail: Mail) -> None:
    signed = mail.senders.signed(message(), length=True) + b"Buy now\r\n"
    results = mail.exchange(signed, client=STRANGER).results()
    assert words(results) == ("fail", "policy", "fail")


@pytest.mark.parametrize("domain", [BROKEN, SILENT])
def test_name_server_that_fails_is_temperror_everywhere_and_the_mail_goes_on(mail: Mail, domain: str) -> None:
    signed = mail.senders.signed(message(f"ann@{domain}"), domain)
    results = mail.exchange(signed, f"ann@{domain}").results()
    assert words(results) == ("temperror", "temperror", "temperror")


def test_ipv6_client_is_checked_by_its_address(mail: Mail) -> None:
    results = mail.exchange(message(), client=Client(ip=CLIENT_IP_6)).results()
    assert words(results) == ("pass", "none", "pass")


def test_null_reverse_path_is_checked_by_helo_and_feeds_dmarc(mail: Mail) -> None:
    client = Client(helo="reject.example")
    results = mail.exchange(message(), "", client=client).results()
    (spf,) = results["spf"]
    assert spf.word == "pass"
    assert "reject.example" in " ".join(spf.properties.values())
    assert word(results, "dmarc") == "pass"


def test_client_without_a_name_is_checked_too(mail: Mail) -> None:
    client = Client(name=None, helo="[192.0.2.7]")
    assert words(mail.exchange(message(), client=client).results()) == ("pass", "none", "pass")


def test_internationalized_author_is_read(mail: Mail) -> None:
    author = "ann@xn--bcher-kva.example"
    assert author_domain(mail.exchange(message(author), author)) in {"bücher.example", "xn--bcher-kva.example"}


@ONLY_POSTFIX
def test_internationalized_author_is_read_as_utf_8(mail: Mail) -> None:
    author = "ann@bücher.example"
    delivered = mail.exchange(message(author), author, options=["SMTPUTF8"])
    assert author_domain(delivered) in {"bücher.example", "xn--bcher-kva.example"}


@ONLY_SENDMAIL
def test_raw_utf_8_that_the_client_did_not_announce_is_read(mail: Mail) -> None:
    author = "ann@bücher.example"
    assert author_domain(mail.exchange(message(author), author)) in {"bücher.example", "xn--bcher-kva.example"}


def author_domain(delivered: Received) -> str:
    (dmarc,) = delivered.results()["dmarc"]
    assert dmarc.word == "none"
    return dmarc.properties["header.from"]


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: no author at all",
        b"From: ann@reject.example\r\nFrom: eve@reject.example",
        b"From: nobody",
        b"From: ann@reject.example, eve@quarantine.example",
    ],
)
def test_author_that_readers_would_not_agree_on_never_passes(mail: Mail, head: bytes) -> None:
    signed = mail.senders.signed(message(None, fields=[b"From: ann@reject.example"]))
    spoiled = signed.replace(b"From: ann@reject.example", head)
    assert word(mail.exchange(spoiled).results(), "dmarc") in {"permerror", "fail"}
