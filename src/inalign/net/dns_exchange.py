"""One question put to the name servers, until one of them answers or the time is over.

The servers are asked in their order. Who is silent for a while does not stop the question: it goes to the next server
(or again to the same), and an answer to any of the attempts counts, however late. Who says SERVFAIL or REFUSED, or
cannot be reached, is passed over at once. Who does not know EDNS is asked without (RFC 6891 section 7). What does not
fit into a datagram is asked over TCP, within the same time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from inalign.net.dns_servers import ServerAddress
from inalign.net.dns_sockets import Port, Ports, ask_over_tcp
from inalign.resolver.wire import BAD_VERSION, FORMAT_ERROR, NOT_IMPLEMENTED, DnsReply, Query, RecordType, WireError

FIRST_GAP = 0.2  # of the time: the first silence before the next attempt; each following is twice as long, so that
# silence makes three attempts; besides, each server may say no once, and once be asked again without EDNS
HOLD_DOWN_SECONDS = 10.0  # a server that was silent is asked last for that long; then one question tries it again
PLAIN_SECONDS = 900.0  # how long a server that refused EDNS is asked without it (RFC 6891 section 6.2.2)
MAX_CONNECTIONS = 64  # over TCP at a time and server; the others wait within their time


class NameServer:
    """A name server and what is known of its health."""

    __slots__ = ("_down_until", "_heard", "_plain_until", "address", "connections", "is_down", "ports")

    def __init__(self, loop: asyncio.AbstractEventLoop, address: ServerAddress) -> None:
        self.address = address
        self.ports = Ports(loop, address)
        self.connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._heard = 0.0
        self.is_down = False
        self._down_until = 0.0
        self._plain_until = 0.0

    def is_wanted(self, now: float) -> bool:
        """Whether to ask this one in its turn. When its time is over, one question alone finds out how it is."""
        if self.is_down and now < self._down_until:
            return False
        if self.is_down:
            self._down_until = now + HOLD_DOWN_SECONDS
        return True

    def speaks_edns(self, now: float) -> bool:
        return now >= self._plain_until

    def refused_edns(self, now: float) -> None:
        self._plain_until = now + PLAIN_SECONDS

    def heard(self, now: float) -> None:
        """Something right came from it."""
        self._heard = now
        self.is_down = False

    def silent(self, since: float, now: float) -> None:
        """It did not answer. That it is down, is said only if it answered nobody else since."""
        if self._heard < since:
            self.unreachable(now)

    def unreachable(self, now: float) -> None:
        self.is_down = True
        self._down_until = now + HOLD_DOWN_SECONDS


class _Attempt:
    """One query to one server."""

    __slots__ = ("_events", "port", "query", "sent", "server")

    def __init__(self, events: _Events, server: NameServer, query: Query[object], port: Port, sent: float) -> None:
        self._events = events
        self.server = server
        self.query = query
        self.port = port
        self.sent = sent

    def replied(self, reply: DnsReply[object]) -> None:
        self._events.put(self, reply)

    def failed(self, problem: str) -> None:
        self._events.put(self, problem)


class _Events:
    """What came of the attempts, in the order in which it came; one exchange waits for it."""

    __slots__ = ("_loop", "_queue", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[tuple[_Attempt, DnsReply[object] | str]] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, attempt: _Attempt, event: DnsReply[object] | str) -> None:
        self._queue.append((attempt, event))
        self._wake()

    async def next(self, until: float) -> tuple[_Attempt, DnsReply[object] | str] | None:
        """The next event; None when there was none until that time."""
        if not self._queue:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_at(until, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._queue.popleft() if self._queue else None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class DnsExchange:
    """One question to the servers; `run` it once."""

    __slots__ = ("_attempts", "_deadline", "_events", "_loop", "_name", "_passed", "_problem", "_servers", "_type")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        servers: Sequence[NameServer],
        name: bytes,
        record_type: RecordType[object],
        deadline: float,
    ) -> None:
        self._loop = loop
        self._name = name
        self._type = record_type
        self._deadline = deadline
        self._events = _Events(loop)
        self._attempts: list[_Attempt] = []
        self._passed: set[NameServer] = set()  # those that said no; they are not asked again
        self._problem = ""
        now = loop.time()
        wanted = [server for server in servers if server.is_wanted(now)]
        self._servers = wanted + [server for server in servers if server not in wanted]

    async def run(self) -> tuple[DnsReply[object], bool]:
        """The reply, which has an answer, an alias or a problem; and whether the server's AD flag is believed."""
        try:
            return await self._run()
        finally:
            for attempt in self._attempts:
                attempt.port.forget(attempt)

    async def _run(self) -> tuple[DnsReply[object], bool]:
        now = started = self._loop.time()
        gap = (self._deadline - started) * FIRST_GAP
        next_attempt = started
        while now < self._deadline:
            if now >= next_attempt:
                server = self._in_turn()
                if server is None:
                    return self._over("no name server")
                self._complain_of_silence(now)
                self._send(server, edns=server.speaks_edns(now))
                if server in self._passed:
                    continue
                next_attempt, gap = now + gap, gap * 2
            wake = min(next_attempt, self._deadline)
            event = await self._events.next(wake)
            now = self._loop.time()
            if event is None:
                now = max(now, wake)  # a timer may be early by its resolution
                continue
            attempt, outcome = event
            reply = await self._consider(attempt, outcome, now)
            if reply is not None:
                return reply, attempt.server.address.is_trusted
            now = self._loop.time()
            if attempt.server in self._passed:
                next_attempt = now  # the next server, at once
        return self._over(f"no answer in {self._deadline - started:.1f} s")

    def _in_turn(self) -> NameServer | None:
        """Who was asked least, the first of them; who said no is not asked again."""
        if not self._attempts and not self._passed:
            return self._servers[0]
        left = [server for server in self._servers if server not in self._passed]
        return min(left, key=self._times_asked, default=None)

    def _times_asked(self, server: NameServer) -> int:
        return sum(attempt.server is server for attempt in self._attempts)

    def _complain_of_silence(self, now: float) -> None:
        if self._attempts:
            last = self._attempts[-1]
            if last.server not in self._passed:
                last.server.silent(last.sent, now)

    def _send(self, server: NameServer, *, edns: bool) -> None:
        now = self._loop.time()
        try:
            port = server.ports.pick()
        except OSError as problem:
            self._pass_over(server, problem.strerror or "no socket")
            return
        query = Query(port.free_identifier(), self._name, self._type, edns)
        attempt = _Attempt(self._events, server, query, port, now)
        self._attempts.append(attempt)
        port.send(attempt)

    async def _consider(
        self, attempt: _Attempt, outcome: DnsReply[object] | str, now: float
    ) -> DnsReply[object] | None:
        """The reply, if it settles the question. Else the server is passed over, or asked in another way."""
        server = attempt.server
        if isinstance(outcome, str):
            server.unreachable(now)
            self._pass_over(server, outcome)
            return None
        server.heard(now)
        if attempt.query.edns and outcome.rcode in (FORMAT_ERROR, NOT_IMPLEMENTED, BAD_VERSION):
            self._send(server, edns=False)  # RFC 6891 section 7
            return None
        if not attempt.query.edns and not outcome.problem and server.speaks_edns(now):
            server.refused_edns(now)
        if outcome.is_truncated:
            outcome = await self._over_tcp(server, attempt.query)
        if outcome.problem:
            self._pass_over(server, outcome.problem)
            return None
        return outcome

    async def _over_tcp(self, server: NameServer, query: Query[object]) -> DnsReply[object]:
        query = replace(query, identifier=secrets.randbits(16))
        until = self._deadline
        if len(self._passed) + 1 < len(self._servers):
            until -= (until - self._loop.time()) / 2  # a server that hangs leaves the next one its time
        try:
            async with asyncio.timeout_at(until), server.connections:
                reply = await ask_over_tcp(server.address, query)
        except TimeoutError:
            return DnsReply(problem="truncated, and no answer over TCP")
        except OSError as problem:
            return DnsReply(problem=f"truncated, and no TCP: {problem.strerror or type(problem).__name__}")
        except WireError as problem:
            return DnsReply(problem=f"truncated, and over TCP malformed: {problem}")
        return DnsReply(problem="truncated, over TCP, too") if reply.is_truncated else reply

    def _pass_over(self, server: NameServer, problem: str) -> None:
        self._passed.add(server)
        self._problem = f"{server.address.text}: {problem}"

    def _over(self, problem: str) -> tuple[DnsReply[object], bool]:
        return DnsReply(problem=self._problem or problem), False
