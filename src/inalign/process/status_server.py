"""/metrics and /health over HTTP, inside the select loop of the supervisor.

HTTP/1.0 in the small: one GET a connection, the answer with its length, and the end. A client that is slow,
or sends too much, is cut off; none can hold up the supervisor.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAX_CLIENTS = 16
"""At a time; a monitor needs one."""
CLIENT_SECONDS = 5.0
MAX_REQUEST_OCTETS = 8192


@dataclass(frozen=True, slots=True)
class Page:
    """What a path answers."""

    body: str
    status: str = "200 OK"
    kind: str = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True, eq=False)
class _Client:
    socket: socket.socket
    since: float
    heard: bytes = b""
    answer: bytes = field(default=b"")


class Monitor:
    """Answers on one listening socket; the selector calls what it registers with the key's `data`."""

    def __init__(
        self, selector: selectors.BaseSelector, listener: socket.socket, pages: Mapping[str, Callable[[], Page]]
    ) -> None:
        self._selector = selector
        self.listener = listener
        self._pages = pages
        self._clients: set[_Client] = set()
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Stop answering. The listening socket stays open: it is its owner's."""
        self._selector.unregister(self.listener)
        for client in tuple(self._clients):
            self._end(client)

    def drop(self) -> None:
        """In a forked process: close what is the other's, and tell the clients nothing."""
        self.listener.close()
        for client in self._clients:
            client.socket.close()

    def end_slow(self) -> None:
        """Cut off who takes too long."""
        now = time.monotonic()
        for client in tuple(self._clients):
            if now - client.since > CLIENT_SECONDS:
                self._end(client)

    def _accept(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection, time.monotonic())
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(client))

    def _hear(self, client: _Client) -> None:
        try:
            octets = client.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        client.heard += octets
        if not octets or len(client.heard) > MAX_REQUEST_OCTETS:
            self._end(client)
        elif b"\r\n\r\n" in client.heard or b"\n\n" in client.heard:
            client.answer = self._answer(client.heard)
            self._selector.modify(client.socket, selectors.EVENT_WRITE, lambda: self._say(client))

    def _say(self, client: _Client) -> None:
        try:
            client.answer = client.answer[client.socket.send(client.answer) :]
        except BlockingIOError:
            return
        except OSError:
            client.answer = b""
        if not client.answer:
            self._end(client)

    def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b"\n")[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            page = Page("only GET and HEAD\n", "405 Method Not Allowed")
        elif path not in self._pages:
            page = Page(f"there are: {' '.join(self._pages)}\n", "404 Not Found")
        else:
            page = self._pages[path]()
        body = page.body.encode()
        head = (
            f"HTTP/1.0 {page.status}\r\nContent-Type: {page.kind}\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + (b"" if method == "HEAD" else body)

    def _end(self, client: _Client) -> None:
        self._clients.discard(client)
        self._selector.unregister(client.socket)
        with contextlib.suppress(OSError):
            client.socket.shutdown(socket.SHUT_WR)
        client.socket.close()
