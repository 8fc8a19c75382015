"""Reports pushed over HTTP: `POST /api/v1/reports` with a token. Sending the same again changes nothing."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inalign.spool.deliveries import Delivery, SpoolFull, SpoolUnavailable
from inalign.spool.provenance import Provenance
from inalign.web.api import problem_response

if TYPE_CHECKING:
    from starlette.requests import Request

RETRY_SECONDS = "60"
MAX_NAME = 255

Accept = Callable[[Delivery], Awaitable[str]]


def push_route(accept: Accept, tokens: Sequence[str], *, max_bytes: int) -> Route:
    """The route; 202 is given once the report is on the disk."""
    known = [token.encode() for token in tokens if token]

    async def push(request: Request) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode()
        # All of them are compared, whichever fits: how long it takes tells nothing.
        fits = [hmac.compare_digest(given, each) for each in known]
        if kind.lower() != "bearer" or not any(fits):
            return problem_response(
                401, "a token is needed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > max_bytes:
                return problem_response(413, f"more than {max_bytes} octets")
        if not content:
            return problem_response(400, "the body is the report: a file or a mail, as it came")
        name = request.query_params.get("name", "")[:MAX_NAME]
        provenance = Provenance(name=name, source="push", received=datetime.now(UTC))
        try:
            spooled = await accept(Delivery(content=bytes(content), provenance=provenance))
        except (SpoolFull, SpoolUnavailable) as problem:
            return problem_response(503, str(problem), {"Retry-After": RETRY_SECONDS})
        return JSONResponse({"id": spooled}, 202)

    return Route("/api/v1/reports", push, methods=["POST"])
