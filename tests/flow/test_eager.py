"""`begin`: a coroutine that need not wait costs no task, and one that waits goes on as if it had always been one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from inalign.flow.eager import start_eagerly


def test_a_result_that_is_there_at_once_makes_no_task() -> None:
    async def main() -> None:
        assert start_eagerly(_at_once()) == "done"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


async def _at_once() -> str:
    return "done"


async def _wait_on(*futures: asyncio.Future[str]) -> list[str]:
    return [await future for future in futures]


def _task(coroutine: Coroutine[Any, Any, list[str]]) -> asyncio.Task[list[str]]:
    task = start_eagerly(coroutine)
    assert isinstance(task, asyncio.Task)
    return task


def test_a_coroutine_that_waits_becomes_a_task() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        task = _task(_wait_on(first, second))
        await asyncio.sleep(0)
        first.set_result("a")
        await asyncio.sleep(0)
        assert not task.done()
        second.set_result("b")
        assert await task == ["a", "b"]

    asyncio.run(main())


def test_an_exception_comes_out_at_once_or_of_the_task() -> None:
    async def fail(*futures: asyncio.Future[str]) -> list[str]:
        await _wait_on(*futures)
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            start_eagerly(fail())
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = _task(fail(future))
        future.set_result("")
        with pytest.raises(ZeroDivisionError):
            await task

    asyncio.run(main())


def test_an_exception_of_what_is_awaited_reaches_the_coroutine() -> None:
    async def mend(future: asyncio.Future[str], then: asyncio.Future[str]) -> list[str]:
        try:
            return [await future]
        except OSError:
            return ["mended", await then]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future, then = loop.create_future(), loop.create_future()
        task = _task(mend(future, then))
        future.set_exception(OSError())
        then.set_result("later")
        assert await task == ["mended", "later"]

    asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_cancellation_ends_the_coroutine_also_before_the_task_has_begun(turns: int) -> None:
    ended = []

    async def note(future: asyncio.Future[str]) -> list[str]:
        try:
            return [await future]
        finally:
            ended.append(True)

    async def main() -> None:
        task = _task(note(asyncio.get_running_loop().create_future()))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        assert ended == [True]

    asyncio.run(main())
