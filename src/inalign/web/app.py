"""The pages as one application: who asks is told apart first, then the page asks its questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import Route

from inalign.mail.networks import Networks
from inalign.spool.deliveries import Spool
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters
from inalign.store.queries.snapshot import Snapshot
from inalign.store.queries.view import View, ViewAnswer
from inalign.store.state.accounts import Accounts
from inalign.store.state.control import Control
from inalign.web import assets
from inalign.web.access.forwarded import Forwarded
from inalign.web.access.guard import LOOPBACK_HOSTS, Guard
from inalign.web.access.oidc import OidcOptions, OidcSignIn
from inalign.web.access.sign_in import SignIn
from inalign.web.access.visitor import Authenticator
from inalign.web.api import problem_response
from inalign.web.endpoint import Endpoints, is_for_programs
from inalign.web.pages.account import AccountPage
from inalign.web.pages.base import MENU, ViewPages
from inalign.web.pages.domain import DomainPage
from inalign.web.pages.home import HomePage
from inalign.web.pages.incidents import IncidentsPage
from inalign.web.pages.intake import IntakePage
from inalign.web.pages.report import ReportPage
from inalign.web.pages.senders import SenderPages
from inalign.web.pages.summary import SummaryPage
from inalign.web.pages.tables import TablePages
from inalign.web.pages.users import UsersPage
from inalign.web.redaction import Redactor
from inalign.web.rendering import Renderer

if TYPE_CHECKING:
    from msgspec import Struct
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from inalign.net.oidc import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """How the pages are reached and what they show at first."""

    url: str = ""
    """What browsers open, such as https://reports.example.org; empty: only this host opens them."""
    loopback: bool = True
    """Whether the socket is one that only this host reaches."""
    zone: str = "UTC"
    proxies: Networks = field(default_factory=Networks)
    """Who may say whose request he hands in."""
    oidc: OidcOptions = field(default_factory=OidcOptions)


class RequestSnapshots:
    """Gives each request a snapshot of the store, which all views that the request asks read from."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._current: ContextVar[Snapshot] = ContextVar("snapshot")

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Read from a new snapshot until the end of `with`, in the thread that answers the request."""
        token = self._current.set(Snapshot(self._engine))
        try:
            yield
        finally:
            self._current.reset(token)

    def ask(self, view: View, filters: Filters) -> ViewAnswer[Struct]:
        """Answer a view from the snapshot of the request. Raises what the view raises."""
        return view.ask(self._current.get(), filters)


def make_app(
    engine: Engine,
    views: Mapping[str, View],
    control: Control,
    spool: Spool,
    options: WebOptions,
    *,
    provider: Provider | None = None,
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """Build the application that answers from `engine`; each request reads one snapshot of it.

    Without users it answers nobody but readers of this host.
    """
    where = urlsplit(options.url)
    https = where.scheme == "https"
    hosts = LOOPBACK_HOSTS if not options.url else LOOPBACK_HOSTS | {_host(where.hostname or "")}
    # Behind a URL of others stands a proxy: then the peer is not who asks, wherever the socket is.
    loopback = options.loopback and not options.url and options.proxies.is_empty
    accounts = Accounts(control)
    requests = RequestSnapshots(engine)
    ask = Redactor(accounts.stored_secret("veil")).wrap(requests.ask)
    gate = Authenticator(accounts, loopback=loopback, https=https, clock=clock)
    renderer = Renderer(MENU, zone=options.zone, https=https, oidc=options.oidc.label if provider else "")
    endpoints = Endpoints(gate, renderer, requests.begin)
    pages = ViewPages(gate, renderer, endpoints, ask, views)
    incidents = IncidentsPage(gate, renderer, endpoints, control)

    async def missing(request: Request, _problem: Exception) -> Response:
        if is_for_programs(request):
            return problem_response(404, "there is no such question; /api/v1/openapi.json lists them")
        return renderer.page(request, "problem", None, {"key": "problem.no_page", "detail": ""}, 404)

    routes = [
        Route("/static/{name}", assets.serve, methods=["GET"]),
        *SignIn(gate, renderer).routes(),
        *AccountPage(gate, renderer, endpoints).routes(),
        *UsersPage(gate, renderer, endpoints, url=options.url.rstrip("/")).routes(),
        *pages.routes(),
        *ReportPage(pages, endpoints).routes(),
        *TablePages(pages, endpoints).routes(),
        *SenderPages(gate, pages, endpoints, control).routes(),
        *HomePage(renderer, pages, endpoints, incidents.on_top).routes(),
        *DomainPage(renderer, pages, endpoints, incidents.on_top).routes(),
        *IntakePage(gate, pages, endpoints, control, spool).routes(),
        *incidents.routes(),
        *SummaryPage(pages, renderer, endpoints, lambda name, filters: ask(views[name], filters), control).routes(),
    ]
    if provider is not None:
        routes += OidcSignIn(gate, renderer, provider, options.oidc, url=options.url.rstrip("/")).routes()
    app = Starlette(routes=routes, exception_handlers={404: missing})
    return Forwarded(Guard(app, hosts=hosts, https=https), options.proxies)


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name.lower()
