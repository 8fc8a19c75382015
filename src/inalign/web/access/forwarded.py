"""Whose address a request comes from, where a proxy hands it in: as far as listed proxies say so, and no further.

Only `X-Forwarded-For` is read. Scheme and host name are those of `web.url`, never by a request.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from inalign.mail.networks import Networks
from inalign.resolver import IPAddress

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MAX_FIELD = 4_096
"""Characters of X-Forwarded-For; a longer one is not read."""
MAX_HOPS = 20
"""Proxies in a row. Addresses behind them are ignored."""
UNIX_PEER = "127.0.0.1"
"""The address of a client of a UNIX socket, which only this host can open."""


class Forwarded:
    """Replaces the address of the peer by that of the client, where the peer is a listed proxy."""

    def __init__(self, app: ASGIApp, proxies: Networks) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            peer = (scope.get("client") or ("",))[0] or UNIX_PEER
            field = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
            scope = {**scope, "client": (visitor_of(peer, field, self._proxies), 0)}
        await self._app(scope, receive, send)


def visitor_of(peer: str, field: str, proxies: Networks) -> str:
    """Return the address of the client: from the peer backwards through the field, as long as each address is a proxy.

    Each proxy appended the address that it saw.
    """
    at = _address(peer)
    hops = field.split(",")[::-1] if len(field) <= MAX_FIELD else []
    for hop in hops[:MAX_HOPS]:
        if at is None or at not in proxies:
            break
        said = _address(hop)
        if said is None:  # unknown, or no address at all: the proxy is who we know
            break
        at = said
    return str(at) if at is not None else peer


def _address(text: str) -> IPAddress | None:
    """Some proxies add a port, and brackets where it is IPv6."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
