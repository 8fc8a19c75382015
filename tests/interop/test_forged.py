"""Forged and foreign results in mail through real servers: none that claims to be ours survives, all others do."""

from __future__ import annotations

import re

import pytest

from tests.interop.mail import LOCAL_CLIENT, RELAY, Mail
from tests.interop.received import words
from tests.interop.senders import message
from tests.interop.smtp import Client

AUTHOR = "ann@reject.example"


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
    times = mail.server.per(postfix=300, sendmail=200)  # Sendmail takes 32 KiB of header
    delivered = mail.exchange(message(fields=[FORGED[0], FOREIGN[0]] * times))
    delivered.results()
    assert len(delivered.values("Authentication-Results")) == 1 + times


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
