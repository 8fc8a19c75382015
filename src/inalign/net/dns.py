"""The resolver that asks real name servers: a stub resolver on asyncio, with a cache.

RFC 1035, 2181, 2308, 5452, 6840, 6891, 7766, 9520. It leaves recursion and DNSSEC validation to the name servers that
it is given, best one on the same host. Every outcome is a value; `FAILED` is what everything ends in that is no answer.

* One question is asked once at a time, however many wait for it (`prefetch` counts, too). Who waits no longer does not
  disturb the others.
* Answers, denials and failures are kept as long as they may be (`resolver/cache.py`); an answer out of the cache has
  the TTL with which it came.
* `within` gives a view for one message, whose questions fail when the budget of the message is used up.

No event loop is needed until a question must really be asked; see `net/run.py`. An instance works on one event
loop at a time and moves, with its cache, to the loop in which it is next asked. It is not for several threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from types import TracebackType
from typing import Literal, Self, cast

from inalign.net.dns_exchange import DnsExchange, NameServer
from inalign.net.dns_servers import MAX_SERVERS, parse_server, system_servers
from inalign.net.run import need_loop
from inalign.resolver.cache import LIMITS, AnswerCache, CacheLimits
from inalign.resolver.interface import (
    MAX_ALIASES,
    Answer,
    IPAddress,
    MailExchange,
    Outcome,
    Question,
    QuestionKind,
    Resolver,
    canonical_name,
)
from inalign.resolver.wire import RECORD_TYPES, encode_name

EXCHANGE_SECONDS = 5.0  # one question, all attempts at all name servers
QUESTION_SECONDS = 20.0  # with every CNAME that must be asked for; RFC 7208 section 4.6.4 gives a check as long
MAX_QUESTIONS = 10_000  # in flight at a time, of 5 to 8 kB each; beyond, the one that waits longest fails
MAX_PREFETCHES = 100  # questions that are noted while no event loop runs


class _Flight:
    """One question under way and everybody who waits for it."""

    __slots__ = ("task", "waiters")

    def __init__(self) -> None:
        self.waiters: set[asyncio.Future[Answer[object]]] = set()
        self.task: asyncio.Task[None] | None = None


class LiveResolver:
    """Asks name servers; implements `resolver.Resolver`. Close it with `aclose`, or use it in `async with`.

    `servers` are addresses such as "127.0.0.1", "192.0.2.1:5353", "[2001:db8::1]:53", in the order of preference; None
    takes those of the system. `timeout` is seconds for one question. `trust_ad` believes the AD flag of servers that
    are not on this host, too. `limits` bound the cache. Raises `ServerAddressError` for text that is not an address.
    """

    def __init__(
        self,
        servers: Sequence[str] | None = None,
        *,
        timeout: float = EXCHANGE_SECONDS,
        trust_ad: bool = False,
        limits: CacheLimits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if servers is None:
            self._addresses = system_servers()
        else:
            self._addresses = tuple(parse_server(text, trust_ad=trust_ad) for text in servers[:MAX_SERVERS])
        self._timeout = timeout
        self._clock = clock
        self._cache = AnswerCache(limits)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[NameServer] = []
        self._flights: dict[Question, _Flight] = {}
        self._prefetches: list[Question] = []
        self._is_closed = False
        self.questions = self.cache_hits = self.lookups = self.failures = 0

    async def txt(self, name: str) -> Answer[bytes]:
        return cast("Answer[bytes]", await self.ask("TXT", name, None))

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        return cast("Answer[IPAddress]", await self.ask("A" if version == 4 else "AAAA", name, None))

    async def mx(self, name: str) -> Answer[MailExchange]:
        return cast("Answer[MailExchange]", await self.ask("MX", name, None))

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        return cast("Answer[str]", await self.ask("PTR", ip.reverse_pointer, None))

    def prefetch(self, *questions: Question) -> None:
        for kind, name in questions:
            try:
                name_asked = ip_address(name).reverse_pointer if kind == "PTR" else name
            except ValueError:
                continue
            question = Question(kind, canonical_name(name_asked))
            if self._is_closed or self._cache.get(question, self._clock()) is not None:
                continue
            if not self._bind():
                del self._prefetches[MAX_PREFETCHES - 1 :]
                self._prefetches.append(question)
            else:
                self._start_prefetch(question)

    def within(self, seconds: float) -> Resolver:
        """A view for one message: what is not answered so many seconds from now, fails."""
        return _MessageView(self, self._clock() + seconds)

    async def aclose(self) -> None:
        """Close the sockets. Who still waits, and who asks later, gets `FAILED`."""
        self._is_closed = True
        flights = list(self._flights.items())
        for question, flight in flights:
            self._end(question, flight, "the resolver was closed")
        tasks = [flight.task for _, flight in flights if flight.task is not None]
        if tasks:  # without any there may be no event loop either
            await asyncio.gather(*tasks, return_exceptions=True)
        self._close_sockets()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._close_sockets()

    async def ask(self, kind: QuestionKind, name: str, deadline: float | None) -> Answer[object]:
        """The answer to one question, of PTR by the name in the reverse tree; until a time of the clock."""
        # As a key, a tuple is a Question, and made in a third of the time.
        question = cast("Question", (kind, canonical_name(name)))
        known = self._cache.get(question, self._clock())
        self.questions += 1
        if known is not None:
            self.cache_hits += 1
            return known
        if not self._bind():
            await need_loop()
            if not self._bind():
                return _failed("no event loop is running: use inalign.run")
            self._start_prefetches()
        flight = self._flights.get(question)
        if flight is None:
            octets = encode_name(question[1])
            if octets is None:
                # RFC 7208 section 4.3 takes such a domain for one that is not there; so does everything else here.
                return Answer(Outcome.NXDOMAIN, detail="no name that DNS can carry")
            if self._is_closed:
                return _failed("the resolver is closed")
            flight = self._start(question, octets)
        return await self._wait(flight, deadline)

    async def _wait(self, flight: _Flight, deadline: float | None) -> Answer[object]:
        """Wait for the landing, on a future of one's own: who is cancelled does not cancel the others."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Answer[object]] = loop.create_future()
        flight.waiters.add(waiter)
        timer = None
        if deadline is not None:
            timer = loop.call_later(max(0.0, deadline - self._clock()), _expire, waiter)
        try:
            return await waiter
        finally:
            flight.waiters.discard(waiter)
            if timer is not None:
                timer.cancel()

    def _start(self, question: Question, name: bytes) -> _Flight:
        if len(self._flights) >= MAX_QUESTIONS:
            # An answer takes milliseconds, so whoever waits longest asks for a dead domain: a flood of these gives way
            # to the others. Such a failure is not kept.
            oldest, its_flight = next(iter(self._flights.items()))
            self.failures += 1
            self._end(oldest, its_flight, "too many questions at a time")
        self.lookups += 1
        flight = self._flights[question] = _Flight()
        flight.task = asyncio.get_running_loop().create_task(self._fly(question, name, flight))
        return flight

    def _start_prefetch(self, question: Question) -> None:
        if question not in self._flights:
            name = encode_name(question[1])
            if name is not None:
                self._start(question, name)

    def _start_prefetches(self) -> None:
        expected, self._prefetches = self._prefetches, []
        for question in expected:
            self._start_prefetch(question)

    async def _fly(self, question: Question, name: bytes, flight: _Flight) -> None:
        answer = _failed("the resolver was closed")
        try:
            answer = await self._resolve(question[0], name)
            self.failures += answer.outcome is Outcome.FAILED
            is_outage = all(server.is_down for server in self._servers)
            self._cache.put(question, answer, self._clock(), is_outage=is_outage)
        finally:
            # Also when a bug of ours ends the task: nobody waits for ever, and asyncio tells of the exception.
            self._land(question, flight, answer)

    def _land(self, question: Question, flight: _Flight, answer: Answer[object]) -> None:
        """Tell all who wait."""
        if self._flights.get(question) is flight:
            del self._flights[question]
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(answer)

    def _end(self, question: Question, flight: _Flight, detail: str) -> None:
        """End it before its time; a task that has not begun yet never lands by itself."""
        self._land(question, flight, _failed(detail))
        if flight.task is not None:
            flight.task.cancel()

    async def _resolve(self, kind: QuestionKind, name: bytes) -> Answer[object]:
        """Ask, and where the answer ends in a CNAME without its target, ask on."""
        record_type = RECORD_TYPES[kind]
        loop = asyncio.get_running_loop()
        end = loop.time() + QUESTION_SECONDS
        hops, ttl, secure = 0, None, True
        while hops <= MAX_ALIASES:
            deadline = min(loop.time() + self._timeout, end)
            reply, is_trusted = await DnsExchange(loop, self._servers, name, record_type, deadline).run()
            answer = reply.answer
            if answer is not None:
                if not hops and (is_trusted or not answer.dnssec_validated):
                    return answer
                least = answer.ttl if ttl is None else min(ttl, answer.ttl)
                return replace(answer, dnssec_validated=answer.dnssec_validated and is_trusted and secure, ttl=least)
            if reply.alias is None:
                return _failed(reply.problem)
            name = reply.alias.name
            hops += reply.alias.hops
            ttl = reply.alias.ttl if ttl is None else min(ttl, reply.alias.ttl)
            secure = secure and reply.alias.secure and is_trusted
        return _failed("CNAME loop")

    def _bind(self) -> bool:
        """Take the running event loop for ours; False when none runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if loop is not self._loop:
            self._close_sockets()
            self._flights = {}  # those of another loop: nobody here can wait for them
            self._loop = loop
            self._servers = [NameServer(loop, address) for address in self._addresses]
        return True

    def _close_sockets(self) -> None:
        for server in getattr(self, "_servers", ()):  # the constructor may have failed before
            server.ports.close()


class _MessageView:
    """A view of the live resolver for one message."""

    __slots__ = ("_deadline", "_resolver")

    def __init__(self, resolver: LiveResolver, deadline: float) -> None:
        self._resolver = resolver
        self._deadline = deadline

    async def txt(self, name: str) -> Answer[bytes]:
        return cast("Answer[bytes]", await self._resolver.ask("TXT", name, self._deadline))

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        kind: QuestionKind = "A" if version == 4 else "AAAA"
        return cast("Answer[IPAddress]", await self._resolver.ask(kind, name, self._deadline))

    async def mx(self, name: str) -> Answer[MailExchange]:
        return cast("Answer[MailExchange]", await self._resolver.ask("MX", name, self._deadline))

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        return cast("Answer[str]", await self._resolver.ask("PTR", ip.reverse_pointer, self._deadline))

    def prefetch(self, *questions: Question) -> None:
        self._resolver.prefetch(*questions)


def _failed(detail: str) -> Answer[object]:
    return Answer(Outcome.FAILED, detail=detail)


def _expire(waiter: asyncio.Future[Answer[object]]) -> None:
    if not waiter.done():
        waiter.set_result(_failed("the time for the DNS of this message is over"))
