"""Run a coroutine of this library from a program that has no event loop.

`run` steps the coroutine. On a zone resolver, or where every answer is in the cache, it comes to its end in that
step and no event loop is ever made. The live resolver, when it must ask and finds no loop running, yields `NEED_LOOP`:
then the same coroutine goes on, from where it stands, on one event loop that is kept for the next time.

A program that uses asyncio itself awaits the coroutine, or calls `asyncio.run`.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Generator
from types import coroutine as awaitable_generator
from typing import Any, TypeVar

T = TypeVar("T")


class NeedLoop:
    """What the live resolver yields when it needs an event loop and none runs."""


NEED_LOOP = NeedLoop()


@awaitable_generator
def need_loop() -> Generator[NeedLoop, None, None]:
    """Wait until an event loop runs. Only `run` understands this."""
    yield NEED_LOOP


def run(coroutine: Coroutine[Any, Any, T]) -> T:  # Any: what an awaitable yields is between it and its driver
    """The result of the coroutine. Raises `RuntimeError` inside a running event loop: there, await it."""
    if _is_loop_running():
        coroutine.close()
        raise RuntimeError("inalign.run was called while an event loop is running in this thread: await the coroutine")
    try:
        yielded = coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    try:
        return _shared_loop().run(_resumed(coroutine, yielded))
    finally:
        coroutine.close()  # where the loop was interrupted before it came to its end


async def _resumed(coroutine: Coroutine[Any, Any, T], yielded: object) -> T:
    return await _resume(coroutine, yielded)


@awaitable_generator
def _resume(coroutine: Coroutine[Any, Any, T], yielded: object) -> Generator[Any, Any, T]:
    if yielded is not NEED_LOOP:
        # Somebody else's awaitable: the loop gets to see what it yielded, and its answer goes back down.
        try:
            yield yielded
        except BaseException as thrown:  # noqa: BLE001 - the loop cancels: that belongs to the coroutine
            try:
                yield coroutine.throw(thrown)
            except StopIteration as done:
                result: T = done.value
                return result
    return (yield from coroutine.__await__())


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _SharedLoop:
    """The event loop that is kept, one a thread; it is closed with its thread, or when the process ends."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._process = os.getpid()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def close(self) -> None:
        if self._process == os.getpid():  # in a forked child the descriptors are the parent's
            self._runner.close()

    def __del__(self) -> None:
        self.close()


_local = threading.local()
_of_the_parent: list[object] = []  # held, never closed: closing would take the loop of the parent apart


def _shared_loop() -> _SharedLoop:
    shared: _SharedLoop | None = getattr(_local, "shared", None)
    if shared is None:
        shared = _local.shared = _SharedLoop()
    return shared


def _close_shared_loop() -> None:
    shared: _SharedLoop | None = getattr(_local, "shared", None)
    if shared is not None:
        del _local.shared
        shared.close()


def _forget_after_fork() -> None:
    _of_the_parent.append(_local.__dict__.pop("shared", None))


atexit.register(_close_shared_loop)
os.register_at_fork(after_in_child=_forget_after_fork)
