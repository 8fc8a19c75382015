"""What is done around each page: find the visitor, check the role, read the form, and answer errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inalign.errors import Error, ParseError
from inalign.store.state.accounts import Role
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.rendering import Form, Renderer, go, here

MAX_FIELDS = 100
"""The most fields of a form."""
FORM = "application/x-www-form-urlencoded"

Work = Callable[[Request, Visitor, Form], Response]


class Endpoints:
    """Makes routes of functions that may block: each checks the visitor and the form, and runs in a thread."""

    def __init__(
        self, gate: Authenticator, renderer: Renderer, begin: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._gate = gate
        self._renderer = renderer
        self._begin = begin

    def route(self, path: str, work: Work, *, role: Role = Role.READER, post: bool = False) -> Route:
        """Return a route for visitors who have at least a role; `post` for what changes something."""
        return Route(path, self._endpoint(work, role), methods=["POST"] if post else ["GET"])

    def _endpoint(self, work: Work, role: Role) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            form = await read_form(request)
            if form is None:
                return self._problem(request, None, 400, "problem.form")
            return await run_in_threadpool(self._answer, request, form, work, role)

        return answer

    def _answer(self, request: Request, form: Form, work: Work, role: Role) -> Response:
        visitor = None
        try:
            visitor = self._gate.visitor(request)
            if visitor is None:
                return self._sign_in_first(request)
            # A visitor without a name may only read: nobody would be accountable. An admin has all domains: one of some
            # domains could give himself the others.
            nameless = request.method == "POST" and not visitor.name
            partial = role is Role.ADMIN and visitor.domains is not None
            if nameless or partial or not visitor.role.may(role):
                return self._problem(request, visitor, 403, "problem.forbidden")
            with self._begin():
                return work(request, visitor, form)
        except ParseError as problem:
            return self._problem(request, visitor, 400, "problem.question", str(problem))
        except Error as problem:
            return self._problem(request, visitor, 503, "problem.store", str(problem))

    def _sign_in_first(self, request: Request) -> Response:
        if is_for_programs(request):
            fields = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"status": 401, "detail": "sign in, or send a token"}, 401, fields, PROBLEM)
        if self._gate.accounts.none_yet():
            return self._problem(request, None, 403, "problem.no_users")
        return go("/sign-in", back=here(request)) if request.method == "GET" else go("/sign-in")

    def _problem(self, request: Request, visitor: Visitor | None, status: int, key: str, detail: str = "") -> Response:
        if is_for_programs(request):
            text = detail or self._renderer.words(request)(key)
            return JSONResponse({"status": status, "detail": text}, status, media_type=PROBLEM)
        return self._renderer.page(request, "problem", visitor, {"key": key, "detail": detail}, status)


PROBLEM = "application/problem+json"
"""Of errors, for programs."""


def is_for_programs(request: Request) -> bool:
    """Whether a request is of a program, which expects JSON: of the API, or with a token."""
    return request.url.path.startswith("/api/") or "authorization" in request.headers


async def read_form(request: Request) -> Form | None:
    """Return the fields of the form of a request, the last one of a name.

    Return None for a body that is no form, and for more than `MAX_FIELDS` fields.
    """
    if request.method != "POST":
        return Form()
    body = await request.body()
    if body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return None
    try:
        return Form(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return None
