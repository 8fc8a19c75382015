"""Answers kept for a while: a bounded cache with a time to live, for "no" as for "yes"."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """The latest answers, by what was asked."""

    def __init__(self, seconds: float, *, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def get(self, name: str) -> V | None:
        """The answer, None where there is none that is young enough."""
        held = self._held.get(name)
        if held is None or held[0] <= self._clock():
            return None
        self._held.move_to_end(name)
        return held[1]

    def put(self, name: str, value: V) -> V:
        """Keep an answer; the one that was used longest ago makes room."""
        self._held[name] = self._clock() + self._seconds, value
        self._held.move_to_end(name)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)
        return value
