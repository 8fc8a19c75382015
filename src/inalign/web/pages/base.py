"""The pages that are tables, the API and CSV files, and what other pages share: tables, filters and addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import asdict, replace
from starlette.responses import JSONResponse, Response

from inalign.errors import ParseError
from inalign.insight.window import WINDOW_DAYS, Window, window_to
from inalign.store.queries.csv_text import as_csv
from inalign.store.queries.filters import MAX_PAGE_ROWS, NARROWING, SPELLED, Filters
from inalign.store.queries.view import View, ViewAnswer
from inalign.store.state.accounts import Role
from inalign.store.time_zone import Zone, zone_of
from inalign.web import tables
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.api import Ask, read_filters, rows_response
from inalign.web.endpoint import Endpoints, Work
from inalign.web.openapi import openapi
from inalign.web.rendering import Form, MenuLink, Renderer, go
from inalign.web.tables import PageTable
from inalign.web.words import Words

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

SPANS = (7, WINDOW_DAYS, 90, 365)
"""Numbers of days to choose from; each of them ends with the window."""
LIVE = frozenset(
    {
        "conflicts", "evaluation-minutes", "evaluation-rules", "evaluation-slow", "evaluations", "failure-reports",
        "failures", "forged", "health", "reports",
    }
)  # fmt: skip
"""Questions about single events: by default they are asked up to the present, not to the last complete report day."""
ROWS = 100
"""Of a table of a page; the rest is a click away."""
TOP_ROWS = 20
"""Of a table that is one of several."""
MAX_CSV_ROWS = 100_000
"""Of a file; more are had by narrower questions."""

MENU = (
    MenuLink("/domains", "menu.domains"),
    MenuLink("/sources", "menu.sources"),
    MenuLink("/reporters", "menu.reporters"),
    MenuLink("/reports", "menu.reports"),
    MenuLink("/failures", "menu.failures"),
    MenuLink("/tls", "menu.tls"),
    MenuLink("/incidents", "menu.incidents"),
    MenuLink("/summary", "menu.summary"),
    MenuLink("/intake", "menu.intake"),
    MenuLink("/milter", "menu.milter"),
)


class FilledTable(Struct, frozen=True):
    """A table with its rows, and the addresses of its CSV file, its JSON and its next rows."""

    table: PageTable
    rows: list[Struct]
    after: str
    """The address of the page with the rows that follow, or nothing."""
    csv: str
    json: str


class ViewPages:
    """Answers the pages that are tables, the API and CSV files; what the other pages share."""

    def __init__(
        self, gate: Authenticator, renderer: Renderer, endpoints: Endpoints, ask: Ask, views: Mapping[str, View]
    ) -> None:
        self._gate = gate
        self._renderer = renderer
        self._endpoints = endpoints
        self._ask = ask
        self._views = views

    def routes(self) -> list[Route]:
        """Return the routes of the tables, the API and the CSV files."""
        route = self._endpoints.route
        return [
            route("/", lambda _request, _visitor, _form: go("/domains")),
            route("/raw", self._raw),
            *(route(f"/{name}", self._tables(name, parts)) for name, parts in tables.PAGES.items()),
            *(route(f"/csv/{view.name}.csv", self._csv(view)) for view in self._views.values() if view.name != "raw"),
            *(route(f"/api/v1/{view.name}", self._json(view)) for view in self._views.values()),
            route("/api/v1/openapi.json", lambda _request, _visitor, _form: JSONResponse(openapi(self._views))),
        ]

    def today(self, request: Request) -> date:
        """Now, where the visitor is."""
        return datetime.fromtimestamp(self._gate.clock(), self.zone(request).info).date()

    def words(self, request: Request) -> Words:
        """Return the words in the language of the visitor."""
        return self._renderer.words(request)

    def zone(self, request: Request) -> Zone:
        """Return the time zone of the visitor."""
        return zone_of(self._renderer.zone(request))

    def narrowing(self, table: PageTable) -> tuple[str, ...]:
        """Return the names of the filters of the view of a table, for a form."""
        return tuple(name for name in self._views[table.view].filters if name != "key")

    def ask(self, name: str, filters: Filters) -> ViewAnswer[Struct]:
        """Ask a view by its name, without the filters that it does not have."""
        view = self._views[name]
        return self._ask(view, fit(view, filters))

    def problem(self, request: Request, visitor: Visitor, key: str) -> Response:
        """Answer that there is no such thing, with status 404."""
        return self._renderer.page(request, "problem", visitor, {"key": key, "detail": ""}, 404)

    def window(self) -> Window:
        """The last 30 complete report days."""
        (found,) = self.ask("window", Filters()).rows
        return Window(**asdict(found))

    def filters(
        self, request: Request, visitor: Visitor, own: Collection[str] = (), *, is_live: bool = False
    ) -> Filters:
        """The filters of the address. Where it names no days, the days are the window, up to the present if `is_live`;
        where it names no zone, the zone is the visitor's. The scope is the visitor's, whatever the address says.

        `own` are parameters that are the page's, not the question's.
        """
        filters = read_filters([each for each in request.query_params.multi_items() if each[0] not in own])
        zone_of(filters.zone)
        filters = replace(filters, zone=self._renderer.zone(request))
        if filters.since is None and filters.until is None and not filters.key:
            window = self.window()
            filters = replace(filters, since=window.since, until=None if is_live else window.until)
        return visible_to(visitor, filters)

    def part(self, request: Request, table: PageTable, filters: Filters, *, rows: int = TOP_ROWS) -> FilledTable:
        """A table filled with what the question answers; filters that it does not have are left away.

        Only one of `ROWS` rows, a page's first, leads on to the rows that follow.
        """
        view = self._views[table.view]
        fitting = fit(view, replace(filters, limit=rows))
        found = self._ask(view, fitting)
        query = address(fitting)
        after = ""
        if found.after and rows == ROWS:
            after = f"{request.url.path}?{address(replace(fitting, after=found.after))}"
        return FilledTable(
            table,
            list(found.rows),
            after,
            f"/csv/{view.name}.csv?{query}",
            f"/api/v1/{view.name}?{query}",
        )

    def show(
        self,
        request: Request,
        visitor: Visitor,
        name: str,
        filters: Filters,
        values: Mapping[str, object],
        *,
        is_live: bool = False,
    ) -> Response:
        """A page with a form of filters on top; the days of a page that is live have no end."""
        last = self.window().until
        until = None if is_live else last
        spans = [(days, window_to(last, days).since) for days in SPANS]
        shown = {
            "filters": filters,
            "spans": [
                (
                    days,
                    address(replace(filters, since=since, until=until, after="")),
                    (filters.since, filters.until) == (since, until),
                )
                for days, since in spans
            ],
            "link": link,
        }
        return self._renderer.page(request, name, visitor, shown | dict(values))

    # Pages

    def _tables(self, name: str, parts: tuple[PageTable, ...]) -> Work:
        def work(request: Request, visitor: Visitor, _form: Form) -> Response:
            first, *rest = parts
            is_live = first.view in LIVE
            filters = self.filters(request, visitor, is_live=is_live)
            filled = [self.part(request, first, filters, rows=ROWS)]
            others = replace(filters, after="")
            filled += [self.part(request, table, others) for table in rest]
            fields = self._views[first.view].filters
            values = {"key": f"menu.{name}", "parts": filled, "fields": fields}
            return self.show(request, visitor, "table_page", filters, values, is_live=is_live)

        return work

    def _raw(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        """As a file, never as a page: it is what strangers wrote."""
        filters = self.filters(request, visitor)
        found = self._ask(self._views["raw"], fit(self._views["raw"], filters))
        if not found.rows:
            return self._renderer.page(request, "problem", visitor, {"key": "problem.no_raw", "detail": ""}, 404)
        row = asdict(found.rows[0])
        fields = {"Content-Disposition": f'attachment; filename="{row["raw_digest"]}.bin"'}
        content = row["content"] or row["text"].encode()
        return Response(content, media_type="application/octet-stream", headers=fields)

    # For programs and spreadsheets

    def _json(self, view: View) -> Work:
        def work(request: Request, visitor: Visitor, _form: Form) -> Response:
            filters = visible_to(visitor, read_filters(request.query_params.multi_items()))
            return rows_response(self._ask(view, filters))

        return work

    def _csv(self, view: View) -> Work:
        def work(request: Request, visitor: Visitor, _form: Form) -> Response:
            filters = self.filters(request, visitor, is_live=view.name in LIVE)
            filters = fit(view, replace(filters, limit=MAX_PAGE_ROWS, after=""))
            rows = list(self._all(view, filters))
            fields = {"Content-Disposition": f'attachment; filename="{csv_name(view, filters)}"'}
            return Response(as_csv(rows, view.row), media_type="text/csv; charset=utf-8", headers=fields)

        return work

    def _all(self, view: View, filters: Filters) -> Iterable[Struct]:
        for _ in range(MAX_CSV_ROWS // MAX_PAGE_ROWS):
            found: ViewAnswer[Struct] = self._ask(view, filters)
            yield from found.rows
            if not found.after:
                return
            filters = replace(filters, after=found.after)
        raise ParseError(f"{view.name}: more than {MAX_CSV_ROWS:,} rows; choose fewer days, or one domain")


def visible_to(visitor: Visitor, filters: Filters) -> Filters:
    """Return filters with the scope and the rights of the visitor, whatever the request had."""
    return replace(filters, scope=visitor.domains, personal=visitor.role.may(Role.EDITOR))


def csv_name(view: View, filters: Filters) -> str:
    """The name of a file with the answer of a question, with the first and the last day of its rows."""
    return "_".join([view.name, *(day.isoformat() for day in (filters.since, filters.until) if day)]) + ".csv"


def fit(view: View, filters: Filters) -> Filters:
    """Return filters without those that a view does not have: the tables of one page differ in them."""
    unknown = dict[str, str | None]()
    for name in NARROWING:
        if name not in view.filters:
            unknown[name] = None if name in ("since", "until") else ""
    return replace(filters, **unknown)


def address(filters: Filters) -> str:
    """Return the query of the address of a page with these filters. The scope is never in it."""
    chosen = {SPELLED[name]: getattr(filters, name) for name in (*NARROWING, "after")}
    if filters.zone != Filters().zone:
        chosen["zone"] = filters.zone
    return urlencode({name: value for name, value in chosen.items() if value})


def link(row: Struct, column: str, filters: Filters) -> str:
    """Return the address that a cell leads to, or an empty text."""
    found = getattr(row, column, "")
    days = Filters(since=filters.since, until=filters.until, zone=filters.zone)
    if not found:
        return ""
    if column == "domain":
        return f"/domain?{address(replace(days, domain=found))}"
    if column == "reporter":
        return f"/reports?{address(replace(days, reporter=found))}"
    if column == "source_ip":
        return f"/sources?{address(replace(days, source=found))}"
    return f"/report?{address(Filters(key=found, zone=filters.zone))}" if column == "report_key" else ""
