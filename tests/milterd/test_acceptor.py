"""Shares of connections, silent peers, and what happens where no descriptor is left: in process."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from asyncio import Runner
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

import pytest

from inalign.milter.negotiation import RequiredFeatures
from inalign.milterd import acceptor
from inalign.milterd import connection as milterd
from inalign.milterd.acceptor import Shares, SharingServer
from inalign.milterd.interface import Filter, ServerOptions
from inalign.telemetry import Counters
from tests.milter import mta

END = (ConnectionResetError, asyncio.IncompleteReadError)


def test_worker_is_over_its_share_above_one_and_a_quarter_of_the_mean() -> None:
    shares = Shares(2)
    shares.hold(0, 100)
    assert not shares.is_over(0)  # alone: the other does not accept yet
    shares.hold(1, 60)
    assert not shares.is_over(0)  # 100 = 1.25 x 80
    shares.hold(0, 110)
    shares.hold(1, 50)
    assert shares.is_over(0)
    assert not shares.is_over(1)
    assert shares.total() == 160
    shares.leave(1)
    assert not shares.is_over(0)
    assert shares.total() == 110


def test_few_connections_are_never_unfair() -> None:
    shares = Shares(3)
    for number in range(3):
        shares.hold(number, 0)
    shares.hold(0, 4)
    assert not shares.is_over(0)


def test_shares_are_seen_by_a_forked_process() -> None:
    shares = Shares(1)
    pid = os.fork()
    if pid == 0:
        shares.hold(0, 7)
        os._exit(0)
    os.waitpid(pid, 0)
    assert shares.total() == 7


def listener() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(64)
    return made


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def make_server(shares: Shares, *, most: int = 100, counters: Counters | None = None) -> SharingServer:
    return SharingServer(
        lambda _: Filter(),
        RequiredFeatures(),
        ServerOptions(),
        Counters() if counters is None else counters,
        shares=shares,
        number=0,
        max_connections=most,
    )


def live(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_who_holds_too_much_takes_what_nobody_else_takes() -> None:
    async def scenario() -> None:
        shares = Shares(2)
        shares.hold(1, 0)  # is there, and takes nothing
        where = listener()
        server = make_server(shares)
        await server.share([where.dup()])
        peers = []
        for _ in range(12):
            peers.append(await asyncio.open_connection(*where.getsockname()))
            peers[-1][1].write(mta.offer())
            assert await peers[-1][0].readexactly(5)
        assert len(server.connections) == 12
        for _, writer in peers:
            writer.close()
        await server.close()
        where.close()

    live(scenario)


def test_silent_peers_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        counters = Counters()
        where = listener()
        server = make_server(Shares(1), counters=counters)
        await server.share([where.dup()])
        mute, _mute = await asyncio.open_connection(*where.getsockname())
        slow, slow_writer = await asyncio.open_connection(*where.getsockname())
        slow_writer.write(mta.offer()[:5])
        fast, fast_writer = await asyncio.open_connection(*where.getsockname())
        fast_writer.write(mta.offer())
        await fast.readexactly(4)
        server.end_silent()
        assert len(server.connections) == 3
        monkeypatch.setattr(milterd, "NEGOTIATION_SECONDS", 0.0)
        server.end_silent()
        with pytest.raises(END):
            await mute.readexactly(1)
        with pytest.raises(END):
            await slow.readexactly(1)
        assert len(server.connections) == 1
        monkeypatch.setattr(milterd, "SILENCE_SECONDS", 0.0)
        server.end_silent()
        with pytest.raises(END):
            await fast.readexactly(1000)
        assert counters["inalign_connections_silent_total"] == 3
        for writer in (_mute, slow_writer, fast_writer):
            writer.close()
        await server.close()
        where.close()

    live(scenario)


def test_without_a_free_descriptor_it_looks_away_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(socket.socket):
        is_full = True

        def dup(self) -> Self:
            if self.is_full:
                raise OSError(errno.EMFILE, "Too many open files")
            return super().dup()

    async def scenario() -> None:
        monkeypatch.setattr(acceptor, "NO_DESCRIPTOR_SECONDS", 0.05)
        made = listener()
        where = made.getsockname()
        full = Full(made.family, made.type, made.proto, made.detach())
        server = make_server(Shares(1))
        await server.share([full])
        reader, writer = await asyncio.open_connection(*where)
        writer.write(mta.offer())
        await asyncio.sleep(0.1)
        assert not server.connections
        full.is_full = False
        assert await reader.readexactly(4)
        writer.close()
        await server.close()

    live(scenario)
    assert "no connection can be accepted now: Too many open files" in caplog.text


@pytest.mark.parametrize("kind", [socket.AF_INET, socket.AF_UNIX])
def test_looking_away_leaves_no_descriptor_and_the_socket_as_it_is(kind: socket.AddressFamily, tmp_path: Path) -> None:
    path = str(tmp_path / "m.sock")

    async def scenario() -> None:
        where = socket.socket(kind)
        where.bind(path if kind == socket.AF_UNIX else ("127.0.0.1", 0))
        where.listen()
        server = make_server(Shares(1))
        await server.share([where.dup()])
        before = open_files()
        for _ in range(20):
            server._look_away(0.001)
            await asyncio.sleep(0.005)
        for _ in range(1000):  # the last pause ends after a millisecond, unless the machine is busy
            if open_files() == before:
                break
            await asyncio.sleep(0.005)
        assert open_files() == before
        with socket.socket(kind) as client:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, where.getsockname())
            await asyncio.sleep(0.05)
            assert len(server.connections) == 1
        await server.close()
        where.close()

    with Runner() as runner:
        runner.run(scenario())
    uvloop = pytest.importorskip("uvloop")
    Path(path).unlink(missing_ok=True)
    with Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
