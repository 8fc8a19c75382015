"""One POST to somebody else's server, for webhooks: bounded in time and size, and never led elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from inalign.errors import ParseError, TransportError
from inalign.version import __version__

TIMEOUT = 15.0
"""For the connection and for each answer."""
WHOLE_TIMEOUT = 30.0
"""For all of it, however slowly the answer drips."""
MAX_ANSWER_OCTETS = 65_536
"""Read of an answer; webhooks say "ok"."""
MAX_QUOTED = 200
"""Characters of the answer in an error."""


class HttpResponse(NamedTuple):
    """What the server said."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PostLimits:
    """How long one request may take, in seconds."""

    timeout: float = TIMEOUT
    whole: float = WHOLE_TIMEOUT
    ca_file: Path | None = None
    """Authorities of the server's certificate; None: those of the system."""


def parse_hook_url(text: str) -> SplitResult:
    """An address to post to: https, or http on this host. Raises `ParseError`, which does not tell the address."""
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        _ = url.port
    except ValueError:
        raise ParseError("the address of the webhook is no URL") from None
    if not host or url.scheme not in ("https", "http") or not text.isascii() or not text.isprintable() or " " in text:
        raise ParseError("the address of the webhook is no https URL")
    if url.username is not None:
        raise ParseError("the address of the webhook has a login in it, which no webhook needs")
    if url.scheme == "http" and not _is_loopback(host):
        raise ParseError(f"the webhook at {host} would go out in the clear: use https")
    return url


async def post(
    url: str, body: bytes, headers: Mapping[str, str] | None = None, *, limits: PostLimits | None = None
) -> HttpResponse:
    """Post it and take the answer. Raises `TransportError` for all but 2xx, naming the host and never the address,
    which is a secret. Redirections are answers like others: nobody is followed."""
    target = parse_hook_url(url)
    return await asyncio.to_thread(_post, target, body, dict(headers or {}), limits or PostLimits())


def _post(url: SplitResult, body: bytes, headers: dict[str, str], limits: PostLimits) -> HttpResponse:
    host = url.hostname or ""
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=limits.ca_file)
        connection = http.client.HTTPSConnection(host, url.port, timeout=limits.timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, url.port, timeout=limits.timeout)
    fields = {"Content-Type": "application/json", "User-Agent": f"Inalign/{__version__}", **headers}
    watch = threading.Timer(limits.whole, _cut, [connection])
    watch.start()
    try:
        connection.request("POST", (url.path or "/") + (f"?{url.query}" if url.query else ""), body, fields)
        response = connection.getresponse()
        found = b""
        while len(found) < MAX_ANSWER_OCTETS and (piece := response.read1(8_192)):
            found += piece
    except (OSError, http.client.HTTPException) as problem:
        raise TransportError(f"{host} cannot be reached: {str(problem) or type(problem).__name__}") from None
    finally:
        watch.cancel()
        connection.close()
    if not 200 <= response.status < 300:
        raise TransportError(f"{host} refuses: {response.status} {_words(found)}".strip())
    return HttpResponse(response.status, found[:MAX_ANSWER_OCTETS])


def _cut(connection: http.client.HTTPConnection) -> None:
    """The time is over: whatever is read or written now fails."""
    with contextlib.suppress(OSError, AttributeError):  # it may end, or not have begun, in the same moment
        connection.sock.shutdown(socket.SHUT_RDWR)


def _words(body: bytes) -> str:
    text = body[: 4 * MAX_QUOTED].decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:MAX_QUOTED]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
