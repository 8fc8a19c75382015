"""Our own mail through real mail servers: what arrives at the next one is signed, and the signatures hold.

Before Postfix stand two of our milters, which both sign; before Sendmail the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.differential.dkim_peers import PEERS, DkimPeer
from tests.interop.received import received
from tests.interop.senders import Senders, message
from tests.interop.sendmail import LOGIN, Sendmail
from tests.interop.server import HOST, ONLY_POSTFIX, ONLY_SENDMAIL
from tests.interop.signing import (
    AUTHOR,
    BODIES,
    FIRST_SIGNS,
    HEADERS,
    OUTSIDE,
    SECOND_SIGNS,
    SigningSite,
    milters,
    postfix_before,
    zone_of,
)
from tests.interop.sink import SEVEN_BIT, WITH_UTF8, Sink
from tests.interop.smtp import Client
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer
from tests.programs import wait_until

MORE = """\
message_size_limit = 52428800
smtp_connection_cache_on_demand = no
"""
CURED = MORE + "smtp_line_length_limit = 0\ndisable_mime_output_conversion = yes\n"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], SigningSite]]:
    """By name: `postfix`, `sendmail`, `cured`: a Postfix that changes nothing, `relaxed`: Sendmail with the second."""
    senders = Senders()
    zone = zone_of(senders)
    with ExitStack() as stack:
        name_server = stack.enter_context(NameServer(zone))
        both = milters(tmp_path_factory.mktemp("signing"), senders, name_server.port)
        for milter in both:
            stack.callback(milter.stop)
        sink = Sink(WITH_UTF8)
        stack.callback(sink.close)
        addresses = [milter.addresses["inet"] for milter in both]

        @cache
        def started(name: str) -> SigningSite:
            if name in {"sendmail", "relaxed"}:
                sendmail = Sendmail(both[name == "relaxed"].addresses["unix"])
                stack.callback(sendmail.stop)
                return SigningSite(
                    sendmail, both, zone, sendmail.sink, FIRST_SIGNS if name == "sendmail" else SECOND_SIGNS
                )
            server = postfix_before(addresses, sink, CURED if name == "cured" else MORE)
            stack.callback(server.stop)
            return SigningSite(server, both, zone, sink, [*SECOND_SIGNS, *FIRST_SIGNS])

        yield started


@pytest.fixture
def site(server_name: str, sites: Callable[[str], SigningSite]) -> SigningSite:
    return sites(server_name)


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_body_arrives_as_it_was_signed(site: SigningSite, body: bytes) -> None:
    assert site.holding(site.exchange(message(body=body), options=["BODY=8BITMIME"])) == site.signers


@pytest.mark.parametrize("fields", HEADERS.values(), ids=list(HEADERS))
def test_header_arrives_as_it_was_signed(site: SigningSite, fields: list[bytes]) -> None:
    assert site.holding(site.exchange(message(fields=fields), options=["BODY=8BITMIME"])) == site.signers


@pytest.mark.parametrize("peer", PEERS, ids=[peer.name for peer in PEERS])
def test_other_verifiers_accept_what_arrives(site: SigningSite, peer: DkimPeer) -> None:
    if peer.missing():
        pytest.skip(str(peer.missing()))
    sent = [message(body=body) for body in BODIES.values()]
    sent += [message(fields=fields) for name, fields in HEADERS.items() if name not in {"bytes", "blanks"}]
    arrived = [site.exchange(each) for each in sent]
    # Debian's Mail::DKIM knows no Ed25519.
    passes = {name: "pass" for _, name in site.signers if name != "ed25519" or peer.name != "Mail::DKIM"}
    answers = [{name: each.get(name) for name in passes} for each in site.judged(arrived, peer)]
    assert answers == [passes] * len(sent)


@ONLY_POSTFIX
def test_utf_8_header_arrives_as_it_was_signed(site: SigningSite) -> None:
    text = message("Änne <ann@reject.example>", fields=["X-Note: grüße".encode()])
    assert site.holding(site.exchange(text, options=["SMTPUTF8", "BODY=8BITMIME"])) == site.signers


@pytest.mark.parametrize("megabytes", [20])
@ONLY_POSTFIX
def test_large_attachment_is_signed_while_it_streams(site: SigningSite, megabytes: int) -> None:
    line = b"SW5hbGlnbiBzaWducyB3aGlsZSB0aGUgYm9keSBzdHJlYW1zLCBhbmQga2VlcHMgbm90aGluZy4u\r\n"
    arrived = site.exchange(message(body=line * (megabytes * 1_000_000 // len(line))))
    assert len(arrived) > megabytes * 990_000
    assert site.holding(arrived) == site.signers


def test_mail_from_localhost_is_signed(site: SigningSite) -> None:
    assert site.holding(site.exchange(message(), client=None)) == site.signers


def test_mail_of_the_local_command_is_signed(site: SigningSite) -> None:
    recipient = fresh_address()
    site.server.sendmail(message(), AUTHOR, recipient)
    assert site.holding(site.arrived(recipient)) == site.signers


def test_local_mail_without_date_and_message_id_is_signed(site: SigningSite) -> None:
    """Postfix adds them before its milters see the message, Sendmail behind them."""
    recipient = fresh_address()
    site.server.sendmail(b"From: ann@reject.example\r\nSubject: x\r\n\r\nHello.\r\n", AUTHOR, recipient)
    arrived = site.arrived(recipient)
    assert b"\r\nMessage-I" in arrived
    assert site.holding(arrived) == site.signers


@ONLY_POSTFIX
@pytest.mark.parametrize(
    ("login", "signed"), [("ann@reject.example", True), ("eve@other.example", False), ("ann", False)]
)
def test_login_that_must_agree_with_the_author(site: SigningSite, login: str, signed: bool) -> None:
    """The first milter signs for every login, the second for one of the author's domain."""
    client = Client(ip=OUTSIDE.ip, helo=OUTSIDE.helo, name=None, login=login)
    assert site.holding(site.exchange(message(), client=client)) == (site.signers if signed else FIRST_SIGNS)
    if not signed:
        assert "unsigned=login_differs" in site.log()


@ONLY_SENDMAIL
def test_mail_of_an_authenticated_client_is_signed(site: SigningSite) -> None:
    client = Client(ip=OUTSIDE.ip, helo=OUTSIDE.helo, name=None, login=f"{LOGIN}@{HOST}")
    assert site.holding(site.exchange(message(), client=client)) == site.signers


def test_stranger_in_our_name_is_not_signed_and_noticed(site: SigningSite) -> None:
    arrived = site.exchange(message(), "eve@other.example", client=OUTSIDE)
    assert site.verified(arrived) == []
    (line,) = [line for line in site.milters[0].log().splitlines() if "own_domain=" in line][-1:]
    assert "dmarc=fail" in line
    assert "inalign.toml:" in line


def test_author_without_a_rule_is_passed_on_unsigned(site: SigningSite) -> None:
    arrived = site.exchange(message("bob@nobody.example"), "bob@nobody.example")
    assert site.holding(arrived) == [name for name in site.signers if name in SECOND_SIGNS]
    wait_until(lambda: "author=bob@nobody.example unsigned=no_rule" in site.milters[0].log(), "the log line")


def test_two_authors_are_never_signed(site: SigningSite) -> None:
    arrived = site.exchange(message("ann@reject.example, bob@reject.example"))
    assert site.verified(arrived) == []


@ONLY_POSTFIX
@pytest.mark.parametrize(
    ("hazard", "body"),
    [("long_line", b"y" * 2000 + b"\r\n"), ("eight_bit", "Grüße\r\n".encode())],
)
def test_what_postfix_changes_is_told_and_can_be_cured(
    sites: Callable[[str], SigningSite], site: SigningSite, hazard: str, body: bytes
) -> None:
    site.sink.extensions = SEVEN_BIT
    try:
        text = message(fields=[b"Content-Transfer-Encoding: 8bit"], body=body)
        broken = site.exchange(text, options=["BODY=8BITMIME"])
        assert [result.reason for result in site.verified(broken)] == ["body_hash_mismatch"] * len(site.signers)
        assert f"mail of {AUTHOR} has {hazard}: " in site.milters[0].log()
        assert sites("cured").holding(sites("cured").exchange(text, options=["BODY=8BITMIME"]))
    finally:
        site.sink.extensions = WITH_UTF8


@pytest.mark.parametrize("canonicalization", ["relaxed", "simple"])
@ONLY_SENDMAIL
def test_blanks_that_sendmail_takes_away(
    sites: Callable[[str], SigningSite], site: SigningSite, canonicalization: str
) -> None:
    """simple bears no change at all, and Sendmail writes addresses anew."""
    chosen = sites("relaxed") if canonicalization == "relaxed" else site
    arrived = chosen.exchange(message(fields=[b"Reply-To:   ann@reject.example  "]))
    assert b"Reply-To:   ann@reject.example\r\n" in arrived
    assert {result.result for result in chosen.verified(arrived)} == {"pass" if chosen is not site else "fail"}


@ONLY_SENDMAIL
def test_what_sendmail_writes_anew_is_told(site: SigningSite) -> None:
    arrived = site.exchange(message(fields=[b"Cc: a@example.net,b@example.net"]))
    assert b"Cc: a@example.net, b@example.net" in arrived
    assert [result.result for result in site.verified(arrived)] == ["fail"] * len(site.signers)
    assert f"mail of {AUTHOR} has odd_header: " in site.milters[0].log()


def test_our_mail_is_not_verified(site: SigningSite) -> None:
    names = [name for name, _ in received(site.exchange(message()).replace(b"\r\n", b"\n")).header]
    assert "Authentication-Results" not in names
    assert names[: len(site.signers)] == ["DKIM-Signature"] * len(site.signers)
