"""What holds for every request before anything else is done: whose host is asked for, how long it is, where it comes
from; and the fields of every answer that keep a browser from doing what a page of ours never needs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 65_536
"""Of a request: forms have a few fields. Reports come another way."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
FIELDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: it would make the Origin of our own forms `null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"
_PORT = re.compile(r":[0-9]{0,5}$")


class Guard:
    """Refuses requests for other hosts, of other sites and too long ones; adds the header fields of answers."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], https: bool) -> None:
        """`hosts` are the names that the pages are reached under, without ports."""
        self._app = app
        self._hosts = hosts
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = MutableHeaders(scope=message)
                for name, value in FIELDS.items():
                    fields[name] = value
                fields.setdefault("Cache-Control", "no-store")
                if self._https:
                    fields["Strict-Transport-Security"] = HSTS
            await send(message)

        refused = self._refusal(scope["method"], headers)
        if refused is not None:
            await refused(scope, receive, answer)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        await self._app(scope, bounded, answer)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        # A name of another's that leads to our address would let a page of his read ours (DNS rebinding).
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _PORT.sub("", hosts[0].lower()) not in self._hosts:
            return PlainTextResponse("This host name is not served here: see web.url.\n", 421)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return PlainTextResponse("Too long.\n", 413)
        if method not in SAFE_METHODS and not _is_from_here(headers, hosts[0]):
            return PlainTextResponse("A form of another site cannot be sent here.\n", 403)
        return None


def _is_from_here(headers: Headers, host: str) -> bool:
    """Whether our own page sends it. Browsers say so; a program with a token has no cookie that could be misused."""
    if "cookie" not in headers and headers.get("authorization", "").lower().startswith("bearer "):
        return True
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin", "")
    return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")
