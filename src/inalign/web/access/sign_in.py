"""Signing in and out, and the one-time link with which a user sets a password."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from inalign.errors import Error
from inalign.web.access.passwords import MIN_LENGTH, fault_of, hash_password, is_password
from inalign.web.access.throttle import SignInThrottle
from inalign.web.access.visitor import Authenticator, address_of
from inalign.web.endpoint import read_form
from inalign.web.rendering import Form, Renderer, go, local_path

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MAX_HASHES = 2
"""Passwords hashed at a time: each takes 64 MiB."""


class SignIn:
    """The pages for those who are not signed in."""

    def __init__(self, gate: Authenticator, renderer: Renderer) -> None:
        self._gate = gate
        self._renderer = renderer
        self._throttle = SignInThrottle()
        self._hashing = threading.BoundedSemaphore(MAX_HASHES)
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            Route("/link/{secret}", self._link, methods=["GET", "POST"]),
        ]

    async def _sign_in(self, request: Request) -> Response:
        form = await read_form(request) or Form()
        if request.method == "GET":
            back = local_path(request.query_params.get("back", "/"))
            return self._renderer.page(request, "sign_in", None, {"fault": "", "back": back})
        return await run_in_threadpool(self._guarded, request, form, self._try)

    async def _link(self, request: Request) -> Response:
        form = await read_form(request) or Form()
        return await run_in_threadpool(self._guarded, request, form, self._use_link)

    async def _sign_out(self, request: Request) -> Response:
        return await run_in_threadpool(self._guarded, request, Form(), self._leave)

    def _guarded(self, request: Request, form: Form, work: Callable[[Request, Form], Response]) -> Response:
        try:
            return work(request, form)
        except Error as problem:
            values = {"key": "problem.store", "detail": str(problem)}
            return self._renderer.page(request, "problem", None, values, 503)

    def _try(self, request: Request, form: Form) -> Response:
        name, back, now = form.text("user"), local_path(form.text("back")), self._gate.clock()
        address = address_of(request)
        with self._lock:
            may = self._throttle.may_try(address, name, now)
            if may:
                # Counted before the password is checked: attempts at the same time are counted, too.
                self._throttle.failed(address, name, now)
        values = {"form": Form(user=name), "back": back}
        if not may:
            return self._renderer.page(request, "sign_in", None, values | {"fault": "sign_in.too_often"}, 429)
        user = self._gate.accounts.user(name)
        with self._hashing:
            right = is_password(user.password if user else "", form.get("password", ""))
        if user is None or not right:
            self._gate.note(request, name, "sign-in failed")
            return self._renderer.page(request, "sign_in", None, values | {"fault": "sign_in.wrong"}, 403)
        with self._lock:
            self._throttle.succeeded(address, name)
        response = go(back)
        self._gate.sign_in(request, response, user.name)
        self._gate.note(request, user.name, "sign-in")
        return response

    def _leave(self, request: Request, _form: Form) -> Response:
        response = go("/sign-in")
        visitor = self._gate.visitor(request)
        if visitor is not None and visitor.name:
            self._gate.sign_out(visitor, response)
            self._gate.note(request, visitor.name, "sign-out")
        return response

    def _use_link(self, request: Request, form: Form) -> Response:
        secret, accounts = request.path_params["secret"], self._gate.accounts
        name = accounts.linked(secret, self._gate.clock())
        if not name:
            return self._renderer.page(request, "problem", None, {"key": "problem.link", "detail": ""}, 404)
        values = {"name": name, "least": MIN_LENGTH}
        if request.method == "GET":
            return self._renderer.page(request, "link", None, values | {"fault": ""})
        password = form.get("password", "")
        fault = fault_of(password) or ("" if password == form.get("again") else "password.differs")
        if fault:
            return self._renderer.page(request, "link", None, values | {"fault": fault}, 400)
        with self._hashing:
            hashed = hash_password(password)
        user = accounts.user(accounts.take_link(secret, self._gate.clock()))
        if user is None:
            return self._renderer.page(request, "problem", None, {"key": "problem.link", "detail": ""}, 404)
        accounts.write_user(replace(user, password=hashed))
        response = go("/")
        self._gate.sign_in(request, response, user.name)
        self._gate.note(request, user.name, "password set by link")
        return response
