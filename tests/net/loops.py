"""Async tests without a plugin: `@on_each_loop` runs one on asyncio and, where it is installed, on uvloop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
try:
    import uvloop
except ImportError:
    pass
else:
    LOOPS["uvloop"] = uvloop.new_event_loop


def on_each_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function; it must not have a fixture named `loop`."""

    @functools.wraps(test)
    def wrapper(*args: object, loop_name: str, **fixtures: object) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.run(asyncio.wait_for(test(*args, **fixtures), 30))

    signature = inspect.signature(test)
    loop_name = inspect.Parameter("loop_name", inspect.Parameter.KEYWORD_ONLY)
    # pytest reads this to know which fixtures and parameters there are
    vars(wrapper)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), loop_name])
    marked: Callable[..., None] = pytest.mark.parametrize("loop_name", LOOPS)(wrapper)
    return marked
