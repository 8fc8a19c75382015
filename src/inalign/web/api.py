"""The JSON face: `GET /api/v1/VIEW` asks what `inalign reports VIEW` asks, with the same filters as query parameters.

The OpenAPI description is in `web/openapi.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inalign.errors import Error, ParseError
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import GIVEN, Filters
from inalign.store.queries.view import AFTER, View, ViewAnswer
from inalign.web.openapi import openapi

if TYPE_CHECKING:
    from starlette.requests import Request

Ask = Callable[[View, Filters], ViewAnswer[Struct]]
"""Blocks; it is called in a thread."""


def routes(ask: Ask, views: Mapping[str, View] = VIEWS) -> list[Route]:
    """The questions and their description."""

    def view_route(view: View) -> Route:
        async def answer(request: Request) -> Response:
            try:
                filters = read_filters(request.query_params.multi_items())
                found = await run_in_threadpool(ask, view, filters)
            except ParseError as problem:
                return problem_response(400, str(problem))
            except Error as problem:
                return problem_response(503, str(problem))
            return rows_response(found)

        return Route(f"/api/v1/{view.name}", answer, methods=["GET"])

    async def description(_request: Request) -> Response:
        return JSONResponse(openapi(views))

    return [Route("/api/v1/openapi.json", description, methods=["GET"]), *map(view_route, views.values())]


def rows_response(found: ViewAnswer[Struct]) -> Response:
    """The rows as one array."""
    fields = {AFTER: found.after} if found.after else {}
    return Response(msgspec.json.encode(found.rows), media_type="application/json", headers=fields)


def read_filters(parameters: Sequence[tuple[str, str]]) -> Filters:
    """The filters of a query string; raises `ParseError` naming the parameter."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name in given:
            raise ParseError(f"{name[:100]!r} is there twice")
        if name in GIVEN:
            raise ParseError(f"{name}: not a parameter")
        given[name] = value
    try:
        return msgspec.convert({name: value for name, value in given.items() if value}, Filters, strict=False)
    except (msgspec.ValidationError, OverflowError) as problem:
        raise ParseError(str(problem)) from None


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error, for programs and people."""
    return JSONResponse({"status": status, "detail": detail}, status, headers, media_type="application/problem+json")
