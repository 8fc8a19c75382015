"""A mailbox by a scripted session: what a server may do that a real one does seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from inalign.errors import TransportError
from inalign.intake import imap as module
from inalign.intake.imap import MAX_TRIES, Cursor, ImapSource
from inalign.intake.imap_session import ImapMessage, ImapOptions, MessageError
from tests.helpers import NOW
from tests.intake.material import ListSpool, running, until


class Server:
    """The messages of a folder by UID, and what goes wrong with each."""

    def __init__(self, *uids: int) -> None:
        self.mails = {uid: b"mail %d" % uid for uid in uids}
        self.validity = 1
        self.can_idle = True
        self.cannot_fetch: set[int] = set()
        self.cannot_let_go: set[int] = set()
        self.ends: Exception | None = None
        self.fetched: list[int] = []
        self.gone: list[int] = []
        self.sessions = 0
        self.closed = asyncio.Event()

    # What a session does; there is one at a time.
    def open(self) -> None:
        self.sessions += 1

    def search(self, above: int) -> list[int]:
        return sorted(self.mails)

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        return {uid: 5000 if uid >= 1000 else 10 for uid in uids if uid in self.mails}

    def fetch(self, uid: int) -> ImapMessage | None:
        self.fetched.append(uid)
        if uid in self.cannot_fetch:
            raise MessageError(f"message {uid}: NO")
        if self.ends is not None and uid == max(self.mails):
            raise self.ends
        return ImapMessage(self.mails[uid], NOW)

    def let_go(self, uid: int) -> None:
        if uid in self.cannot_let_go:
            raise MessageError(f"message {uid}: NO quota")
        self.gone.append(uid)
        del self.mails[uid]

    def wait(self, seconds: float) -> None:
        raise TransportError("the server ended it")

    def close(self) -> None:
        pass

    def logout(self) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server(1, 2, 3)
    monkeypatch.setattr(module, "ImapSession", lambda options, tokens: made)
    return made


def mailbox() -> ImapSource:
    return ImapSource(
        ImapOptions(
            name="box", host="localhost", user="u", password="env:P", after="delete", max_bytes=1000, poll_seconds=0.02
        )
    )


def test_what_cannot_be_fetched_is_tried_a_few_times_and_told(server: Server) -> None:
    async def case() -> None:
        server.cannot_fetch = {2}
        spool = ListSpool()
        async with running(mailbox(), spool) as desk:
            await until(lambda: server.sessions > MAX_TRIES + 2)
            assert server.fetched.count(2) == MAX_TRIES
            assert sorted(each.provenance.name for each in spool.taken) == ["1.eml", "3.eml"]
            assert (desk.record.left, desk.record.last_error) == (1, "message 2: NO")

    asyncio.run(case())


def test_what_cannot_be_let_go_of_is_not_taken_twice(server: Server) -> None:
    async def case() -> None:
        server.cannot_let_go = {2}
        spool = ListSpool()
        async with running(mailbox(), spool) as desk:
            await until(lambda: server.sessions > 3)
            assert len(spool.taken) == 3
            server.cannot_let_go = set()
            await until(lambda: not server.mails)
            await until(lambda: desk.record.left == 0)
        assert len(spool.taken) == 3

    asyncio.run(case())


def test_a_large_mail_is_not_even_fetched_and_told_once(server: Server) -> None:
    async def case() -> None:
        server.mails[1001] = b"large"
        spool = ListSpool()
        async with running(mailbox(), spool) as desk:
            when = desk.record.last_error_at
            assert "5000 octets" in desk.record.last_error
            await until(lambda: server.sessions > 2)
            assert desk.record.last_error_at == when
            assert 1001 not in server.fetched
            assert list(server.mails) == [1001]

    asyncio.run(case())


def test_a_session_that_breaks_off_keeps_what_was_done(server: Server) -> None:
    async def case() -> None:
        server.ends = TransportError("reset")
        spool, source = ListSpool(), mailbox()
        desk = spool.desk(source)
        with pytest.raises(TransportError):
            await source.run(desk)
        assert server.gone == [1, 2]
        assert len(spool.taken) == 2
        assert desk.record.cursor

    asyncio.run(case())


def test_a_cursor_of_another_validity_or_of_nonsense_counts_for_nothing() -> None:
    assert module._read("", 7) == Cursor(7)
    assert module._read("{", 7) == Cursor(7)
    assert module._read('{"validity":6,"last":5}', 7) == Cursor(7)
    assert module._read('{"validity":7,"last":5,"left":{"3":5}}', 7) == Cursor(7, 5, {3: 5})
