"""The sockets to one name server: connected UDP ports, and TCP for what does not fit.

RFC 5452 section 9 (identifiers and ports by chance), RFC 7766 (TCP). A UDP socket is connected, so that the kernel
drops what comes from elsewhere and tells at once when nobody listens there. Every query leaves from a port chosen by
chance among several, and a port is given up after some queries or seconds. Plain sockets with a reader, not transports:
they need no event loop to be closed.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Protocol

from inalign.net.dns_servers import ServerAddress
from inalign.resolver.wire import MAX_MESSAGE_OCTETS, DnsReply, Query, WireError, read_reply

PORT_BITS = 4  # sixteen open at a time; with the identifier, 20 bits to guess for who knows all their numbers
MAX_QUERIES_PER_PORT = 256
MAX_PORT_SECONDS = 20.0
MAX_DATAGRAM_OCTETS = 4096  # we announce 1,232; what is cut here is malformed, and dropped
DATAGRAMS_PER_WAKE = 64  # then other work gets its turn
RECEIVE_BUFFER_OCTETS = 1 << 20  # a burst of answers; the kernel gives what it allows


class Attempt(Protocol):
    """One query under way, as the port sees it."""

    query: Query[object]

    def replied(self, reply: DnsReply[object]) -> None:
        """A reply to this query came."""

    def failed(self, problem: str) -> None:
        """The server cannot be reached."""


class Port:
    """One connected UDP socket with the queries that left from it."""

    __slots__ = ("_expires", "_is_retired", "_loop", "_socket", "_uses", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, server: ServerAddress) -> None:
        self._loop = loop
        self._socket = socket.socket(server.family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
            self._socket.connect(server.address)  # the kernel picks the port by chance (RFC 6056)
            loop.add_reader(self._socket, self._read)
        except BaseException:
            self._socket.close()
            raise
        self._waiting: dict[int, Attempt] = {}
        self._uses = 0
        self._expires = loop.time() + MAX_PORT_SECONDS
        self._is_retired = False

    @property
    def is_spent(self) -> bool:
        """Whether the next query should leave from another port."""
        return self._is_retired or self._uses >= MAX_QUERIES_PER_PORT or self._loop.time() >= self._expires

    def free_identifier(self) -> int:
        """An identifier by chance that no query under way on this port has."""
        while (identifier := secrets.randbits(16)) in self._waiting:
            pass
        return identifier

    def send(self, attempt: Attempt) -> None:
        """Send a query. `OSError` when the server cannot be reached."""
        self._uses += 1
        self._waiting[attempt.query.identifier] = attempt
        try:
            self._socket.send(bytes(attempt.query))
        except BlockingIOError:
            pass  # as if lost on the way: it is sent again
        except OSError as problem:
            self._fail(_text(problem))

    def forget(self, attempt: Attempt) -> None:
        """The answer is no longer wanted."""
        if self._waiting.get(attempt.query.identifier) is attempt:
            del self._waiting[attempt.query.identifier]
            if self._is_retired and not self._waiting:
                self.close()

    def retire(self) -> None:
        """No further query: close when the last one is answered or forgotten."""
        self._is_retired = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close the socket at once, without waiting for answers."""
        self._is_retired = True
        if self._socket.fileno() >= 0:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                message = self._socket.recv(MAX_DATAGRAM_OCTETS)
            except BlockingIOError:
                return
            except OSError as problem:
                self._fail(_text(problem))
                return
            attempt = self._waiting.get(int.from_bytes(message[:2], "big"))
            if attempt is None:
                continue  # too late, or a forger's
            try:
                reply = read_reply(message, attempt.query)
            except WireError:
                continue  # RFC 5452 section 9.1: go on waiting for the right one
            del self._waiting[attempt.query.identifier]
            attempt.replied(reply)
            if self._is_retired and not self._waiting:
                self.close()
                return

    def _fail(self, problem: str) -> None:
        """ICMP says that nobody is there: that goes for all that left from here."""
        failed = list(self._waiting.values())
        self._waiting.clear()
        self.close()
        for attempt in failed:
            attempt.failed(problem)


class Ports:
    """The ports to one server, opened as they are needed."""

    __slots__ = ("_address", "_loop", "_ports")

    def __init__(self, loop: asyncio.AbstractEventLoop, address: ServerAddress) -> None:
        self._loop = loop
        self._address = address
        self._ports: list[Port | None] = [None] * (1 << PORT_BITS)

    def pick(self) -> Port:
        """A port by chance. `OSError` when none can be had."""
        place = secrets.randbits(PORT_BITS)
        port = self._ports[place]
        if port is None or port.is_spent:
            if port is not None:
                self._ports[place] = None
                port.retire()
            port = self._ports[place] = Port(self._loop, self._address)
        return port

    def close(self) -> None:
        """Close all at once."""
        for port in self._ports:
            if port is not None:
                port.close()
        self._ports = [None] * (1 << PORT_BITS)


async def ask_over_tcp(address: ServerAddress, query: Query[object]) -> DnsReply[object]:
    """One query on a connection of its own. `OSError` or `WireError` when that comes to nothing."""
    loop = asyncio.get_running_loop()
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await loop.sock_connect(connection, address.address)
        message = bytes(query)
        # RFC 7766 section 8: length and message in one write.
        await loop.sock_sendall(connection, len(message).to_bytes(2, "big") + message)
        length = int.from_bytes(await _receive(loop, connection, 2), "big")
        return read_reply(await _receive(loop, connection, min(length, MAX_MESSAGE_OCTETS)), query)
    finally:
        connection.close()


async def _receive(loop: asyncio.AbstractEventLoop, connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        octets = await loop.sock_recv(connection, count - len(received))
        if not octets:
            raise WireError("the connection ended before the message did")
        received += octets
    return bytes(received)


def _text(problem: OSError) -> str:
    return problem.strerror or type(problem).__name__
