"""Mail of users who log in from anywhere, through a real Postfix with real SASL: signed because they did.

Behind Postfix stand the two milters of `signing`: the first signs for every login, the second for one that agrees with
the author.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.interop.logins import KINDS, PASSWORD
from tests.interop.postfix import Postfix
from tests.interop.senders import Senders, message
from tests.interop.signing import (
    AUTHOR,
    FIRST_SIGNS,
    OUTSIDE,
    SECOND_SIGNS,
    SigningSite,
    milters,
    postfix_before,
    zone_of,
)
from tests.interop.sink import WITH_UTF8, Sink
from tests.interop.smtp import Reply, SmtpSession
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer

BOTH = [*SECOND_SIGNS, *FIRST_SIGNS]
EVE = "eve@quarantine.example"


@pytest.fixture(scope="module", params=list(KINDS))
def site(
    request: pytest.FixtureRequest, can_run_postfix: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SigningSite]:
    """Postfix that asks one kind of SASL."""
    senders = Senders()
    zone = zone_of(senders)
    with ExitStack() as stack:
        logins = KINDS[request.param](AUTHOR, EVE)
        stack.callback(logins.stop)
        name_server = stack.enter_context(NameServer(zone))
        both = milters(tmp_path_factory.mktemp("submission"), senders, name_server.port)
        for milter in both:
            stack.callback(milter.stop)
        sink = Sink(WITH_UTF8)
        stack.callback(sink.close)
        server = postfix_before([milter.addresses["inet"] for milter in both], sink, logins.main_cf)
        stack.callback(server.stop)
        logins.configure(server.folder / "conf")
        yield SigningSite(server, both, zone, sink, BOTH)


@contextmanager
def logged_in(site: SigningSite, login: str, password: str = PASSWORD) -> Iterator[tuple[SmtpSession, Reply]]:
    """A session of a user somewhere outside, and what the server said to AUTH."""
    secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
    with site.server.session(OUTSIDE) as session:
        yield session, session.command(f"AUTH PLAIN {secret}")


def submitted(site: SigningSite, login: str, text: bytes) -> bytes:
    """What arrives of the mail of this user."""
    recipient = fresh_address()
    with logged_in(site, login) as (session, reply):
        assert reply.code == 235, site.server.log()
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        assert session.send(text, login, recipient, options=options).code == 250
    return site.arrived(recipient)


def test_mail_of_a_user_who_logged_in_is_signed(site: SigningSite) -> None:
    assert site.holding(submitted(site, AUTHOR, message())) == BOTH
    assert "skipped=authenticated" in site.milters[0].log()


def test_octets_of_every_kind_arrive_as_they_were_signed(site: SigningSite) -> None:
    body = "Grüße\r\n".encode() + b"caf\xe9 \t \r\n.\r\n..x\r\n" + b"z" * 990 + b"\r\n\r\n \r\n"
    fields = ["X-Note: grüße  ".encode(), b"Comment: a\r\n\tb\r\n  c", b"Reply-To:\tann@reject.example"]
    text = message("Änne <ann@reject.example>", fields=fields, body=body)
    assert site.holding(submitted(site, AUTHOR, text)) == BOTH


def test_mail_of_a_user_in_the_name_of_another_is_not_signed_where_they_must_agree(site: SigningSite) -> None:
    assert site.holding(submitted(site, EVE, message())) == FIRST_SIGNS
    assert "unsigned=login_differs" in site.milters[1].log()


def test_wrong_password_is_no_login(site: SigningSite) -> None:
    recipient = fresh_address()
    with logged_in(site, AUTHOR, "guessed") as (session, reply):
        assert reply.code == 535
        assert session.send(message(), AUTHOR, recipient).code == 250
    assert site.verified(site.arrived(recipient)) == []


def test_mail_that_comes_to_the_service_of_our_own_mail_is_signed(site: SigningSite) -> None:
    """-o milter_macro_daemon_name=ORIGINATING; the other services take the same client for a stranger."""
    server = site.server
    assert isinstance(server, Postfix)
    for port, signers in ((server.originating_port, BOTH), (server.port, [])):
        recipient = fresh_address()
        with server.session_at(port, OUTSIDE) as session:
            assert session.send(message(), AUTHOR, recipient).code == 250
        assert site.holding(site.arrived(recipient)) == signers
