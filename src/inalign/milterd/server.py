"""The milter server: accepts milter connections on listening sockets, and closes them when the service ends.

A filter is made for each SMTP connection; `connection` joins the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from inalign.milter.negotiation import RequiredFeatures
from inalign.milterd.connection import IDLE_SECONDS, Connection
from inalign.milterd.interface import FilterFactory, ServerOptions
from inalign.net.listen import BACKLOG
from inalign.telemetry import Counters

T = TypeVar("T")

log = logging.getLogger("inalign.milter")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in an event loop of its own: uvloop's where it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 - an extra, and nothing but this call needs it
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


class MilterServer:
    """Milter connections on any number of listening sockets, in the running event loop."""

    def __init__(
        self,
        factory: FilterFactory,
        wanted: RequiredFeatures,
        options: ServerOptions | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.factory = factory
        self.wanted = wanted
        self.options = options or ServerOptions()
        self.counters = Counters() if counters is None else counters
        self.connections: set[Connection] = set()
        self.keeps_sessions = False
        """Whether, while closing, SMTP connections are left open between their messages."""
        self.is_exhausted = False
        """Whether memory ran out once: this process had better be replaced."""
        self._listeners: list[asyncio.Server] = []
        self._all_gone = asyncio.Event()
        self._ticker: asyncio.TimerHandle | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections on a socket that already listens; returns at once."""
        loop = asyncio.get_running_loop()
        # The event loop calls listen() again, and its own default is a short queue.
        if listener.family != socket.AF_UNIX:
            server = await loop.create_server(self.make_connection, sock=listener, backlog=BACKLOG)
        elif sys.version_info >= (3, 13):  # which would remove the socket's file, though others may listen there
            server = await loop.create_unix_server(
                self.make_connection, sock=listener, backlog=BACKLOG, cleanup_socket=False
            )
        else:
            server = await loop.create_unix_server(self.make_connection, sock=listener, backlog=BACKLOG)
        self._listeners.append(server)

    def make_connection(self) -> Connection:
        """The protocol of one connection that an event loop accepted."""
        return Connection(self)

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Stop accepting, let what is under way end by itself for so long, then end it.

        Under way is a message, and with `keeps_sessions` an SMTP connection.
        """
        self.stop_accepting()
        deadline = time.monotonic() + drain_seconds
        while self.connections and (left := deadline - time.monotonic()) > 0:
            now = time.monotonic()
            for connection in tuple(self.connections):
                connection.end_if_idle(now)
            self._all_gone.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), min(left, IDLE_SECONDS))
        if self.connections and drain_seconds > 0:
            log.warning("%d milter connections were cut off after %g s", len(self.connections), drain_seconds)
        for connection in tuple(self.connections):
            connection.cut_off()
        while self.connections:  # connection_lost comes from the event loop
            self._all_gone.clear()
            await self._all_gone.wait()
        if self._ticker is not None:
            self._ticker.cancel()

    def watch(self) -> None:
        """A decision is pending: see to it that the MTA hears of progress.

        One timer serves all connections; one for each message would cost a tenth of the time that the message costs.
        """
        if self._ticker is None:
            loop = asyncio.get_running_loop()
            self._ticker = loop.call_later(self.options.progress_seconds / 2, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        now = time.monotonic()
        if any([connection.tick(now) for connection in tuple(self.connections)]):  # noqa: C419 - each must be called
            self.watch()

    def stop_accepting(self) -> None:
        """Leave the listening sockets."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def came(self, connection: Connection) -> None:
        """A connection is there."""
        self.connections.add(connection)

    def end_silent(self) -> None:
        """Close the connections on which the peer has been silent, or slow, for too long."""
        now = time.monotonic()
        for connection in tuple(self.connections):
            connection.end_if_silent(now)

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._all_gone.set()
