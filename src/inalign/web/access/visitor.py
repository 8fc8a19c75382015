"""Authentication of requests: a user by a session cookie, a program by a token, this host while there are no users."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from inalign.store.state.accounts import Accounts, AuditEntry, Domains, Role, narrowed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

IDLE_SECONDS = 12 * 3600.0
"""Without a request a session ends: who comes next morning signs in again."""
LONGEST_SECONDS = 7 * 86_400.0
"""A session ends then in any case."""
MAX_SECRET = 200
"""Characters of a cookie or a token; ours have 43 and 51."""


class Visitor(NamedTuple):
    """Who sends a request, and what is allowed to it."""

    name: str
    """Empty: somebody on this host, while there are no users."""
    role: Role
    domains: Domains
    session: str = ""


class Authenticator:
    """Authenticates requests, and opens and closes sessions."""

    def __init__(
        self, accounts: Accounts, *, loopback: bool, https: bool, clock: Callable[[], float] = time.time
    ) -> None:
        """Make an authenticator; `loopback` says that only this host reaches the pages."""
        self.accounts = accounts
        self.clock = clock
        self._loopback = loopback
        self._https = https
        # A cookie of this form cannot be set by a neighbour host or over plain HTTP.
        self.cookie = "__Host-inalign" if https else "inalign"

    def visitor(self, request: Request) -> Visitor | None:
        """Return the visitor of a request, or None if a sign-in is needed. Raises `ControlError`."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._of_token(secret.strip())
        if secret := request.cookies.get(self.cookie, ""):
            return self._of_session(secret)
        return self._nobody() if self.is_open() else None

    def is_open(self) -> bool:
        """Whether anybody may read: only this host reaches the pages, and there are no users."""
        return self._loopback and self.accounts.none_yet()

    def _nobody(self) -> Visitor:
        return Visitor("", Role.READER, None)

    def _of_session(self, secret: str) -> Visitor | None:
        if len(secret) > MAX_SECRET:
            return None
        session = self.accounts.session(secret, self.clock(), idle=IDLE_SECONDS, longest=LONGEST_SECONDS)
        user = self.accounts.user(session.user) if session else None
        if user is None:
            return self._nobody() if self.is_open() else None
        return Visitor(user.name, user.role, user.domains, secret)

    def _of_token(self, secret: str) -> Visitor | None:
        token = self.accounts.token(secret, self.clock()) if len(secret) <= MAX_SECRET else None
        user = self.accounts.user(token.user) if token else None
        if token is None or user is None:
            return None
        role = token.role if user.role.may(token.role) else user.role
        return Visitor(user.name, role, narrowed(token.domains, user.domains))

    def sign_in(self, request: Request, response: Response, user: str) -> None:
        """Open a session of a user, and set its cookie."""
        secret = self.accounts.open_session(user, self.clock(), address_of(request), longest=LONGEST_SECONDS)
        self.keep(response, self.cookie, secret, LONGEST_SECONDS)

    def sign_out(self, visitor: Visitor, response: Response) -> None:
        """Close the session of a visitor, and remove its cookie."""
        if visitor.session:
            self.accounts.close_session(visitor.session)
        self.forget(response, self.cookie)

    def keep(self, response: Response, name: str, secret: str, seconds: float) -> None:
        """Set a cookie that no script reads and no form of another site sends."""
        response.set_cookie(
            name, secret, max_age=int(seconds), path="/", secure=self._https, httponly=True, samesite="lax"
        )

    def forget(self, response: Response, name: str) -> None:
        """Remove a cookie from the browser."""
        response.delete_cookie(name, path="/", secure=self._https, httponly=True, samesite="lax")

    def note(self, request: Request, who: str, act: str, about: str = "") -> None:
        """Write an entry of the audit log."""
        self.accounts.note(
            AuditEntry(at=self.clock(), who=who[:100], act=act, about=about[:300], address=address_of(request))
        )


def address_of(request: Request) -> str:
    """Return the address of the client, as far as it is known (`web/access/forwarded.py`)."""
    return request.client.host if request.client else ""
