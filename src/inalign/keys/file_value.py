"""Files that may change while we run: looked at once a second at most, read again when they have changed."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from inalign.errors import Error

log = logging.getLogger("inalign.keys")

CHECK_SECONDS = 1.0

T = TypeVar("T")
Stamp = tuple[int, ...] | None
"""What changes when a file does; None where there is none."""


def stamp(path: Path) -> Stamp:
    """Device, inode, size, and the times of content and of mode and owner."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path method costs twice as much, and this runs for every message
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class FileValue(Generic[T]):
    """A value made of files."""

    def __init__(
        self, paths: Sequence[Path], make: Callable[[], T], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Makes the value; raises what `make` raises."""
        self._paths = paths
        self._make = make
        self._clock = clock
        self._stamps = self._coming = self._look()
        self._next = clock() + CHECK_SECONDS
        self._value = make()

    async def current(self) -> T:
        """The value of the files as they are, or as they were while the new ones are not in order."""
        now = self._clock()
        if now < self._next:
            return self._value
        self._next = now + CHECK_SECONDS
        stamps = self._look()
        if stamps == self._stamps:
            return self._value
        if stamps != self._coming:
            self._coming = stamps  # somebody may still be writing: a second without a change must pass
            return self._value
        self._stamps = stamps
        try:
            self._value = await asyncio.to_thread(self._make)
        except Error as problem:
            log.error("%s; what was read before stays in force", problem)
        else:
            log.info("read again: %s", ", ".join(map(str, self._paths)))
        return self._value

    def _look(self) -> tuple[Stamp, ...]:
        return tuple(map(stamp, self._paths))
