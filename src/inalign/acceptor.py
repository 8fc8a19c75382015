"""Who takes the next connection: several workers accept on the same listening sockets, and share fairly.

Whichever worker is awake first takes a connection, and takes one at a time. A worker that holds over 1.25 times the
mean looks away for a moment; what nobody has taken by then, it takes after all, so that a worker that hangs or dies
costs moments and not service. SO_REUSEPORT would spread the connections in the kernel, but blindly: they would wait for
a worker that hangs, be lost with one that dies, and UNIX sockets do not have it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import mmap
import socket
import time
from collections.abc import Iterable

from inalign.milter.negotiation import Wanted
from inalign.milterd.server import Connection, FilterFactory, Options, Server
from inalign.telemetry import Counters

log = logging.getLogger("inalign.milter")

MOST_OF_MEAN = 1.25
SLACK_CONNECTIONS = 4
"""So that a few connections more or less do not count as unfair."""
LOOK_AWAY_SECONDS = 0.01
"""Longer than a worker takes to wake, and short beside a message."""
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


class SharingServer(Server):
    """A milter server that accepts beside others on the same sockets, at most `max_connections` in all."""

    def __init__(
        self,
        factory: FilterFactory,
        wanted: Wanted,
        options: Options,
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
        self._opening: set[asyncio.Task[None]] = set()
        self._held = 0
        self._generous_until = 0.0
        self._complained = -COMPLAINT_SECONDS

    def share(self, listeners: Iterable[socket.socket]) -> None:
        """Begin to accept."""
        self._shares.hold(self._number, 0)
        self._shared = list(listeners)
        for listener in self._shared:
            listener.setblocking(False)
        self._look()

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Stop accepting, then as every server does. A connection that waits in the queue goes to the other workers."""
        shared, self._shared = self._shared, []
        for listener in shared:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._shares.leave(self._number)
        if self._opening:
            await asyncio.wait(self._opening)
        await super().close(drain_seconds)

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        self._release()
        super().gone(connection)

    def _look(self) -> None:
        for listener in self._shared:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _look_away(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._shared:
            loop.remove_reader(listener)
        self._generous_until = loop.time() + seconds + LOOK_AWAY_SECONDS
        loop.call_later(seconds, self._look)

    def _accept(self, listener: socket.socket) -> None:
        """Take one connection; if there are more, the event loop calls again."""
        loop = asyncio.get_running_loop()
        if self._shares.is_over(self._number) and loop.time() > self._generous_until:
            self._look_away(LOOK_AWAY_SECONDS)
            return
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker was faster, or the peer went away
        except OSError as problem:
            if problem.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            self._complain(f"no connection can be accepted now: {problem.strerror}")
            self._look_away(NO_DESCRIPTOR_SECONDS)
            return
        if self._shares.total() >= self._max_connections:
            accepted.close()
            self.counters.add("inalign_connections_refused_total")
            self._complain(
                f"over {self._max_connections} connections (milter.max_connections): more are closed at once"
            )
            return
        self.counters.add("inalign_connections_total")
        self._held += 1
        self._shares.hold(self._number, self._held)
        task = loop.create_task(self._open(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self.make_connection, accepted)
        except OSError:  # the peer is gone already
            accepted.close()
            self._release()

    def _release(self) -> None:
        self._held -= 1
        if self._shared:
            self._shares.hold(self._number, self._held)

    def _complain(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._complained >= COMPLAINT_SECONDS:
            self._complained = now
            log.warning("%s", problem)
