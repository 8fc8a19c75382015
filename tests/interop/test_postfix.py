"""Inalign behind a real Postfix: what lies in the mailbox after a real SMTP session."""

from __future__ import annotations

import re

import pytest

from tests.interop.mail import LOCAL_CLIENT, RELAY, STRANGER, Mail
from tests.interop.received import Result
from tests.interop.senders import BROKEN, CLIENT_IP_6, KEY_ONLY, SILENT, Algorithm, message
from tests.interop.smtp import Client
from tests.interop.wire import fresh_address

AUTHOR = "ann@reject.example"


def word(results: dict[str, list[Result]], method: str) -> str:
    (result,) = results[method]
    return result.word


def words(results: dict[str, list[Result]]) -> tuple[str, str, str]:
    """SPF of the reverse-path, the one signature, DMARC."""
    return mailfrom(results).word, word(results, "dkim"), word(results, "dmarc")


def mailfrom(results: dict[str, list[Result]]) -> Result:
    (result,) = (each for each in results["spf"] if "smtp.mailfrom" in each.properties)
    return result


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
def test_every_algorithm_and_canonicalization_survives_postfix(
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


@pytest.mark.parametrize("author", ["ann@bücher.example", "ann@xn--bcher-kva.example"])
def test_internationalized_author_is_read(mail: Mail, author: str) -> None:
    reply_options = ["SMTPUTF8"] if not author.isascii() else []
    results = mail.exchange(message(author), author, options=reply_options).results()
    assert word(results, "dmarc") == "none"
    (dmarc,) = results["dmarc"]
    assert dmarc.properties["header.from"] in {"bücher.example", "xn--bcher-kva.example"}


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


# Forged fields


FORGED = [
    b"Authentication-Results: mx.example.net; dkim=pass header.d=bank.example",
    b"authentication-RESULTS: MX.Example.NET; spf=pass smtp.mailfrom=bank.example",
    b"Authentication-Results:mx.example.net;dmarc=pass header.from=bank.example",
    b"Authentication-Results:\tmx.example.net; dmarc=pass",
    b"Authentication-Results:\r\n mx.example.net;\r\n dmarc=pass header.from=bank.example",
    b"Authentication-Results: mx.example.net 1; none",
    b"Authentication-Results: (checked) mx.example.net (really) ; dkim=pass",
    b"Authentication-Results: (a (nested) \\) one) mx.example.net (b) 1 (c); dkim=pass",
    b'Authentication-Results: "mx.example.net"; dkim=pass',
    b'Authentication-Results: "mx.example\\.net" ; dkim=pass',
    b'Authentication-Results: "MX.\\E\\xample.net"; dkim=pass',
    b"Authentication-Results: mx.example.net",
    b"Authentication-Results: mx.example.net;",
    b"Authentication-Results: mx.example.net; dkim=pass (never closed",
    b"Authentication-Results: mx.example.net; this is not in any grammar",
    b"Authentication-Results : mx.example.net; dkim=pass",
]
"""What must not survive: ours by name, however it is written (RFC 8601 section 5)."""

FOREIGN = [
    b"Authentication-Results: mx.other.example; dkim=pass header.d=bank.example",
    b"Authentication-Results: notmx.example.net; spf=pass",
    b"Authentication-Results: mx.example.net.evil.example; spf=pass",
    b"Authentication-Results: mx.other.example (mx.example.net); spf=pass",
    b'Authentication-Results: "mx.other.example"; dkim=pass (mx.example.net)',
    b"ARC-Authentication-Results: i=1; mx.example.net; dkim=pass header.d=reject.example",
    b"X-Authentication-Results: mx.example.net; dkim=pass",
    b"X-Spam-Status: No",
]
"""What must stay: other servers' results, and fields of other names."""


def unfolded(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode().partition(":")
    return name.strip(), value.replace("\r\n", "\n").strip()


@pytest.mark.parametrize("line", FORGED)
def test_forged_result_is_removed(mail: Mail, line: bytes) -> None:
    delivered = mail.exchange(message(fields=[line]))
    assert words(delivered.results()) == ("pass", "none", "pass")
    assert len(delivered.values("Authentication-Results")) == 1


@pytest.mark.parametrize("line", FOREIGN)
def test_foreign_result_stays(mail: Mail, line: bytes) -> None:
    delivered = mail.exchange(message(fields=[line]))
    assert words(delivered.results()) == ("pass", "none", "pass")
    assert unfolded(line) in delivered.header


def test_forged_results_are_removed_from_among_many_foreign_ones(mail: Mail) -> None:
    mixed = [line for pair in zip(FORGED, FOREIGN * 2, strict=True) for line in pair]
    delivered = mail.exchange(message(fields=[*mixed, FORGED[0], FORGED[1]]))
    delivered.results()
    names = {unfolded(line)[0] for line in FOREIGN}
    kept = [each for each in delivered.header[1:] if each[0] in names]
    assert kept == [unfolded(line) for line in FOREIGN * 2]


def test_only_forged_results_and_nothing_else_is_removed(mail: Mail) -> None:
    sent = message(fields=FORGED)
    delivered = mail.exchange(sent)
    assert [name for name, _ in delivered.header[2:]] == [
        name for name, _ in map(unfolded, re.split(rb"\r\n(?![ \t])", message().partition(b"\r\n\r\n")[0]))
    ]


def test_hundreds_of_forged_results_are_removed(mail: Mail) -> None:
    delivered = mail.exchange(message(fields=[FORGED[0], FOREIGN[0]] * 300))
    delivered.results()
    assert len(delivered.values("Authentication-Results")) == 1 + 300


# Messages of all shapes


def test_eight_bit_message_is_delivered_as_it_came(mail: Mail) -> None:
    body = bytes(range(128, 256)) + b"\r\n"
    delivered = mail.exchange(mail.senders.signed(message(body=body)), options=["BODY=8BITMIME"])
    assert words(delivered.results()) == ("pass", "pass", "pass")
    assert delivered.body == body.replace(b"\r\n", b"\n")


def test_message_of_10_megabytes_is_verified(mail: Mail) -> None:
    body = b"0123456789 " * 6 + b"\r\n"
    signed = mail.senders.signed(message(body=body * (10_000_000 // len(body))))
    delivered = mail.exchange(signed)
    assert words(delivered.results()) == ("pass", "pass", "pass")
    assert len(delivered.body) > 9_000_000


def test_every_recipient_gets_the_same_results(mail: Mail) -> None:
    recipients = [fresh_address() for _ in range(3)]
    signed = mail.senders.signed(message())
    assert mail.server.send(signed, AUTHOR, recipients).code == 250
    for recipient in recipients:
        delivered = mail.next(recipient)
        assert words(delivered.results()) == ("pass", "pass", "pass")


def test_several_messages_in_one_session_do_not_mix(mail: Mail) -> None:
    good = mail.senders.signed(message())
    bad = mail.senders.signed(message(body=b"pay 10\r\n")).replace(b"pay 10", b"pay 99")
    with mail.server.session(STRANGER) as session:
        for each in (good, bad, message(), good):
            assert session.send(each, AUTHOR, mail.recipient).code == 250
    got = [words(mail.next().results()) for _ in range(4)]
    assert got == [
        ("fail", "pass", "pass"),
        ("fail", "fail", "fail"),
        ("fail", "none", "fail"),
        ("fail", "pass", "pass"),
    ]


def test_rset_forgets_the_envelope(mail: Mail) -> None:
    with mail.server.session(Client()) as session:
        session.envelope("eve@quarantine.example", mail.recipient)
        session.command("RSET")
        assert session.send(message(), AUTHOR, mail.recipient).code == 250
    assert mailfrom(mail.next().results()).properties["smtp.mailfrom"].endswith("reject.example")


def test_second_ehlo_is_the_one_that_counts(mail: Mail) -> None:
    with mail.server.session(Client(helo="stranger.example")) as session:
        session.command("EHLO reject.example")
        assert session.send(message(), "", mail.recipient).code == 250
    assert word(mail.next().results(), "dmarc") == "pass"


def test_pipelined_messages_have_their_own_results(mail: Mail) -> None:
    with mail.server.session(Client()) as session:
        replies = session.pipelined(
            [
                (mail.senders.signed(message()), AUTHOR, mail.recipient),
                (message("ann@quarantine.example"), "ann@open.example", mail.recipient),
            ]
        )
    assert [reply.code for reply in replies] == [250, 250]
    assert [words(mail.next().results()) for _ in range(2)] == [("pass", "pass", "pass"), ("none", "none", "fail")]


def test_client_that_leaves_in_the_middle_disturbs_nobody(mail: Mail) -> None:
    session = mail.server.session(Client())
    session.envelope(AUTHOR, mail.recipient)
    session.command("DATA")
    session.raw(message()[:100])
    session.drop()
    assert words(mail.exchange(mail.senders.signed(message())).results()) == ("pass", "pass", "pass")


# Our own clients


@pytest.mark.parametrize(
    "client",
    [Client(login="dave"), Client(ip="203.0.113.99", helo="[10.0.0.1]", name=None, login="dave"), LOCAL_CLIENT],
    ids=["authenticated", "authenticated from anywhere", "in a local network"],
)
def test_own_client_is_not_verified_but_loses_forged_results(mail: Mail, client: Client) -> None:
    delivered = mail.exchange(message(fields=[FORGED[0], FOREIGN[0], FORGED[8]]), client=client)
    assert mail.claims(delivered) == []
    assert unfolded(FOREIGN[0]) in delivered.header


def test_local_command_is_not_verified_but_loses_forged_results(mail: Mail) -> None:
    mail.server.sendmail(message(fields=[FORGED[0], FOREIGN[0]]), AUTHOR, mail.recipient)
    delivered = mail.next()
    assert mail.claims(delivered) == []
    assert unfolded(FOREIGN[0]) in delivered.header


def test_trusted_relay_keeps_its_results(mail: Mail) -> None:
    delivered = mail.exchange(message(fields=[FORGED[0]]), client=RELAY)
    assert unfolded(FORGED[0]) in delivered.header


# A milter that is away


def test_mail_goes_on_or_waits_while_the_milter_is_away_and_is_verified_again_after(mail: Mail) -> None:
    mail.inalign.stop()
    try:
        assert mail.server.send(message(), AUTHOR, mail.recipient).code == 250
        assert mail.next().values("Authentication-Results") == []
        assert mail.server.send(message(), AUTHOR, mail.recipient, strict=True).code == 451
    finally:
        mail.inalign.start()
    assert words(mail.exchange(message()).results()) == ("pass", "none", "pass")
