"""The server over real sockets: what a filter is told, and what becomes of its decisions and of its bugs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from inalign.milter import replies
from inalign.milter.limits import MilterLimits
from inalign.milter.macros import Macros
from inalign.milter.messages import (
    Action,
    Command,
    Connected,
    Data,
    EndOfHeader,
    Helo,
    MailFrom,
    Recipient,
    UnknownCommand,
)
from inalign.milter.negotiation import RequiredFeatures
from inalign.milter.replies import ACCEPT, REJECT, TEMPFAIL, MilterReply, Response, add_header, quarantine
from inalign.milterd import connection as milterd
from inalign.milterd.connection import HELD_BYTES
from inalign.milterd.interface import PROGRESS_SECONDS, Filter, ServerOptions
from inalign.milterd.server import MilterServer, run
from inalign.net.listen import InetAddress, UnixAddress, listen
from tests.milter import mta

WANTED = RequiredFeatures(actions=Action.ADD_HEADER)
EDIT = add_header(b"X-Test", b"yes")
Loops = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def in_loop(request: pytest.FixtureRequest) -> Loops:
    """Runs a coroutine in each of the event loops that the server runs in."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def in_this_loop(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(main, 20))

    return in_this_loop


class Recorder(Filter):
    """Writes down what it is told; `behave` may raise or reply at a call."""

    def __init__(self, macros: Macros, calls: list[str], behave: Callable[[str], MilterReply | None]) -> None:
        self.macros = macros
        self.calls = calls
        self.behave = behave

    def note(self, call: str, detail: str = "") -> MilterReply | None:
        self.calls.append(f"{call} {detail}".strip())
        return self.behave(call)

    def connected(self, event: Connected) -> MilterReply | None:
        return self.note("connected", event.host)

    def helo(self, event: Helo) -> MilterReply | None:
        return self.note("helo", event.name)

    def mail(self, event: MailFrom) -> MilterReply | None:
        return self.note("mail", event.address)

    def recipient(self, event: Recipient) -> MilterReply | None:
        return self.note("recipient", event.address)

    def data(self, event: Data) -> MilterReply | None:
        return self.note("data")

    def unknown(self, event: UnknownCommand) -> MilterReply | None:
        return self.note("unknown", event.line)

    def header(self, event: EndOfHeader) -> MilterReply | None:
        return self.note("header", str(len(event.fields)))

    def body(self, data: bytes) -> MilterReply | None:
        return self.note("body", repr(data))

    def end_of_message(self) -> Response | Coroutine[Any, Any, Response]:
        self.note("end", self.macros.get("i") or "")
        return Response(ACCEPT, [EDIT])

    def aborted(self) -> None:
        self.note("aborted")

    def closed(self) -> None:
        self.note("closed")


class Waiting(Recorder):
    """Decides when `gate` opens."""

    gate: asyncio.Event

    async def end_of_message(self) -> Response:
        self.note("end")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.note("cancelled")
            raise
        self.behave("decide")
        return Response(REJECT)


class Peer:
    """The MTA's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.setblocking(False)

    async def send(self, wire: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, wire)

    async def read(self, size: int = 65536) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.sock, size)

    async def letters(self, count: int) -> str:
        """The letters of the next replies."""
        wire = b""
        while True:
            wire += await self.read()
            found = mta.replies(wire)  # small frames, each written in one piece, come in one piece
            if len(found) >= count:
                return "".join(letter for letter, _ in found)

    async def is_closed(self) -> bool:
        try:
            while await self.read():
                pass
        except ConnectionResetError:
            pass
        return True


@asynccontextmanager
async def peer_of(server: MilterServer) -> AsyncIterator[Peer]:
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(server.make_connection, ours)
    with theirs:
        yield Peer(theirs)


def quiet(call: str) -> MilterReply | None:
    return None


def failing_at(*calls: str) -> Callable[[str], MilterReply | None]:
    def behave(call: str) -> MilterReply | None:
        if call in calls:
            raise ZeroDivisionError(call)
        return None

    return behave


def server_with(
    calls: list[str],
    behave: Callable[[str], MilterReply | None] = quiet,
    *,
    kind: type[Recorder] = Recorder,
    wanted: RequiredFeatures = WANTED,
    options: ServerOptions | None = None,
) -> MilterServer:
    return MilterServer(lambda macros: kind(macros, calls, behave), wanted, options)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.001)


OPENING = mta.offer() + mta.connect() + mta.helo()
TOLD = [
    "connected client.example",
    "helo client.example",
    "mail alice@example.org",
    "recipient bob@example.net",
    "data",
    "header 2",
    r"body b'body\r\n'",
    "end ONE",
]
SENT = OPENING + mta.macros(Command.MAIL, i="ONE") + mta.MESSAGE


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux has the option")
def test_what_follows_a_reply_on_tcp_is_acknowledged_at_once(in_loop: Loops) -> None:
    """Sendmail writes macros and command apart: delayed, each message would take it 40 ms longer."""

    async def main() -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname()) as theirs,
        ):
            ours = listener.accept()[0]
            with ours.dup() as seen:
                await asyncio.get_running_loop().connect_accepted_socket(server_with([]).make_connection, ours)
                peer = Peer(theirs)
                for sent in (SENT, mta.MESSAGE, mta.MESSAGE):
                    await peer.send(sent)
                    await peer.letters(1)
                assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1

    in_loop(main())


def test_mta_hears_of_a_slow_message_well_within_its_shortest_default_time() -> None:
    """Sendmail waits 10 s for each packet (T=R), also where it gives 5 min to the whole (T=E)."""
    assert PROGRESS_SECONDS <= 10 / 2


def test_a_filter_is_told_all_in_order_and_its_decision_is_sent(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        async with peer_of(server_with(calls)) as peer:
            await peer.send(SENT)
            assert await peer.letters(3) == "Oha"
            await peer.send(mta.ABORT + mta.unknown() + mta.QUIT)
            assert await peer.is_closed()
        assert calls == [*TOLD, "unknown XYZZY", "closed"]

    in_loop(main())


def test_octets_may_come_one_by_one(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        async with peer_of(server_with(calls)) as peer:
            for octet in SENT:
                await peer.send(bytes((octet,)))
                await asyncio.sleep(0)
            assert await peer.letters(3) == "Oha"
        assert calls[:8] == TOLD

    in_loop(main())


def test_messages_that_come_ahead_of_the_answer_are_answered_in_turn(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        async with peer_of(server_with(calls)) as peer:
            await peer.send(OPENING + mta.MESSAGE + mta.ABORT + mta.MESSAGE + mta.QUIT)
            assert await peer.letters(5) == "Ohaha"
        assert calls.count("aborted") == 0

    in_loop(main())


def test_a_decision_may_wait_while_the_mta_is_told_of_progress(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        server = server_with(calls, kind=Waiting, options=ServerOptions(progress_seconds=0.02))
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            assert (await peer.letters(3))[:3] == "Opp"
            Waiting.gate.set()
            while (letters := await peer.letters(1)).strip("p") == "":
                pass
            assert letters.strip("p") == "r"
            await asyncio.sleep(0.05)
            await peer.send(mta.QUIT)
            assert await peer.read() == b""

    in_loop(main())


def test_two_messages_on_one_connection_may_both_wait(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        async with peer_of(server_with(calls, kind=Waiting)) as peer:
            await peer.send(OPENING + mta.MESSAGE + mta.MESSAGE)
            await until(lambda: "end" in calls)
            Waiting.gate.set()
            assert await peer.letters(3) == "Orr"

    in_loop(main())


def test_an_mta_that_goes_away_cancels_the_decision(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        server = server_with(calls, kind=Waiting)
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            await until(lambda: "end" in calls)
        await until(lambda: not server.connections)
        await until(lambda: "cancelled" in calls)
        assert sorted(calls[-2:]) == ["cancelled", "closed"]

    in_loop(main())


def test_an_mta_that_only_stops_sending_has_gone_away(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        async with peer_of(server_with(calls, kind=Waiting)) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            await until(lambda: "end" in calls)
            peer.sock.shutdown(socket.SHUT_WR)
            assert await peer.is_closed()
        await until(lambda: "cancelled" in calls)

    in_loop(main())


def test_an_mta_that_goes_away_within_a_frame_does_no_harm(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        server = server_with(calls)
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.mail() + mta.body(bytes(100))[:50])
            await until(lambda: len(calls) == 3)
        await until(lambda: not server.connections)
        assert calls[3:] == ["closed"]

    in_loop(main())


def test_an_aborted_message_is_told(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        async with peer_of(server_with(calls)) as peer:
            await peer.send(OPENING + mta.mail() + mta.ABORT + mta.ABORT + mta.mail() + mta.QUIT)
            assert await peer.is_closed()
        assert calls[2:] == ["mail alice@example.org", "aborted", "mail alice@example.org", "aborted", "closed"]

    in_loop(main())


def test_each_smtp_connection_has_a_filter_of_its_own(in_loop: Loops) -> None:
    async def main() -> None:
        made: list[list[str]] = []

        def factory(macros: Macros) -> Filter:
            made.append([])
            return Recorder(macros, made[-1], quiet)

        async with peer_of(MilterServer(factory, WANTED)) as peer:
            await peer.send(OPENING + mta.NEW_CONNECTION + mta.connect("other.example") + mta.QUIT)
            assert await peer.is_closed()
        assert made == [[*TOLD[:2], "closed"], ["connected other.example", "closed"]]

    in_loop(main())


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (mta.offer(version=2), "version 6 is needed"),
        (mta.offer(actions=0), "needs: ADD_HEADER"),
        (mta.offer() + mta.helo("x" * 300), "longer than the limit of 256"),
        (b"GET / HTTP/1.1\r\n\r\n", "longer than the limit"),
        (OPENING + mta.body(b"x"), "BODY in state CONNECTED"),
    ],
)
def test_an_mta_that_breaks_the_protocol_loses_its_connection_alone(
    in_loop: Loops, caplog: pytest.LogCaptureFixture, wire: bytes, what: str
) -> None:
    async def main() -> None:
        calls: list[str] = []
        server = server_with(calls, options=ServerOptions(limits=MilterLimits(frame_bytes=256)))
        async with peer_of(server) as good, peer_of(server) as bad:
            await good.send(OPENING)
            await bad.send(wire)
            assert await bad.is_closed()
            await good.send(mta.MESSAGE)
            assert await good.letters(3) == "Oha"

    in_loop(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert what in caplog.text


def test_what_was_answered_before_the_protocol_was_broken_is_sent(in_loop: Loops) -> None:
    async def main() -> None:
        async with peer_of(server_with([])) as peer:
            await peer.send(OPENING + mta.MESSAGE + mta.body(b"x"))
            assert await peer.letters(3) == "Oha"
            assert await peer.is_closed()

    in_loop(main())


@pytest.mark.parametrize("call", ["mail", "recipient", "data", "header", "body", "end"])
def test_a_bug_at_a_message_costs_this_message_its_judgement_alone(
    in_loop: Loops, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    async def main() -> None:
        calls: list[str] = []
        faults = [call]

        def behave(at: str) -> MilterReply | None:
            if at in faults:
                faults.clear()
                raise ZeroDivisionError
            return None

        async with peer_of(server_with(calls, behave, options=ServerOptions(failure_reply=TEMPFAIL))) as peer:
            await peer.send(SENT + mta.macros(Command.MAIL, i="TWO") + mta.MESSAGE + mta.QUIT)
            assert await peer.letters(4) == "Otha"
        assert calls[-8:] == ["aborted", *TOLD[2:-1], "end TWO", "closed"]
        assert calls.count("end ONE") == (call == "end")

    in_loop(main())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "ONE: the milter filter failed: ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text


def test_a_bug_in_a_decision_that_waited_is_caught_too(in_loop: Loops, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        Waiting.gate = asyncio.Event()
        Waiting.gate.set()
        async with peer_of(server_with([], failing_at("decide"), kind=Waiting)) as peer:
            await peer.send(SENT)
            assert await peer.letters(2) == "Oa"

    in_loop(main())
    assert "ONE: the milter filter failed: ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("call", ["connected", "helo"])
def test_a_bug_before_any_message_costs_the_whole_smtp_connection_its_judgement(in_loop: Loops, call: str) -> None:
    async def main() -> None:
        calls: list[str] = []
        server = server_with(calls, failing_at(call), options=ServerOptions(failure_reply=TEMPFAIL))
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE + mta.MESSAGE + mta.QUIT)
            assert await peer.letters(3) == "Ott"
        assert calls == [*TOLD[: ["connected", "helo"].index(call) + 1], "closed"]

    in_loop(main())


@pytest.mark.parametrize("call", ["aborted", "closed"])
def test_a_bug_at_the_end_of_things_is_logged_and_no_more(
    in_loop: Loops, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    async def main() -> None:
        calls: list[str] = []
        server = server_with(calls, failing_at(call))
        async with peer_of(server) as peer:
            await peer.send(
                OPENING + mta.mail() + mta.ABORT + mta.NEW_CONNECTION + OPENING[len(mta.offer()) :] + mta.QUIT
            )
            assert await peer.is_closed()
        await until(lambda: not server.connections)
        assert calls.count("closed") == 2

    in_loop(main())
    assert {record.levelname for record in caplog.records} == {"ERROR"}


def test_a_factory_that_fails_costs_no_mail(in_loop: Loops, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def factory(macros: Macros) -> Filter:
            raise ZeroDivisionError

        async with peer_of(MilterServer(factory, WANTED)) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            assert await peer.letters(2) == "Oa"

    in_loop(main())
    assert "ZeroDivisionError" in caplog.text


class Undecided(Filter):
    """Its decision is given to the class."""

    decision: Any = None

    async def end_of_message(self) -> Response:
        decision: Response = self.decision
        return decision


@pytest.mark.parametrize(
    "decision", [None, ACCEPT, Response(replies.SKIP), Response(ACCEPT, [EDIT, quarantine("not negotiated")])]
)
def test_a_decision_that_cannot_be_sent_is_a_bug(
    in_loop: Loops, caplog: pytest.LogCaptureFixture, decision: object
) -> None:
    async def main() -> None:
        Undecided.decision = decision
        server = MilterServer(lambda _: Undecided(), WANTED, ServerOptions(failure_reply=TEMPFAIL))
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            assert await peer.letters(2) == "Ot"

    in_loop(main())
    assert "the milter filter failed" in caplog.text


def test_a_filter_that_cancels_itself_loses_the_connection(in_loop: Loops) -> None:
    class Cancelling(Filter):
        async def end_of_message(self) -> Response:
            raise asyncio.CancelledError

    async def main() -> None:
        async with peer_of(MilterServer(lambda _: Cancelling(), WANTED)) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            assert await peer.is_closed()

    in_loop(main())


REPLYING = RequiredFeatures(
    actions=Action.ADD_HEADER, replies=frozenset({Command.CONNECT, Command.MAIL, Command.RECIPIENT})
)


def test_a_filter_answers_the_commands_that_it_said_it_would(in_loop: Loops) -> None:
    def behave(call: str) -> MilterReply | None:
        return {"recipient": REJECT, "mail": replies.CONTINUE}.get(call)

    async def main() -> None:
        async with peer_of(server_with([], behave, wanted=REPLYING)) as peer:
            await peer.send(OPENING + mta.mail() + mta.recipient() + mta.recipient())
            assert await peer.letters(5) == "Occrr"

    in_loop(main())


def test_a_bug_at_a_command_that_is_answered_gets_the_failure_reply_where_that_is_legal(in_loop: Loops) -> None:
    async def main() -> None:
        options = ServerOptions(failure_reply=replies.DISCARD)
        server = server_with([], failing_at("connected", "mail"), wanted=REPLYING, options=options)
        async with peer_of(server) as peer:
            await peer.send(mta.offer() + mta.connect() + mta.mail())
            assert await peer.letters(3) == "Occ"
        server = server_with([], failing_at("mail"), wanted=REPLYING, options=options)
        async with peer_of(server) as peer:
            await peer.send(mta.offer() + mta.connect() + mta.mail())
            assert await peer.letters(3) == "Ocd"

    in_loop(main())


def test_a_reply_where_none_was_announced_is_a_bug(in_loop: Loops, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with peer_of(server_with([], lambda call: REJECT if call == "header" else None)) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            assert await peer.letters(2) == "Oa"

    in_loop(main())
    assert "did not say that it answers EndOfHeader" in caplog.text


def test_no_more_than_a_little_is_read_ahead_of_a_decision(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        server = server_with(calls, kind=Waiting)
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            await until(lambda: "end" in calls)
            (connection,) = server.connections
            flood = (
                mta.mail() + mta.recipient() + mta.end_of_header() + mta.body(bytes(60_000)) * 40 + mta.end_of_message()
            )
            sending = asyncio.ensure_future(peer.send(flood))
            await until(lambda: not connection._transport.is_reading())
            await asyncio.sleep(0.05)
            assert HELD_BYTES < connection._session.buffered <= HELD_BYTES + 256 * 1024
            assert not sending.done()
            Waiting.gate.set()
            await sending
            assert await peer.letters(3) == "Orr"
            assert sum(call.startswith("body") for call in calls) == 41

    in_loop(main())


def test_an_mta_that_does_not_read_is_not_read(in_loop: Loops) -> None:
    async def main() -> None:
        server = server_with([])
        async with peer_of(server) as peer:
            await peer.send(OPENING)
            await peer.letters(1)
            (connection,) = server.connections
            connection.pause_writing()
            assert not connection._transport.is_reading()
            connection.resume_writing()
            assert connection._transport.is_reading()

    in_loop(main())


def test_closing_ends_what_is_idle_and_waits_for_the_rest(in_loop: Loops) -> None:
    async def main() -> None:
        calls: list[str] = []
        server = server_with(calls)
        async with peer_of(server) as idle, peer_of(server) as busy:
            await idle.send(mta.offer())
            await busy.send(OPENING)
            assert await idle.letters(1) == await busy.letters(1) == "O"
            closing = asyncio.ensure_future(server.close(drain_seconds=10))
            assert await idle.is_closed()
            await busy.send(mta.MESSAGE + mta.QUIT)
            assert await busy.letters(2) == "ha"
            await closing
        assert calls[-1] == "closed"

    in_loop(main())


def test_closing_cuts_off_what_does_not_end(in_loop: Loops, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        server = server_with(calls, kind=Waiting)
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            await until(lambda: "end" in calls)
            await server.close(drain_seconds=0.01)
            assert not server.connections
            assert await peer.is_closed()
        await until(lambda: "cancelled" in calls)

    in_loop(main())
    assert "1 milter connections were cut off after 0.01 s" in caplog.text


@pytest.mark.parametrize("keeps_sessions", [False, True])
def test_closing_ends_a_session_between_two_messages_unless_it_is_kept(
    in_loop: Loops, monkeypatch: pytest.MonkeyPatch, keeps_sessions: bool
) -> None:
    monkeypatch.setattr(milterd, "BETWEEN_SECONDS", 0.05)
    monkeypatch.setattr(milterd, "IDLE_SECONDS", 0.02)

    async def main() -> None:
        calls: list[str] = []
        server = server_with(calls)
        server.keeps_sessions = keeps_sessions
        async with peer_of(server) as between, peer_of(server) as within:
            await between.send(OPENING + mta.MESSAGE)
            await within.send(OPENING + mta.mail())
            assert await between.letters(3) == "Oha"
            assert await within.letters(1) == "O"
            closing = asyncio.ensure_future(server.close(drain_seconds=10))
            if keeps_sessions:
                await asyncio.sleep(0.2)
                assert len(server.connections) == 2
                server.keeps_sessions = False  # the end of patience
            assert await between.is_closed()
            assert not closing.done()
            await within.send(mta.MESSAGE[len(mta.mail()) :])
            assert await within.letters(2) == "ha"
            await closing
        assert calls.count("closed") == 2

    in_loop(main())


def test_closing_waits_for_a_decision_and_then_for_what_follows_it(
    in_loop: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milterd, "BETWEEN_SECONDS", 0.05)
    monkeypatch.setattr(milterd, "IDLE_SECONDS", 0.02)

    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        server = server_with(calls, kind=Waiting)
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            await until(lambda: "end" in calls)
            closing = asyncio.ensure_future(server.close(drain_seconds=10))
            await asyncio.sleep(0.15)
            assert not closing.done()
            Waiting.gate.set()
            assert await peer.letters(2) == "Or"
            await closing

    in_loop(main())


def test_decision_that_does_not_come_gets_the_failure_reply(in_loop: Loops, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        calls: list[str] = []
        Waiting.gate = asyncio.Event()
        options = ServerOptions(progress_seconds=0.02, decision_seconds=0.1, failure_reply=TEMPFAIL)
        server = server_with(calls, kind=Waiting, options=options)
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            letters = ""
            while "t" not in letters:
                letters += await peer.letters(1)
            assert letters.strip("p") == "Opt".replace("p", "p" * letters.count("p"))
            assert "cancelled" in calls
            Waiting.gate.set()
            await peer.send(mta.MESSAGE)
            assert await peer.letters(1) == "r"  # the next one is judged

    in_loop(main())
    assert "the milter filter failed: TimeoutError('no decision within 0.1 s')" in caplog.text


@pytest.mark.parametrize("sent", [mta.mail()[:3], mta.mail()[:-1], mta.body(bytes(1000))[:-1]])
def test_frame_that_does_not_end_ends_its_connection(
    in_loop: Loops, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    async def main() -> None:
        server = server_with([])
        async with peer_of(server) as slow, peer_of(server) as good:
            await slow.send(OPENING + sent)
            await good.send(OPENING)
            assert await slow.letters(1) == await good.letters(1) == "O"
            server.end_silent()
            monkeypatch.setattr(milterd, "FRAME_SECONDS", 0.0)
            await good.send(mta.mail()[:2])
            await asyncio.sleep(0.02)
            server.end_silent()
            assert await slow.is_closed()
            await good.send(mta.MESSAGE[2:])
            assert await good.letters(2) == "ha"
            server.end_silent()
            server.end_silent()
            assert len(server.connections) == 1
        assert server.counters["inalign_connections_silent_total"] == 1

    in_loop(main())


def test_frame_that_grows_by_an_octet_is_the_same_frame(in_loop: Loops, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        server = server_with([])
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.mail()[:5])
            assert await peer.letters(1) == "O"
            server.end_silent()
            monkeypatch.setattr(milterd, "FRAME_SECONDS", 0.05)
            for octet in mta.mail()[5:-1]:
                with contextlib.suppress(BrokenPipeError):
                    await peer.send(bytes((octet,)))
                await asyncio.sleep(0.01)
                server.end_silent()
            assert await peer.is_closed()

    in_loop(main())


def test_exhausted_memory_is_a_failure_and_noted(in_loop: Loops) -> None:
    def behave(call: str) -> MilterReply | None:
        if call == "header":
            raise MemoryError
        return None

    async def main() -> None:
        server = server_with([], behave, options=ServerOptions(failure_reply=TEMPFAIL))
        async with peer_of(server) as peer:
            await peer.send(OPENING + mta.MESSAGE)
            assert await peer.letters(2) == "Ot"
            assert server.is_exhausted
        other = server_with([])
        async with peer_of(other) as peer:
            await peer.send(OPENING)
            await peer.letters(1)
            (connection,) = other.connections
            connection.connection_lost(MemoryError())  # as an event loop says that it could not even read
            assert other.is_exhausted
            other.connections.add(connection)

    in_loop(main())


def test_closing_without_connections_is_done_at_once(in_loop: Loops) -> None:
    in_loop(server_with([]).close(drain_seconds=10))


@pytest.mark.parametrize("kind", ["unix", "inet"])
def test_a_listening_socket_is_served(in_loop: Loops, tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        address = UnixAddress(str(tmp_path / "m.sock")) if kind == "unix" else InetAddress("127.0.0.1", 0)
        listener = listen(address)
        where = listener.getsockname()
        server = server_with([])
        await server.serve(listener)
        with socket.socket(listener.family) as sock:
            sock.connect(where)
            peer = Peer(sock)
            await peer.send(OPENING + mta.MESSAGE)
            assert await peer.letters(3) == "Oha"
            closing: Awaitable[None] = asyncio.ensure_future(server.close(drain_seconds=5))
            await asyncio.sleep(0)
            await peer.send(mta.QUIT)
            await closing
        with socket.socket(listener.family) as late, pytest.raises(OSError):  # noqa: PT011 - refused in several ways
            late.connect(where)

    in_loop(main())
    assert (tmp_path / "m.sock").exists() == (kind == "unix")


def test_a_coroutine_is_run_in_the_faster_loop() -> None:
    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(main()) == "uvloop"


def test_a_filter_of_which_nothing_is_overridden_accepts_all(in_loop: Loops) -> None:
    async def main() -> None:
        async with peer_of(MilterServer(lambda _: Filter(), RequiredFeatures())) as peer:
            await peer.send(OPENING + mta.unknown() + mta.MESSAGE + mta.mail() + mta.ABORT + mta.QUIT)
            assert await peer.letters(2) == "Oa"

    in_loop(main())
