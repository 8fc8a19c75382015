"""`run`: no event loop where none is needed, one kept loop where one is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Generator, Iterator

import pytest

from inalign.net.dns import LiveResolver
from inalign.net.run import run
from inalign.resolver import Answer, Outcome, mx, txt
from tests.helpers import zone
from tests.nameserver import NameServer


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer({"example.org": {"TXT": ["x"], "MX": [[1, "m"]]}, "a.example": {"TXT": ["y"]}}) as server:
        yield server


@pytest.fixture
def resolver(server: NameServer) -> Iterator[LiveResolver]:
    resolver = LiveResolver([server.address])
    yield resolver
    run(resolver.aclose())


def test_the_zone_resolver_needs_no_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise AssertionError("an event loop was made")

    monkeypatch.setattr("inalign.net.run._shared_loop", refused)
    assert run(zone({"a": {"TXT": ["x"]}}).txt("a")).records == (b"x",)


def test_live_questions_run_on_one_kept_loop(resolver: LiveResolver, server: NameServer) -> None:
    async def loop_after(name: str) -> asyncio.AbstractEventLoop:
        await resolver.txt(name)
        return asyncio.get_running_loop()

    loops = {run(loop_after(name)) for name in ("example.org", "a.example", "b.example")}
    assert len(loops) == 1
    assert len(server.questions) == 3


def test_closing_a_resolver_that_has_nothing_under_way_needs_no_event_loop() -> None:
    closed: list[None] = []
    thread = threading.Thread(target=lambda: closed.append(run(LiveResolver(["127.0.0.1"]).aclose())))
    thread.start()
    thread.join()
    assert closed == [None]


def test_what_is_known_needs_no_event_loop(resolver: LiveResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(resolver.txt("example.org")).outcome is Outcome.FOUND
    with monkeypatch.context() as patch:
        patch.setattr("inalign.net.run._shared_loop", None)
        assert run(resolver.txt("example.org")).outcome is Outcome.FOUND
        assert run(resolver.within(1).txt("example.org")).outcome is Outcome.FOUND


def test_the_same_coroutine_goes_on_where_it_stands(resolver: LiveResolver) -> None:
    steps = []

    async def check() -> list[Answer[bytes]]:
        steps.append("begin")
        first = await resolver.txt("example.org")
        steps.append("middle")
        second = await resolver.within(5).txt("a.example")
        steps.append("end")
        return [first, second]

    assert [answer.records for answer in run(check())] == [(b"x",), (b"y",)]
    assert steps == ["begin", "middle", "end"]


def test_what_is_expected_before_a_loop_runs_is_asked_with_the_first_question(
    resolver: LiveResolver, server: NameServer
) -> None:
    resolver.prefetch(txt("a.example"), mx("example.org"), txt("a..b"))

    async def check() -> None:
        resolver.prefetch(*(txt(f"n{number}.example") for number in range(200)))
        await resolver.txt("example.org")
        await asyncio.sleep(0.2)

    assert server.questions == []
    run(check())
    assert server.asked("a.example") == server.asked("example.org", "MX") == server.asked("example.org") == 1
    assert len(server.questions) <= 102


def test_exceptions_pass_before_and_after_the_loop(resolver: LiveResolver) -> None:
    async def fails(name: str) -> None:
        await resolver.txt(name)
        raise LookupError(name)

    for name in ("example.org", "example.org"):
        with pytest.raises(LookupError):
            run(fails(name))


def test_run_within_a_running_loop_says_what_to_do() -> None:
    async def inner() -> int:
        return 1

    async def outer() -> None:
        with pytest.raises(RuntimeError, match="await the coroutine"):
            run(inner())

    asyncio.run(outer())


def test_a_bare_yield_is_resumed_on_the_loop() -> None:
    async def check() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return asyncio.get_running_loop().__class__.__name__

    assert run(check())


def test_a_future_that_was_yielded_before_the_loop_is_waited_for() -> None:
    async def loop_of_run() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    loop = run(loop_of_run())

    async def check() -> str:
        future: asyncio.Future[str] = loop.create_future()
        loop.call_later(0.01, future.set_result, "done")
        return await future

    assert run(check()) == "done"

    async def fails() -> None:
        future: asyncio.Future[str] = loop.create_future()
        loop.call_later(0.01, future.set_exception, LookupError("no"))
        await future

    with pytest.raises(LookupError):
        run(fails())


def test_what_the_loop_throws_reaches_the_coroutine() -> None:
    caught = []

    @types.coroutine
    def wait() -> Generator[None, None, None]:
        try:
            yield None
        except asyncio.CancelledError:
            caught.append("cancelled")
            raise

    async def check(*, swallow: bool) -> str:
        try:
            await wait()
        except asyncio.CancelledError:
            if not swallow:
                raise
        return "went on"

    def cancel_soon() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    async def loop_of_run() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    loop = run(loop_of_run())
    loop.call_soon(loop.call_soon, cancel_soon)  # after the first step on the loop
    assert run(check(swallow=True)) == "went on"
    loop.call_soon(loop.call_soon, cancel_soon)  # after the first step on the loop
    with pytest.raises(asyncio.CancelledError):
        run(check(swallow=False))
    assert caught == ["cancelled", "cancelled"]
    loop.call_soon(cancel_soon)  # before it: the coroutine is closed
    with pytest.raises(asyncio.CancelledError):
        run(check(swallow=True))


def test_each_thread_has_its_own_loop(server: NameServer) -> None:
    found: list[object] = []

    def ask() -> None:
        resolver = LiveResolver([server.address])
        found.append(run(resolver.txt("example.org")).records)
        run(resolver.aclose())

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(b"x",)] * 3


def test_a_forked_child_makes_its_own_loop_and_leaves_that_of_the_parent(server: NameServer) -> None:
    program = f"""
        import os
        from inalign.net.dns import LiveResolver
        from inalign.net.run import run
        resolver = LiveResolver(["{server.address}"])
        assert run(resolver.txt("example.org")).records == (b"x",)
        child = os.fork()
        assert run(resolver.txt("a.example")).records == (b"y",)
        if child:
            assert os.waitpid(child, 0)[1] == 0
            assert run(resolver.txt("b.example")).outcome == "no_name"
        else:
            assert run(resolver.txt("c.example")).outcome == "no_name"
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
