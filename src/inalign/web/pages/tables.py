"""Pages of what reporters and the milter tell: reporters, subdomains, failures, TLS, the mail server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from inalign.charts.model import ChartColumn, ColumnChart, Series
from inalign.insight.rows import AssessedSource
from inalign.insight.texts import catalogue
from inalign.store.queries.events import FailureRow
from inalign.store.queries.filters import Filters
from inalign.store.queries.milter import MinuteRow
from inalign.store.queries.reports import ReportDetail
from inalign.store.queries.tls import TlsDayRow
from inalign.web import tables
from inalign.web.access.visitor import Visitor
from inalign.web.endpoint import Endpoints, Work
from inalign.web.pages.base import LIVE, ROWS, ViewPages, address, link
from inalign.web.pages.sender_tree import query_of
from inalign.web.rendering import Form
from inalign.web.tables import PageTable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

NEAR = timedelta(days=30)
"""A source is shown as it was about the time of a failure."""
FEW = 10
"""Rows of tables that stand beside a long one."""
MINUTES = 120
"""Of the chart of the mail server: the newest."""
FLAGS = ("late", "flawed", "duplicates", "odd_spans", "silent", "disagrees")
R = TypeVar("R", bound=Struct)

PARTS: Mapping[str, tuple[PageTable, ...]] = {
    "reporters": (tables.QUALITY, tables.OVERRIDES),
    "subdomains": (tables.SUBDOMAINS,),
    "failures": (tables.FAILURE_GROUPS, tables.FAILURES),
    "tls": (tables.TLS_FAILURES, tables.TLS),
    "milter": (tables.RULES, tables.SLOW, tables.EVALUATIONS),
}
LONG = {"milter": 2, "failures": 1}
"""Which of them leads on to the rows that follow; else the first."""


class TablePages:
    """Answers the pages of tables."""

    def __init__(self, views: ViewPages, endpoints: Endpoints) -> None:
        self._views = views
        self._endpoints = endpoints

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        route = self._endpoints.route
        more: dict[str, Callable[[Request, Filters], dict[str, object]]] = {
            "tls": self._tls,
            "milter": self._milter,
            "reporters": lambda _request, _filters: {"flags": FLAGS},
            "failures": lambda _request, _filters: {"link": _to_failure},
        }
        pages = [route(f"/{name}", self._page(name, more.get(name, _nothing))) for name in PARTS]
        return [*pages, route("/failure", self._failure)]

    def _page(self, name: str, more: Callable[[Request, Filters], dict[str, object]]) -> Work:
        def work(request: Request, visitor: Visitor, _form: Form) -> Response:
            is_live = PARTS[name][LONG.get(name, 0)].view in LIVE
            filters = self._views.filters(request, visitor, is_live=is_live)
            others, long = replace(filters, after=""), LONG.get(name, 0)
            parts = [
                self._views.part(request, table, filters if at == long else others, rows=ROWS if at == long else FEW)
                for at, table in enumerate(PARTS[name])
            ]
            values = {
                "name": name,
                "key": f"menu.{name}",
                "parts": parts,
                "fields": self._views.narrowing(PARTS[name][long]),
                **more(request, others),
            }
            return self._views.show(request, visitor, "table_page", filters, values, is_live=is_live)

        return work

    def _tls(self, request: Request, filters: Filters) -> dict[str, object]:
        words = self._views.words(request)
        series = (Series("successful", words("tls.successful")), Series("failed", words("tls.failed")))
        part = self._views.part(request, tables.TLS_DAYS, filters, rows=1_000)
        days = [row for row in part.rows if isinstance(row, TlsDayRow)]
        columns = tuple(ChartColumn(row.day.isoformat(), (row.successful, row.failed)) for row in days)
        base = address(replace(filters, since=None, until=None, after=""))
        link = f"/tls?{base}{'&' if base else ''}since={{}}&until={{}}"
        chart = ColumnChart(title=words("tls.days"), series=series, columns=columns, link=link)
        return {"chart": chart, "numbers_of_chart": part}

    def _milter(self, request: Request, filters: Filters) -> dict[str, object]:
        words = self._views.words(request)
        series = (
            Series("passed", words("column.passed")),
            Series("failed", words("milter.failed")),
            Series("without", words("column.without")),
            Series("errors", words("column.errors")),
        )
        part = self._views.part(request, tables.MINUTES, filters, rows=MINUTES)
        zone = self._views.zone(request)
        rows = [row for row in part.rows if isinstance(row, MinuteRow) and row.minute is not None][::-1]
        columns = tuple(
            ChartColumn(f"{row.minute.astimezone(zone.info):%H:%M}", (row.passed, row.failed, row.without, row.errors))
            for row in rows
            if row.minute is not None
        )
        chart = ColumnChart(title=words("milter.minutes"), series=series, columns=columns)
        return {"chart": chart, "numbers_of_chart": part}

    def _failure(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self._views.filters(request, visitor)
        row = _first(self._views.ask("failure-reports", replace(filters, limit=1)).rows, FailureRow)
        if row is None or not filters.key:
            return self._views.problem(request, visitor, "problem.no_report")
        report = _first(self._views.ask("report", replace(filters, limit=1)).rows, ReportDetail)
        of_it = Filters(domain=row.domain, source=row.source_ip, scope=visitor.domains)
        assessed = _first(self._views.ask("sources", of_it).rows, AssessedSource) if row.source_ip else None
        say = catalogue(self._views.words(request).language)
        values = {
            "failure": asdict(row),
            "report": report,
            "assessed": assessed,
            "word": say.say("class", assessed.source_class) if assessed else "",
            "source_query": query_of(
                Filters(domain=row.domain, source=row.source_ip, since=row.day - NEAR, until=row.day, zone=filters.zone)
            ),
            "redacted": not filters.personal,
            "query": f"key={filters.key}",
        }
        return self._views.show(request, visitor, "failure", filters, values)


def _first(rows: Sequence[Struct], kind: type[R]) -> R | None:
    return next((row for row in rows if isinstance(row, kind)), None)


def _nothing(_request: Request, _filters: Filters) -> dict[str, object]:
    return {}


def _to_failure(row: Struct, column: str, filters: Filters) -> str:
    """A failure report leads to its own page."""
    if column == "arrived_at":
        return f"/failure?{address(Filters(key=getattr(row, 'report_key', ''), zone=filters.zone))}"
    return link(row, column, filters)
