"""An application served on sockets that listen already, until it is told to end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MAX_CONNECTIONS = 256
"""At a time; a further one is answered 503. A page needs a few, and report senders come one after the other."""
KEEP_ALIVE_SECONDS = 20
DRAIN_SECONDS = 5
"""For requests under way when it is told to end."""


class _WebServer(uvicorn.Server):
    """Signals are the report process's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class WebServer:
    """One application on some sockets."""

    def __init__(self, app: ASGIApp, sockets: Sequence[socket.socket]) -> None:
        self._sockets = list(sockets)
        self._server = _WebServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )

    async def run(self) -> None:
        """Serve requests until `end` is called."""
        await self._server.serve(self._sockets)

    def end(self) -> None:
        """Requests under way are answered first."""
        self._server.should_exit = True
