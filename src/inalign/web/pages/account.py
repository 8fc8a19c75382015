"""The settings of a visitor: the language and the time zone of the pages, the password, and the sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from msgspec.structs import replace
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from inalign.web import words
from inalign.web.access.passwords import MIN_LENGTH, fault_of, hash_password, is_password
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.endpoint import Endpoints, read_form
from inalign.web.rendering import TIME_ZONE_COOKIE, Form, Renderer, go, local_path

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class AccountPage:
    """Answers `/settings`, and the forms that choose the language and the time zone."""

    def __init__(self, gate: Authenticator, renderer: Renderer, endpoints: Endpoints) -> None:
        self._gate = gate
        self._renderer = renderer
        self._endpoints = endpoints

    def routes(self) -> list[Route]:
        """Return the routes of the page and of its forms.

        Language and time zone are in a cookie, not in an account: who is not signed in may choose them, too.
        """
        route = self._endpoints.route
        return [
            Route("/language", self._language, methods=["POST"]),
            Route("/settings/time-zone", self._time_zone, methods=["POST"]),
            route("/settings", self._settings),
            route("/settings/password", self._password, post=True),
            route("/settings/sessions", self._end_sessions, post=True),
        ]

    async def _language(self, request: Request) -> Response:
        form = await read_form(request)
        code = form.text("code") if form else ""
        if form is None or code not in words.LANGUAGES:
            return PlainTextResponse(f"code: expected one of {', '.join(words.LANGUAGES)}\n", 400)
        response = go(local_path(form.text("back")))
        self._renderer.keep(response, words.COOKIE, code)
        return response

    async def _time_zone(self, request: Request) -> Response:
        form = await read_form(request)
        name = form.text("time_zone") if form else ""
        if name not in available_timezones():
            return PlainTextResponse("time_zone: expected a name such as Asia/Tokyo\n", 400)
        response = go("/settings")
        self._renderer.keep(response, TIME_ZONE_COOKIE, name)
        return response

    def _settings(self, request: Request, visitor: Visitor, _form: Form, **values: object) -> Response:
        sessions = self._gate.accounts.sessions(visitor.name) if visitor.name else []
        shown = {
            "time_zones": sorted(available_timezones()),
            "sessions": sessions,
            "least": MIN_LENGTH,
            "fault": "",
            "done": request.query_params.get("done", "") == "password",
        }
        return self._renderer.page(request, "settings", visitor, shown | values, 400 if values.get("fault") else 200)

    def _password(self, request: Request, visitor: Visitor, form: Form) -> Response:
        accounts = self._gate.accounts
        user = accounts.user(visitor.name)
        if user is None or not visitor.session:
            return go("/settings")
        password = form.get("password", "")
        fault = fault_of(password) or ("" if password == form.get("again") else "password.differs")
        if not is_password(user.password, form.get("old", "")):
            self._gate.note(request, visitor.name, "password change refused")
            fault = "password.wrong"
        if fault:
            return self._settings(request, visitor, form, fault=fault)
        accounts.write_user(replace(user, password=hash_password(password)))
        response = go("/settings", done="password")
        self._gate.sign_in(request, response, user.name)
        self._gate.note(request, visitor.name, "password changed")
        return response

    def _end_sessions(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        self._gate.accounts.close_sessions(visitor.name)
        self._gate.note(request, visitor.name, "sessions ended")
        return go("/sign-in")
