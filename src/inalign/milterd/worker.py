"""One worker process: serves milter connections in an event loop, and reports to the supervisor once a second.

It stops accepting at once, finishes what is under way and ends

* at SIGTERM, since the service stops: SMTP connections between two messages are closed, too; again: all is cut off;
* at RETIRE, since others serve a new configuration: SMTP connections may go on as long as the time to drain allows;
* when the supervisor is gone, as at RETIRE, so that a new one finds the addresses free;
* when memory ran out: its end has the supervisor replace it, and soon.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import resource
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inalign.milterd.acceptor import SharingServer
from inalign.telemetry import Counters

log = logging.getLogger("inalign")

RETIRE = signal.SIGUSR1
REPORT_SECONDS = 1.0
EXHAUSTED_SECONDS = 0.5
"""For what is under way where memory has run out; most of it would fail, and nobody takes the worker's place before."""


def read_report(octets: bytes) -> tuple[dict[str, float], dict[str, float]]:
    """What a worker sent: what it counted since its last report, and how things stand now."""
    counted, gauges = json.loads(octets)
    return counted, gauges


class Worker:
    """A server, and how it is started, watched and ended. `gather` bring counters up to date that others keep."""

    def __init__(
        self,
        server: SharingServer,
        listeners: list[socket.socket],
        channel: socket.socket,
        *,
        gather: Sequence[Callable[[Counters], None]],
        drain_seconds: float,
    ) -> None:
        self._server = server
        self._listeners = listeners
        self._channel = channel
        self._gather = gather
        self._drain_seconds = drain_seconds
        self._end_requested = asyncio.Event()
        self._hurry_requested = asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal, the end of the supervisor or a lack of memory ends the worker."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unexpected)
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(RETIRE, self._retire)
        self._channel.setblocking(False)
        loop.add_reader(self._channel, self._supervisor_gone)
        await self._server.share(self._listeners)
        reports = loop.create_task(self._report_forever())
        end = loop.create_task(self._end_requested.wait())
        await asyncio.wait((reports, end), return_when=asyncio.FIRST_COMPLETED)
        if reports.done():
            reports.result()  # a bug: better replaced than mute
        await self._drain()
        reports.cancel()
        self._report()

    def _stop(self) -> None:
        if self._end_requested.is_set() and not self._server.keeps_sessions:
            self._hurry_requested.set()
        self._server.keeps_sessions = False
        self._end_requested.set()

    def _retire(self) -> None:
        if not self._end_requested.is_set():
            self._server.keeps_sessions = True
            self._end_requested.set()

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the event loop could not hand to anybody."""
        problem = context.get("exception")
        self._server.is_exhausted |= isinstance(problem, MemoryError)
        log.error("event loop: %s", context.get("message"), exc_info=problem)

    def _supervisor_gone(self) -> None:
        """The supervisor sends nothing, so what can be read is the end."""
        asyncio.get_running_loop().remove_reader(self._channel)
        log.error("the supervisor is gone: this worker ends when its messages are done")
        self._retire()

    async def _drain(self) -> None:
        """Finish what is under way, unless there is a hurry."""
        closing = asyncio.ensure_future(self._server.close(self._drain_seconds))
        hurry = asyncio.ensure_future(self._hurry_requested.wait())
        await asyncio.wait((closing, hurry), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not closing.done():
            for connection in tuple(self._server.connections):
                connection.cut_off()
        await closing

    async def _report_forever(self) -> None:
        while True:
            if self._server.is_exhausted:
                log.error("memory has run out: this worker ends and is replaced")
                self._drain_seconds = min(self._drain_seconds, EXHAUSTED_SECONDS)
                return
            self._server.end_silent()
            self._report()
            await asyncio.sleep(REPORT_SECONDS)

    def _report(self) -> None:
        counters = self._server.counters
        for gather in self._gather:
            gather(counters)
        gauges = {
            "inalign_connections_open": len(self._server.connections),
            "inalign_worker_resident_bytes": _resident_bytes(),
        }
        # A supervisor that does not read now gets it with the next report.
        with contextlib.suppress(OSError):
            self._channel.send(json.dumps([counters, gauges]).encode())
            counters.clear()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
