"""Who takes the next connection: several workers accept on the same listening sockets, and share fairly.

Whichever worker is awake first takes what is there. A worker that holds over 1.25 times the mean looks away for a
moment; what nobody has taken by then, it takes after all, so that a worker that hangs or dies costs moments and not
service. SO_REUSEPORT would spread the connections in the kernel, but blindly: they would wait for
a worker that hangs, be lost with one that dies, and UNIX sockets do not have it.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import socket
import time
from collections.abc import Iterable

from inalign.milter.negotiation import RequiredFeatures
from inalign.milterd.connection import Connection
from inalign.milterd.interface import FilterFactory, ServerOptions
from inalign.milterd.server import MilterServer
from inalign.telemetry import Counters

log = logging.getLogger("inalign.milter")

MOST_OF_MEAN = 1.25
SLACK_CONNECTIONS = 4
"""So that a few connections more or less do not count as unfair."""
LOOK_AWAY_SECONDS = 0.01
"""Longer than a worker takes to wake, and short compared to a message."""
NO_DESCRIPTOR_SECONDS = 0.5
COMPLAINT_SECONDS = 60.0
"""Between log lines that say that there are too many connections."""


class Shares:
    """How many connections each worker holds, in memory that the workers of one configuration share."""

    _ABSENT = 0xFFFF_FFFF

    def __init__(self, workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * workers)).cast("I")
        for number in range(workers):
            self.leave(number)

    def hold(self, number: int, connections: int) -> None:
        """This worker holds so many."""
        self._counts[number] = connections

    def leave(self, number: int) -> None:
        """This worker takes no connections, or is dead."""
        self._counts[number] = self._ABSENT

    def total(self) -> int:
        """The connections of all workers."""
        return sum(count for count in self._counts if count != self._ABSENT)

    def is_over(self, number: int) -> bool:
        """Whether this worker holds more than its share."""
        counts = [count for count in self._counts if count != self._ABSENT]
        return self._counts[number] > MOST_OF_MEAN * sum(counts) / max(1, len(counts)) + SLACK_CONNECTIONS


class SharingServer(MilterServer):
    """A milter server that accepts next to others on the same sockets, at most `max_connections` in all."""

    def __init__(
        self,
        factory: FilterFactory,
        wanted: RequiredFeatures,
        options: ServerOptions,
        counters: Counters,
        *,
        shares: Shares,
        number: int,
        max_connections: int,
    ) -> None:
        super().__init__(factory, wanted, options, counters)
        self._shares = shares
        self._number = number
        self._max_connections = max_connections
        self._shared: list[socket.socket] = []
        self._looking: asyncio.Task[None] | None = None
        self._generous_until = 0.0
        self._complained = -COMPLAINT_SECONDS

    async def share(self, listeners: Iterable[socket.socket]) -> None:
        """Start to accept connections on the listening sockets."""
        self._shares.hold(self._number, 0)
        self._shared = list(listeners)
        await self._look()

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Stop accepting, then as every server does. A connection that waits in the queue goes to the other workers."""
        shared, self._shared = self._shared, []
        if self._looking is not None:
            await self._looking
        self._shares.leave(self._number)
        for listener in shared:
            listener.close()
        await super().close(drain_seconds)

    def came(self, connection: Connection) -> None:
        """A connection is accepted; beyond the most it is closed at once, and beyond our share we look away."""
        super().came(connection)
        if not self._shared:
            return
        self._shares.hold(self._number, len(self.connections))
        if self._shares.total() > self._max_connections:
            self.counters.add("inalign_connections_refused_total")
            self._complain(
                f"over {self._max_connections} connections (milter.max_connections): more are closed at once"
            )
            connection.cut_off()
            return
        self.counters.add("inalign_connections_total")
        if self._shares.is_over(self._number) and time.monotonic() > self._generous_until:
            self._look_away(LOOK_AWAY_SECONDS)

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        super().gone(connection)
        if self._shared:
            self._shares.hold(self._number, len(self.connections))

    async def _look(self) -> None:
        try:
            for listener in self._shared:
                await self.serve(listener.dup())  # looking away closes the duplicate
        except OSError as problem:  # no descriptor is free
            self._complain(f"no connection can be accepted now: {problem.strerror}")
            self._look_away(NO_DESCRIPTOR_SECONDS)

    def _look_away(self, seconds: float) -> None:
        """Stop accepting for a moment, and then take for a moment whatever is there."""
        self.stop_accepting()
        self._generous_until = time.monotonic() + seconds + LOOK_AWAY_SECONDS
        asyncio.get_running_loop().call_later(seconds, self._look_again)

    def _look_again(self) -> None:
        if self._shared:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def _complain(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._complained >= COMPLAINT_SECONDS:
            self._complained = now
            log.warning("%s", problem)
