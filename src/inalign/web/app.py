"""The pages as one application: who asks is told apart first, then the page asks its questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import Route

from inalign.store.accounts import Accounts
from inalign.store.control import Control
from inalign.store.queries.view import View
from inalign.store.spool import Spool
from inalign.web import assets
from inalign.web.access import Gate
from inalign.web.api import Ask
from inalign.web.domain_page import DomainPage
from inalign.web.endpoint import Endpoints
from inalign.web.guard import LOOPBACK_HOSTS, Guard
from inalign.web.home_page import HomePage
from inalign.web.incidents_page import IncidentsPage
from inalign.web.intake_page import IntakePage
from inalign.web.own_pages import OwnPages
from inalign.web.rendering import Renderer
from inalign.web.report_page import ReportPage
from inalign.web.senders_page import SenderPages
from inalign.web.sign_in import SignIn
from inalign.web.summary_page import SummaryPage
from inalign.web.told_pages import ToldPages
from inalign.web.veil import Veil
from inalign.web.view_pages import MENU, ViewPages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """How the pages are reached and what they show at first."""

    url: str = ""
    """What browsers open, such as https://reports.example.org; empty: only this host opens them."""
    loopback: bool = True
    """Whether the socket is one that only this host reaches."""
    zone: str = "UTC"


def make_app(
    ask: Ask,
    views: Mapping[str, View],
    control: Control,
    spool: Spool,
    options: WebOptions,
    *,
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """The application. Without users it answers nobody but readers of this host."""
    where = urlsplit(options.url)
    https = where.scheme == "https"
    hosts = LOOPBACK_HOSTS if not options.url else LOOPBACK_HOSTS | {_host(where.hostname or "")}
    # Behind a URL of others stands a proxy: then the peer is not who asks, wherever the socket is.
    loopback = options.loopback and not options.url
    accounts = Accounts(control)
    ask = Veil(accounts.kept_secret("veil")).over(ask)
    gate = Gate(accounts, loopback=loopback, https=https, clock=clock)
    renderer = Renderer(MENU, zone=options.zone, https=https)
    endpoints = Endpoints(gate, renderer)
    pages = ViewPages(gate, renderer, endpoints, ask, views)

    async def missing(request: Request, _problem: Exception) -> Response:
        return renderer.page(request, "problem", None, {"key": "problem.no_page", "detail": ""}, 404)

    routes = [
        Route("/static/{name}", assets.serve, methods=["GET"]),
        *SignIn(gate, renderer).routes(),
        *OwnPages(gate, renderer, endpoints, url=options.url.rstrip("/")).routes(),
        *pages.routes(),
        *ReportPage(pages, endpoints).routes(),
        *ToldPages(pages, endpoints).routes(),
        *SenderPages(gate, pages, endpoints, control).routes(),
        *HomePage(renderer, pages, endpoints).routes(),
        *DomainPage(renderer, pages, endpoints).routes(),
        *IntakePage(gate, pages, endpoints, control, spool).routes(),
        *IncidentsPage(gate, renderer, endpoints, control).routes(),
        *SummaryPage(pages, renderer, endpoints, lambda name, filters: ask(views[name], filters), control).routes(),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={404: missing}), hosts=hosts, https=https)


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name.lower()
