"""The first page: how every domain fares, the worst first, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from inalign.charts.model import SparkPart, sparkline
from inalign.insight.overview import OverviewRow
from inalign.insight.result import DomainState
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.web import tables
from inalign.web.access.visitor import Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.pages.base import ViewPages, address
from inalign.web.pages.incidents import OnTopIncidents
from inalign.web.pages.plan_card import action
from inalign.web.rendering import Form, Renderer
from inalign.web.words import Words

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

SHOWN = 200
"""Domains of a page; the rest is a click away."""
OWN = ("state", "q", "from")
"""Parameters of the address that are this page's, not the question's."""
MAX_SEARCH = 253


class DomainLine(Struct, frozen=True):
    """A row of the list of domains."""

    row: OverviewRow
    spark: tuple[SparkPart, ...]
    action: str
    address: str


class HomePage:
    """Answers the list of domains."""

    def __init__(self, renderer: Renderer, pages: ViewPages, endpoints: Endpoints, on_top: OnTopIncidents) -> None:
        self._renderer = renderer
        self._pages = pages
        self._endpoints = endpoints
        self._on_top = on_top

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [self._endpoints.route("/domains", self._domains)]

    def _domains(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self._pages.filters(request, visitor, OWN)
        part = self._pages.part(request, tables.OVERVIEW, replace(filters, after=""), rows=MAX_PAGE_ROWS)
        rows = [row for row in part.rows if isinstance(row, OverviewRow)]
        state, search = _chosen(request.query_params)
        found = [row for row in rows if search in row.domain]
        chosen = [row for row in found if state in ("", row.state)]
        start = _start(request.query_params.get("from", ""), len(chosen))
        words = self._renderer.words(request)
        values = {
            "lines": [_line(row, filters, words) for row in chosen[start : start + SHOWN]],
            "part": replace(part, rows=[]),
            "summary": _summary(rows, words),
            "on_top": self._on_top(request, visitor),
            "states": [("", len(found), _address(filters, "", search))]
            + [(str(each), _count(found, each), _address(filters, str(each), search)) for each in DomainState],
            "state": state,
            "search": search,
            "total": len(rows),
            "more": _address(filters, state, search, start + SHOWN) if start + SHOWN < len(chosen) else "",
            "limited": visitor.domains is not None,
            "ever": bool(rows) or bool(self._pages.part(request, tables.DOMAINS, _ever(filters), rows=1).rows),
        }
        return self._pages.show(request, visitor, "domains", filters, values)


def _ever(filters: Filters) -> Filters:
    return Filters(scope=filters.scope)


def _chosen(parameters: Mapping[str, str]) -> tuple[str, str]:
    """State and search; what is no state is none."""
    state = parameters.get("state", "")
    search = parameters.get("q", "").strip().lower()[:MAX_SEARCH]
    return state if state in set(DomainState) else "", search


def _start(text: str, length: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    return number if number < length else 0


def _count(rows: list[OverviewRow], state: DomainState) -> int:
    return sum(row.state == state for row in rows)


def _summary(rows: list[OverviewRow], t: Words) -> str:
    """Return one line about all domains: how many have which state."""
    counts = [t.number(f"summary.{state}", count) for state in DomainState if (count := _count(rows, state))]
    return t.number("home.domains", len(rows)) + " " + t("summary.between").join(counts) + t("summary.end")


def _address(filters: Filters, state: str, search: str, start: int = 0) -> str:
    own = {"state": state, "q": search, "from": str(start or "")}
    asked = [address(replace(filters, after="")), urlencode({name: value for name, value in own.items() if value})]
    return f"/domains?{'&'.join(filter(None, asked))}"


def _line(row: OverviewRow, filters: Filters, t: Words) -> DomainLine:
    query = address(replace(filters, domain=row.domain, after=""))
    trend = [(passed, messages - passed) for messages, passed in row.trend]
    return DomainLine(row, sparkline(("passed", "not_passed"), trend), action(row, t), f"/domain?{query}")
