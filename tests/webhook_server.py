"""A server that takes webhooks for tests, on an ephemeral port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Posted:
    """One request."""

    line: str
    fields: dict[str, str]
    body: bytes


@dataclass
class HookServer:
    """What it took; `status` may be changed."""

    status: str
    port: int = 0
    taken: list[Posted] = field(default_factory=list)


@asynccontextmanager
async def hook_server(
    status: str = "200 OK", *, answer: bytes = b"ok", drip: float = 0.0, certificate: Path | None = None
) -> AsyncIterator[HookServer]:
    """Answers everything with one status; with `drip` an octet at a time, with so many seconds between."""
    told = HookServer(status)

    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(answer_one(reader, writer))
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await task
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            told.taken.append(Posted(head[0], fields, body))
            reply = f"HTTP/1.1 {told.status}\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer
            for place in range(0, len(reply), 1 if drip else len(reply)):
                writer.write(reply[place : place + (1 if drip else len(reply))])
                await writer.drain()
                if drip:
                    await asyncio.sleep(drip)

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)
