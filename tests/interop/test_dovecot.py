"""A mailbox on a real Dovecot: what is taken, when it is let go of, and how one logs in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from imap_tools import BaseMailBox

from inalign.errors import TransportError
from inalign.intake.imap import ImapSource
from inalign.intake.imap_session import ImapOptions, ImapSession
from inalign.intake.oauth import OAuthOptions
from inalign.spool.deliveries import SpoolFull
from tests.intake.conftest import certificate as certificate  # noqa: PLC0414 - a fixture
from tests.intake.material import ListSpool, running, until
from tests.intake.token_server import TokenServer
from tests.interop import dovecot
from tests.interop.dovecot import PASSWORD, Dovecot


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


@pytest.fixture(scope="module")
def server(certificate: Path, tokens: TokenServer) -> Iterator[Dovecot]:
    missing = dovecot.missing_part()
    if missing:
        pytest.skip(missing)
    started = Dovecot(certificate, tokeninfo_url=f"{tokens.url}/tokeninfo?access_token=")
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTS_PASSWORD", PASSWORD)


def options(
    server: Dovecot,
    user: str,
    *,
    after: Literal["seen", "move", "delete", "keep"] = "seen",
    tls: Literal["tls", "starttls", "none"] = "none",
    ca_file: Path | None = None,
    password: str = "",
    oauth: OAuthOptions | None = None,
    folder: str = "INBOX",
    idle: bool = True,
    poll_seconds: float = 300,
) -> ImapOptions:
    return ImapOptions(
        name=user,
        host="localhost" if tls != "none" else "127.0.0.1",
        port=server.tls_port if tls == "tls" else server.port,
        tls=tls,
        ca_file=ca_file,
        user=user,
        password="" if oauth else password or "env:REPORTS_PASSWORD",
        oauth=oauth,
        folder=folder,
        after=after,
        idle=idle,
        poll_seconds=poll_seconds,
        max_bytes=20_000,
    )


def mail(number: int, body: str = "hello") -> bytes:
    return f"From: reports@example.com\r\nSubject: report {number}\r\n\r\n{body}\r\n".encode()


def folder_state(server: Dovecot, user: str) -> tuple[int, int]:
    """Messages and unread ones in the inbox."""
    session = ImapSession(options(server, user, after="keep"), None)
    session.open()
    try:
        line = next(line for line in session.describe() if line.startswith("INBOX:"))
    finally:
        session.logout()
    words = line.split()
    return int(words[1]), int(words[3])


@pytest.mark.parametrize(("after", "state"), [("seen", (3, 0)), ("move", (0, 0)), ("delete", (0, 0)), ("keep", (3, 3))])
def test_what_is_there_and_what_comes_is_taken(
    server: Dovecot, after: Literal["seen", "move", "delete", "keep"], state: tuple[int, int]
) -> None:
    async def case() -> None:
        user = f"take-{after}"
        server.deliver(user, mail(1))
        server.deliver(user, mail(2))
        spool = ListSpool()
        async with running(ImapSource(options(server, user, after=after)), spool) as desk:
            assert sorted(each.content for each in spool.taken) == [mail(1), mail(2)]
            server.deliver(user, mail(3))  # IDLE tells; the next look without it is minutes away
            await until(lambda: len(spool.taken) == 3 and desk.record.phase == "waiting")
        assert (desk.record.taken, desk.record.last_error) == (3, "")
        assert await asyncio.to_thread(folder_state, server, user) == state
        again = ListSpool()
        source = ImapSource(options(server, user, after=after))
        async with running(source, again) as second:
            pass
        assert len(again.taken) == (3 if after == "keep" else 0)  # this desk knows no cursor
        assert second.record.phase == "waiting"

    asyncio.run(case())


def test_one_bad_mail_does_not_stop_the_rest_and_nothing_is_let_go_of_that_the_spool_has_not(server: Dovecot) -> None:
    async def case() -> None:
        user = "bad"
        for number, body in enumerate(("one", "x" * 30_000, "three", "four")):
            server.deliver(user, mail(number, body))
        spool = ListSpool()
        spool.refuse = lambda delivery: ValueError("a bug") if b"three" in delivery.content else None
        async with running(ImapSource(options(server, user, after="delete")), spool) as desk:
            assert len(spool.taken) == 2
            assert desk.record.left == 2
        assert await asyncio.to_thread(folder_state, server, user) == (2, 2)

    asyncio.run(case())


def test_while_the_spool_is_full_everything_stays_on_the_server(server: Dovecot) -> None:
    async def case() -> None:
        server.deliver("full", mail(1))
        spool = ListSpool()
        spool.refuse = lambda _: SpoolFull("1 GB")
        source = ImapSource(options(server, "full", after="delete"))
        with pytest.raises(SpoolFull):
            await source.run(spool.desk(source))
        assert await asyncio.to_thread(folder_state, server, "full") == (1, 1)

    asyncio.run(case())


def test_without_idle_the_server_is_asked_again(server: Dovecot) -> None:
    async def case() -> None:
        spool = ListSpool()
        async with running(ImapSource(options(server, "poll", idle=False, poll_seconds=0.2)), spool):
            server.deliver("poll", mail(1))
            await until(lambda: len(spool.taken) == 1)

    asyncio.run(case())


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_over_tls_whose_certificate_is_checked(
    server: Dovecot, certificate: Path, tls: Literal["tls", "starttls"]
) -> None:
    async def case() -> None:
        said = await ImapSource(options(server, "tls", tls=tls, ca_file=certificate)).test()
        assert "TLSv1" in said[0]
        with pytest.raises(TransportError, match="certificate verify failed"):
            await ImapSource(options(server, "tls", tls=tls)).test()

    asyncio.run(case())


def test_trying_a_mailbox_says_what_is_seen(server: Dovecot) -> None:
    async def case() -> None:
        user = "look"
        server.deliver(user, b"Authentication-Results: mx.example.net; dkim=none\r\n" + mail(1))
        server.deliver(user, mail(2), ".Archive")
        said = "\n".join(await ImapSource(options(server, user)).test())
        assert "INBOX: 1 mails, 1 unread" in said
        assert "'report 1'" in said
        assert "Archive" in said
        assert "'mx.example.net'" in said
        with pytest.raises(TransportError, match=r"no folder 'Nowhere'; there are .*Archive"):
            await ImapSource(options(server, user, folder="Nowhere")).test()
        with pytest.raises(TransportError, match="AUTHENTICATIONFAILED"):
            await ImapSource(options(server, user, password="env:HOME")).test()
        with pytest.raises(TransportError, match="NOT_THERE is not set"):
            await ImapSource(options(server, user, password="env:NOT_THERE")).test()

    asyncio.run(case())


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_a_token_logs_in_and_a_refused_one_is_replaced(
    server: Dovecot, tokens: TokenServer, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    learn = ImapSession._learn

    def learn_less(session: ImapSession, box: BaseMailBox) -> None:
        learn(session, box)
        other = {"OAUTHBEARER": "AUTH=XOAUTH2", "XOAUTH2": "AUTH=OAUTHBEARER"}[mechanism]
        session.capabilities -= {other}

    async def case() -> None:
        monkeypatch.setenv("CLIENT_SECRET", "hush")
        monkeypatch.setattr(ImapSession, "_learn", learn_less)
        tokens.user = user = f"{mechanism.lower()}@example.net"
        server.deliver(user, mail(1))
        oauth = OAuthOptions(token_url=f"{tokens.url}/token", client_id="inalign", client_secret="env:CLIENT_SECRET")
        source = ImapSource(options(server, user, oauth=oauth))
        spool = ListSpool()
        async with running(source, spool):
            assert [each.content for each in spool.taken] == [mail(1)]
        tokens.tokens.clear()  # it was revoked
        with pytest.raises(TransportError, match="refuses the token"):
            await source.test()
        assert "INBOX: 1 mails, 0 unread" in await source.test()

    asyncio.run(case())


def test_mail_is_taken_once_and_anew_where_the_uids_have_another_validity(server: Dovecot) -> None:
    async def case() -> None:
        user = "validity"
        server.deliver(user, mail(1), ".Reports")
        server.deliver(user, mail(2), ".Reports")
        source = ImapSource(options(server, user, after="keep", folder="Reports"))
        spool = ListSpool()
        async with running(source, spool) as desk:
            assert len(spool.taken) == 2
        server.deliver(user, mail(3), ".Reports")
        async with running(source, spool, desk.record.cursor) as desk:
            assert [each.content for each in spool.taken[2:]] == [mail(3)]
        await asyncio.to_thread(_make_anew, ImapSession(source.options, None), "Reports")
        server.deliver(user, mail(4), ".Reports")
        async with running(source, spool, desk.record.cursor):
            assert [each.content for each in spool.taken[3:]] == [mail(4)]

    asyncio.run(case())


def _make_anew(session: ImapSession, folder: str) -> None:
    session.open()
    box = session._opened
    box.folder.set("INBOX")
    box.folder.delete(folder)
    box.folder.create(folder)
    session.logout()
