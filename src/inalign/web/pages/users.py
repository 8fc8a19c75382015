"""The page of the admins: users, tokens and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from inalign.errors import ParseError
from inalign.store.state.account_texts import described, new_token, new_user, parse_role, parse_scope
from inalign.store.state.accounts import Role, User
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.rendering import Form, Renderer, go

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route


class UsersPage:
    """Answers `/users` and its forms, for admins of all domains."""

    def __init__(self, gate: Authenticator, renderer: Renderer, endpoints: Endpoints, *, url: str) -> None:
        self._gate = gate
        self._renderer = renderer
        self._endpoints = endpoints
        self._url = url

    def routes(self) -> list[Route]:
        """Return the routes of the page and of its forms."""
        route = self._endpoints.route
        return [
            route("/users", self._users, role=Role.ADMIN),
            route("/users/add", self._add, role=Role.ADMIN, post=True),
            route("/users/change", self._change, role=Role.ADMIN, post=True),
            route("/users/remove", self._remove, role=Role.ADMIN, post=True),
            route("/users/token", self._add_token, role=Role.ADMIN, post=True),
            route("/users/token/remove", self._remove_token, role=Role.ADMIN, post=True),
        ]

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
            raise ParseError(f"name: there is a user {user.name} already")
        self._gate.accounts.write_user(user)
        self._gate.note(request, visitor.name, "user added", described(user))
        return self._with_link(request, visitor, form, user.name)

    def _change(self, request: Request, visitor: Visitor, form: Form) -> Response:
        user = self._known(form)
        if form.text("do") == "link":
            self._gate.note(request, visitor.name, "link made", user.name)
            return self._with_link(request, visitor, form, user.name)
        changed = replace(user, role=parse_role(form.text("role")), domains=parse_scope(form.text("domains")))
        self._keep_an_admin(changed)
        self._gate.accounts.write_user(changed)
        self._gate.note(request, visitor.name, "user changed", described(changed))
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
            raise ParseError(f"name: there is no user {form.text('name')[:100]!r}")
        return user

    def _keep_an_admin(self, changed: User) -> None:
        others = [user for user in self._gate.accounts.users() if user.name != changed.name]
        if not any(user.role is Role.ADMIN and user.domains is None for user in [*others, changed]):
            raise ParseError("this user is the last admin of all domains; make another user one first")

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
