"""What each visitor sets for himself, and what an admin does: users, tokens, the audit log."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from msgspec.structs import replace
from starlette.routing import Route

from inalign.errors import ParseError
from inalign.mail.domain import parse_domain
from inalign.store.state.accounts import Domains, Role, Token, User
from inalign.web import words
from inalign.web.access.passwords import MIN_LENGTH, fault_of, hash_password, is_password
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.rendering import ZONE_COOKIE, Form, Renderer, go, local_path

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
MAX_TOKEN_DAYS = 3_650
MAX_DOMAINS = 1_000
"""Of a scope; they stand in every question of the user."""


class OwnPages:
    """Settings and users."""

    def __init__(self, gate: Authenticator, renderer: Renderer, endpoints: Endpoints, *, url: str) -> None:
        self._gate = gate
        self._renderer = renderer
        self._endpoints = endpoints
        self._url = url

    def routes(self) -> list[Route]:
        """All of them."""
        route = self._endpoints.route
        return [
            Route("/language/{code}", self._language, methods=["GET"]),
            route("/settings", self._settings),
            route("/settings/zone", self._zone),
            route("/settings/password", self._password, post=True),
            route("/settings/sessions", self._end_sessions, post=True),
            route("/users", self._users, role=Role.ADMIN),
            route("/users/add", self._add, role=Role.ADMIN, post=True),
            route("/users/change", self._change, role=Role.ADMIN, post=True),
            route("/users/remove", self._remove, role=Role.ADMIN, post=True),
            route("/users/token", self._add_token, role=Role.ADMIN, post=True),
            route("/users/token/remove", self._remove_token, role=Role.ADMIN, post=True),
        ]

    async def _language(self, request: Request) -> Response:
        """A choice that is no secret and harms nobody: a plain link, useful before signing in."""
        response = go(local_path(request.query_params.get("back", "/")))
        code = request.path_params["code"]
        if code in words.LANGUAGES:
            self._renderer.keep(response, words.COOKIE, code)
        return response

    # Settings

    def _settings(self, request: Request, visitor: Visitor, _form: Form, **values: object) -> Response:
        sessions = self._gate.accounts.sessions(visitor.name) if visitor.name else []
        shown = {
            "zones": sorted(available_timezones()),
            "sessions": sessions,
            "least": MIN_LENGTH,
            "fault": "",
            "done": request.query_params.get("done", "") == "password",
        }
        return self._renderer.page(request, "settings", visitor, shown | values, 400 if values.get("fault") else 200)

    def _zone(self, request: Request, _visitor: Visitor, _form: Form) -> Response:
        response = go("/settings")
        zone = request.query_params.get("zone", "")
        if zone in available_timezones():
            self._renderer.keep(response, ZONE_COOKIE, zone)
        return response

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

    # Users

    def _users(self, request: Request, visitor: Visitor, _form: Form, **values: object) -> Response:
        accounts = self._gate.accounts
        shown = {
            "users": accounts.users(),
            "tokens": accounts.tokens(),
            "audit": accounts.audit(),
            "roles": list(Role),
            "link": "",
            "token": "",
        }
        return self._renderer.page(request, "users", visitor, shown | values)

    def _add(self, request: Request, visitor: Visitor, form: Form) -> Response:
        user = new_user(form.text("name"), form.text("role"), form.text("domains"), self._gate.clock())
        if self._gate.accounts.user(user.name) is not None:
            raise ParseError(f"{user.name}: there is such a user")
        self._gate.accounts.write_user(user)
        self._gate.note(request, visitor.name, "user added", told(user))
        return self._with_link(request, visitor, form, user.name)

    def _change(self, request: Request, visitor: Visitor, form: Form) -> Response:
        user = self._known(form)
        if form.text("do") == "link":
            self._gate.note(request, visitor.name, "link made", user.name)
            return self._with_link(request, visitor, form, user.name)
        changed = replace(user, role=role_of(form.text("role")), domains=domains_of(form.text("domains")))
        self._keep_an_admin(changed)
        self._gate.accounts.write_user(changed)
        self._gate.note(request, visitor.name, "user changed", told(changed))
        return go("/users")

    def _remove(self, request: Request, visitor: Visitor, form: Form) -> Response:
        user = self._known(form)
        self._keep_an_admin(replace(user, role=Role.READER))
        self._gate.accounts.remove_user(user.name)
        self._gate.note(request, visitor.name, "user removed", user.name)
        return go("/users")

    def _with_link(self, request: Request, visitor: Visitor, form: Form, name: str) -> Response:
        secret = self._gate.accounts.make_link(name, self._gate.clock())
        return self._users(request, visitor, form, link=f"{self._url}/link/{secret}")

    def _known(self, form: Form) -> User:
        user = self._gate.accounts.user(form.text("name"))
        if user is None:
            raise ParseError("there is no such user")
        return user

    def _keep_an_admin(self, changed: User) -> None:
        others = [user for user in self._gate.accounts.users() if user.name != changed.name]
        if not any(user.role is Role.ADMIN and user.domains is None for user in [*others, changed]):
            raise ParseError("the last admin of all domains stays one")

    # Tokens

    def _add_token(self, request: Request, visitor: Visitor, form: Form) -> Response:
        user = self._known(form)
        token = new_token(
            form.text("label"),
            user,
            role=form.text("role"),
            domains=form.text("domains"),
            days=form.text("days"),
            now=self._gate.clock(),
        )
        secret = self._gate.accounts.make_token(token)
        self._gate.note(request, visitor.name, "token made", f"{token.name} of {user.name}")
        return self._users(request, visitor, form, token=secret)

    def _remove_token(self, request: Request, visitor: Visitor, form: Form) -> Response:
        if self._gate.accounts.remove_token(form.text("key")):
            self._gate.note(request, visitor.name, "token removed", form.text("key"))
        return go("/users")


def new_user(name: str, role: str, domains: str, now: float) -> User:
    """A user as written in a form or on the command line. Raises `ParseError`."""
    if not NAME.fullmatch(name):
        raise ParseError("name: letters, digits and ._@+- , at most 64")
    return User(name=name, role=role_of(role), domains=domains_of(domains), made=now)


def new_token(label: str, user: User, *, role: str, domains: str, days: str, now: float) -> Token:
    """Likewise. Raises `ParseError`."""
    if not label or len(label) > 100 or not label.isprintable():
        raise ParseError("name: what the token is for, at most 100 characters")
    try:
        span = float(days)
    except ValueError:
        span = math.nan
    if not 0 < span <= MAX_TOKEN_DAYS:
        raise ParseError(f"days: from 1 to {MAX_TOKEN_DAYS}")
    return Token(
        name=label,
        user=user.name,
        role=role_of(role),
        domains=domains_of(domains),
        made=now,
        expires=now + span * 86_400,
    )


def role_of(text: str) -> Role:
    """Raises `ParseError`."""
    try:
        return Role(text)
    except ValueError:
        raise ParseError(f"role: one of {', '.join(Role)}") from None


def domains_of(text: str) -> Domains:
    """Domains separated by blanks or commas; `*` alone is all. An empty text could mean all or none.

    Raises `ParseError`.
    """
    names = re.split(r"[\s,]+", text.strip())
    if names == ["*"]:
        return None
    if len(names) > MAX_DOMAINS:
        raise ParseError(f"domains: at most {MAX_DOMAINS}")
    return tuple(sorted({str(parse_domain(name)) for name in names}))


def told(user: User) -> str:
    """For the audit log."""
    return f"{user.name}: {user.role} of {'all domains' if user.domains is None else ' '.join(user.domains)}"
