"""The pages that show what reports and the milter tell: each asks the questions that the API and the CLI ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import asdict, replace
from starlette.responses import JSONResponse, Response

from inalign.errors import ParseError
from inalign.insight.rows import JudgedSource, PlanRow
from inalign.insight.texts import catalogue
from inalign.store.accounts import Role
from inalign.store.queries.filters import MAX_PAGE_ROWS, NARROWING, Filters
from inalign.store.queries.spreadsheet import as_csv
from inalign.store.queries.view import Answer, View
from inalign.web import tables
from inalign.web.access import Gate, Visitor
from inalign.web.api import Ask, read_filters, rows_response
from inalign.web.description import openapi
from inalign.web.endpoint import Endpoints, Work
from inalign.web.judged import make_badges, make_card
from inalign.web.rendering import Form, Place, Renderer, go
from inalign.web.tables import Table

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

SPAN_DAYS = 30
"""Shown where no days are chosen."""
SPANS = (7, 30, 90, 365)
ROWS = 100
"""Of a table of a page; the rest is a click away."""
TOP_ROWS = 20
"""Of a table that is one of several."""
MAX_CSV_ROWS = 100_000
"""Of a file; more are had by narrower questions."""

MENU = (
    Place("/domains", "menu.domains"),
    Place("/sources", "menu.sources"),
    Place("/reporters", "menu.reporters"),
    Place("/reports", "menu.reports"),
    Place("/failures", "menu.failures"),
    Place("/tls", "menu.tls"),
    Place("/intake", "menu.intake"),
    Place("/milter", "menu.milter"),
)


class Part(Struct, frozen=True):
    """A table, filled."""

    table: Table
    rows: list[Struct]
    columns: tuple[str, ...]
    after: str
    """The address of the page with the rows that follow, or nothing."""
    csv: str
    json: str


class ViewPages:
    """Makes them."""

    def __init__(
        self, gate: Gate, renderer: Renderer, endpoints: Endpoints, ask: Ask, views: Mapping[str, View]
    ) -> None:
        self._gate = gate
        self._renderer = renderer
        self._endpoints = endpoints
        self._ask = ask
        self._views = views

    def routes(self) -> list[Route]:
        """All of them."""
        route = self._endpoints.route
        return [
            route("/", lambda _request, _visitor, _form: go("/domains")),
            route("/domains", self._domains),
            route("/domain", self._domain),
            route("/report", self._report),
            route("/raw", self._raw),
            *(route(f"/{name}", self._tables(name, parts)) for name, parts in tables.PAGES.items()),
            *(route(f"/csv/{view.name}.csv", self._csv(view)) for view in self._views.values() if view.name != "raw"),
            *(route(f"/api/v1/{view.name}", self._json(view)) for view in self._views.values()),
            route("/api/v1/openapi.json", lambda _request, _visitor, _form: JSONResponse(openapi(self._views))),
        ]

    def today(self, request: Request) -> date:
        """Now, where the visitor is."""
        zone = ZoneInfo(self._renderer.zone(request))
        return datetime.fromtimestamp(self._gate.clock(), UTC).astimezone(zone).date()

    def filters(self, request: Request, visitor: Visitor) -> Filters:
        """Those of the address; the last days where it names none. The scope is the visitor's, whatever it says."""
        filters = read_filters(request.query_params.multi_items())
        if filters.since is None and filters.until is None and not filters.key:
            filters = replace(filters, since=self.today(request) - timedelta(SPAN_DAYS))
        return seen_by(visitor, filters)

    def part(self, request: Request, table: Table, filters: Filters, *, rows: int = TOP_ROWS) -> Part:
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
        return Part(
            table,
            list(found.rows),
            table.columns,
            after,
            f"/csv/{view.name}.csv?{query}",
            f"/api/v1/{view.name}?{query}",
        )

    def show(
        self, request: Request, visitor: Visitor, name: str, filters: Filters, values: Mapping[str, object]
    ) -> Response:
        """A page with a form of filters on top."""
        today = self.today(request)
        shown = {
            "filters": filters,
            "spans": [
                (days, address(replace(filters, since=today - timedelta(days), until=None, after=""))) for days in SPANS
            ],
            "value": tables.value,
            "bars": tables.BARS,
            "shares": tables.SHARES,
            "numbers": tables.NUMBERS,
            "link": link,
        }
        return self._renderer.page(request, name, visitor, shown | dict(values))

    # Pages

    def _tables(self, name: str, parts: tuple[Table, ...]) -> Work:
        def work(request: Request, visitor: Visitor, _form: Form) -> Response:
            filters = self.filters(request, visitor)
            first, *rest = parts
            filled = [self.part(request, first, filters, rows=ROWS)]
            others = replace(filters, after="")
            filled += [self.part(request, table, others) for table in rest]
            fields = self._views[first.view].filters
            values = {"key": f"menu.{name}", "parts": filled, "fields": fields}
            return self.show(request, visitor, "tables", filters, values)

        return work

    def _domains(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self.filters(request, visitor)
        part = self.part(request, tables.DOMAINS, filters, rows=1_000)
        part = replace(part, rows=tables.worst_first(part.rows))
        values = {"key": "menu.domains", "parts": [part], "fields": self._views["domains"].filters}
        return self.show(request, visitor, "tables", filters, values)

    def _domain(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self.filters(request, visitor)
        if not filters.domain:
            return go("/domains")
        own = self.part(request, tables.DOMAINS, replace(filters, after=""), rows=1_000)
        days = self.part(request, tables.DAYS, replace(filters, after=""), rows=1_000)
        parts = [self.part(request, table, replace(filters, after="")) for table in (tables.SENDERS, tables.SUBDOMAINS)]
        reporters = self.part(request, tables.REPORTERS, replace(filters, after=""), rows=1_000)
        sums = {name: sum(getattr(row, name) for row in own.rows) for name in ("messages", "passed", "reports")}
        of_it = [row for row in own.rows if asdict(row)["domain"] == filters.domain.lower().rstrip(".")]
        values = {
            "domain": filters.domain,
            "policy": asdict(of_it[0])["policy"] if of_it else "",
            "sums": sums,
            "reporters": len(reporters.rows),
            "days": days,
            "parts": [*parts, replace(reporters, rows=reporters.rows[:TOP_ROWS])],
            "fields": ("domain", "since", "until", "source", "reporter"),
        }
        return self.show(request, visitor, "domain", filters, values | self._judged(request, filters))

    def _judged(self, request: Request, filters: Filters) -> dict[str, object]:
        """The plan and the classes of the senders, from all that is known, whichever days are shown."""
        say = catalogue(self._renderer.words(request).language)
        meant = Filters(domain=filters.domain, scope=filters.scope, limit=MAX_PAGE_ROWS)
        plans = self._ask(self._views["plan"], meant).rows
        sources = self._ask(self._views["sources"], meant).rows if plans else ()
        card = next((make_card(row, say) for row in plans if isinstance(row, PlanRow)), None)
        badges = make_badges((row for row in sources if isinstance(row, JudgedSource)), say)
        query = address(meant)
        return {"card": card, "value": tables.judged_value(badges), "plan_json": f"/api/v1/plan?{query}"}

    def _report(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self.filters(request, visitor)
        view = self._views["report"]
        found = self._ask(view, fit(view, replace(filters, limit=ROWS)))
        if not found.rows:
            return self._renderer.page(request, "problem", visitor, {"key": "problem.no_report", "detail": ""}, 404)
        detail = asdict(found.rows[0])
        after = f"/report?{address(Filters(key=filters.key, after=found.after))}" if found.after else ""
        query = address(Filters(key=filters.key))
        part = Part(tables.RECORDS, list(detail["rows"]), tables.RECORDS.columns, after, "", f"/api/v1/report?{query}")
        return self.show(request, visitor, "report", filters, {"report": detail, "parts": [part], "query": query})

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
            filters = seen_by(visitor, read_filters(request.query_params.multi_items()))
            return rows_response(self._ask(view, filters))

        return work

    def _csv(self, view: View) -> Work:
        def work(request: Request, visitor: Visitor, _form: Form) -> Response:
            filters = fit(view, replace(self.filters(request, visitor), limit=MAX_PAGE_ROWS, after=""))
            rows = list(self._all(view, filters))
            fields = {"Content-Disposition": f'attachment; filename="{view.name}.csv"'}
            return Response(as_csv(rows, view.row), media_type="text/csv; charset=utf-8", headers=fields)

        return work

    def _all(self, view: View, filters: Filters) -> Iterable[Struct]:
        for _ in range(MAX_CSV_ROWS // MAX_PAGE_ROWS):
            found: Answer[Struct] = self._ask(view, filters)
            yield from found.rows
            if not found.after:
                return
            filters = replace(filters, after=found.after)
        raise ParseError(f"{view.name}: more than {MAX_CSV_ROWS:,} rows; choose fewer days, or one domain")


def seen_by(visitor: Visitor, filters: Filters) -> Filters:
    """With what the visitor may see, whatever the question said: nothing else makes them his."""
    return replace(filters, scope=visitor.domains, personal=visitor.role.may(Role.EDITOR))


def fit(view: View, filters: Filters) -> Filters:
    """Without the filters that the question does not have: the tables of one page differ in them."""
    unknown = dict[str, str | None]()
    for name in NARROWING:
        if name not in view.filters:
            unknown[name] = None if name in ("since", "until") else ""
    return replace(filters, **unknown)


def address(filters: Filters) -> str:
    """The query of an address; the scope is never in it."""
    chosen = {name: getattr(filters, name) for name in (*NARROWING, "after")}
    return urlencode({name: value for name, value in chosen.items() if value})


def link(row: Struct, column: str, filters: Filters) -> str:
    """Where a cell leads."""
    found = getattr(row, column, "")
    kept = Filters(since=filters.since, until=filters.until)
    if not found:
        return ""
    if column == "domain":
        return f"/domain?{address(replace(kept, domain=found))}"
    if column == "reporter":
        return f"/reports?{address(replace(kept, reporter=found))}"
    if column == "source_ip":
        return f"/sources?{address(replace(kept, source=found))}"
    return f"/report?{address(Filters(key=found))}" if column == "report_key" else ""
