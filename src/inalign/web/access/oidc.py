"""Signing in by a provider of OpenID Connect: the browser is sent there and comes back with a code.

What was begun is kept in memory, for one answer, and bound to the browser by a cookie: an answer that this browser did
not ask for, that comes twice or late, signs nobody in. A session is ours afterwards, like any other.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from inalign.errors import Error, ParseError, TransportError
from inalign.store.state.account_texts import USER_NAME
from inalign.store.state.accounts import Accounts, Domains, Role, User
from inalign.web.access.visitor import MAX_SECRET, Authenticator
from inalign.web.rendering import Renderer, go, local_path

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from inalign.net.oidc import Begun, Claims, Provider

MAX_BEGUN = 1_000
"""Sign-ins under way; the oldest are forgotten first."""
BEGUN_SECONDS = 600.0
"""Time to sign in at the provider."""
MAX_CODE = 4_096
"""Characters of what comes back; codes of providers have some hundred."""
CALLBACK = "/sign-in/oidc/callback"


class Grant(NamedTuple):
    """Who has a value in a claim has a role."""

    claim: str
    value: str
    role: Role
    domains: Domains = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcOptions:
    """Beside the provider: who gets which rights."""

    label: str = "OpenID Connect"
    """What its link is called."""
    grants: Sequence[Grant] = ()
    """Empty: only users that are here already sign in, with the rights that they have here."""


class _Pending(NamedTuple):
    begun: Begun
    browser: str
    back: str
    at: float


class OidcSignIn:
    """Answers the addresses where a sign-in at a provider begins and ends."""

    def __init__(
        self, gate: Authenticator, renderer: Renderer, provider: Provider, options: OidcOptions, *, url: str
    ) -> None:
        self._gate = gate
        self._renderer = renderer
        self._provider = provider
        self._options = options
        self._redirect_uri = url + CALLBACK
        self._cookie = f"{gate.cookie}-oidc"
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Return the routes of the begin and the end of a sign-in."""
        return [
            Route("/sign-in/oidc", self._begin, methods=["GET"]),
            Route(CALLBACK, self._finish, methods=["GET"]),
        ]

    async def _begin(self, request: Request) -> Response:
        return await run_in_threadpool(self._send_away, request)

    async def _finish(self, request: Request) -> Response:
        return await run_in_threadpool(self._take_answer, request)

    def _send_away(self, request: Request) -> Response:
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        try:
            begun = self._provider.begin(self._redirect_uri, state)
        except Error as problem:
            return self._refused(request, "oidc.unreachable", str(problem), 503)
        back = local_path(request.query_params.get("back", "/"))
        with self._lock:
            self._pending[state] = _Pending(begun, browser, back, self._gate.clock())
            while len(self._pending) > MAX_BEGUN:
                self._pending.popitem(last=False)
        response = go(begun.url)
        self._gate.keep(response, self._cookie, browser, BEGUN_SECONDS)
        return response

    def _take_answer(self, request: Request) -> Response:
        parameters = request.query_params
        with self._lock:
            pending = self._pending.pop(parameters.get("state", "")[:MAX_SECRET], None)
        browser = request.cookies.get(self._cookie, "")[:MAX_SECRET]
        if pending is None or not hmac.compare_digest(pending.browser.encode(), browser.encode()):
            return self._refused(request, "oidc.old", "", 400)
        if self._gate.clock() - pending.at > BEGUN_SECONDS:
            return self._refused(request, "oidc.old", "", 400)
        code = parameters.get("code", "")
        if "error" in parameters or not code or len(code) > MAX_CODE:
            return self._refused(
                request, "oidc.refused", f"the provider says {parameters.get('error', 'nothing')[:100]}", 403
            )
        try:
            claims = self._provider.finish(pending.begun, self._redirect_uri, code, parameters.get("iss", ""))
            user = user_of(self._gate.accounts, self._provider.issuer, claims, self._options.grants, self._gate.clock())
        except TransportError as problem:
            return self._refused(request, "oidc.unreachable", str(problem), 503)
        except Error as problem:
            return self._refused(request, "oidc.refused", str(problem), 403)
        response = go(pending.back)
        self._gate.sign_in(request, response, user.name)
        self._gate.forget(response, self._cookie)
        self._gate.note(request, user.name, "sign-in by OpenID Connect")
        return response

    def _refused(self, request: Request, key: str, why: str, status: int) -> Response:
        """Why stands in the audit log alone: it is for the admin."""
        if why:
            self._gate.note(request, "OpenID Connect", "sign-in failed", why)
        values = {"fault": key, "back": "/"}
        response = self._renderer.page(request, "sign_in", None, values, status)
        self._gate.forget(response, self._cookie)
        return response


def user_of(accounts: Accounts, issuer: str, claims: Claims, grants: Sequence[Grant], now: float) -> User:
    """The user that a provider vouches for: by its subject, else by a verified address that is the name of a user, who
    from then on is the one of that subject. Raises `ParseError` where there is none, `ControlError`.
    """
    subject = f"{issuer} {claims.sub}"
    grant = next((each for each in grants if _has(claims.others, each)), None)
    if grants and grant is None:
        raise ParseError(f"{claims.sub[:100]}: no grant is for it")
    address = claims.email.lower() if claims.email_verified else ""
    users = accounts.users()
    found = next((user for user in users if user.subject == subject), None)
    if found is None and address:
        found = next((user for user in users if user.name.lower() == address), None)
        if found is not None and found.subject:
            raise ParseError(f"{found.name}: the address is now another's at the provider")
    if found is None:
        if grant is None:
            raise ParseError(f"{address or claims.sub[:100]}: there is no such user")
        if not USER_NAME.fullmatch(address):
            raise ParseError(f"{claims.sub[:100]}: a new user needs a verified address for a name")
        found = User(name=address, role=grant.role, made=now)
    changed = replace(found, subject=subject)
    if grant is not None:
        changed = replace(changed, role=grant.role, domains=grant.domains)
    if changed != found or accounts.user(found.name) is None:
        accounts.write_user(changed)
    return changed


def _has(claims: Mapping[str, object], grant: Grant) -> bool:
    said = claims.get(grant.claim)
    return said == grant.value or (isinstance(said, list) and grant.value in said)
