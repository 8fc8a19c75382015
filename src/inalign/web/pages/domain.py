"""The page of a domain: how its own mail fares, what stands in the way, who sends, and what is published."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import asdict, replace

from inalign.assessment.record_views import LookedUpRow
from inalign.charts.model import ChartColumn, ColumnChart, Mark, Series, day_columns
from inalign.insight.overview import OverviewRow
from inalign.insight.record_history import changes_of
from inalign.insight.rows import FindingRow, PlanRow
from inalign.insight.texts import Catalogue, catalogue
from inalign.store.queries.countries import CountryRow
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.queries.published import PublishedRow, RecordHistoryRow
from inalign.web import tables
from inalign.web.access.visitor import Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.pages.base import TOP_ROWS, FilledTable, ViewPages, address
from inalign.web.pages.incidents import OnTopIncidents
from inalign.web.pages.plan_card import REACHED, make_card, sentence
from inalign.web.pages.records import ShownRecords, shown
from inalign.web.pages.sender_tree import make_tree
from inalign.web.rendering import Form, Renderer, go
from inalign.web.words import Words
from inalign.web.world import countries, country_name, shade

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

OWN = ("show", "of")
"""Parameters of the address that are this page's: count or percent, of classes or outcomes."""
SERIES = {
    "classes": ("authenticated", "forwarded", "failing", "unwanted"),
    "outcomes": ("none", "quarantine", "reject"),
}
COUNTRIES = 12
"""Of the table beside the map; all of them are in its CSV."""


class Land(Struct, frozen=True):
    """A country of the map and of the table beside it."""

    name: str
    row: CountryRow
    kind: str
    """What most of it is: own, forwarded, unwanted."""
    shade: int
    x: str
    y: str
    path: str


class DomainPage:
    """Answers the page of a domain."""

    def __init__(self, renderer: Renderer, pages: ViewPages, endpoints: Endpoints, on_top: OnTopIncidents) -> None:
        self._renderer = renderer
        self._pages = pages
        self._endpoints = endpoints
        self._on_top = on_top

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [self._endpoints.route("/domain", self._domain)]

    def _domain(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        asked = self._pages.filters(request, visitor, OWN)
        if not asked.domain:
            return go("/domains")
        filters = replace(asked, after="", source="", reporter="", domain=asked.domain.lower().rstrip("."))
        overview = self._part(request, tables.OVERVIEW, filters)
        row = next((each for each in overview.rows if isinstance(each, OverviewRow)), None)
        if row is not None and row.domain != filters.domain:
            return go(f"/domain?{address(replace(filters, domain=row.domain))}")
        t = self._renderer.words(request)
        say = catalogue(t.language)
        meant = replace(filters, since=None, until=None)
        published = self._part(request, tables.PUBLISHED, meant)
        looked_up = self._part(request, tables.LOOKED_UP, meant)
        records = shown(
            filters.domain,
            [each for each in looked_up.rows if isinstance(each, LookedUpRow)],
            [each for each in published.rows if isinstance(each, PublishedRow)],
        )
        reporters = self._part(request, tables.REPORTERS, filters)
        values: dict[str, object] = {
            "domain": filters.domain,
            "row": row,
            "on_top": self._on_top(request, visitor, filters.domain),
            "records": records,
            "published": published,
            "looked_up": looked_up,
            "impact": tuple(REACHED),
            "findings": self._findings(request, meant, say),
            "subdomains": self._pages.part(request, tables.SUBDOMAINS, filters),
            "reporters": replace(reporters, rows=reporters.rows[:TOP_ROWS]),
            "tree": make_tree(self._pages.ask, filters, t, say),
        }
        values |= self._days(request, filters, t) | self._lands(request, filters, t)
        values |= self._plan(request, meant, records, row, say)
        if row is not None:
            values["said"] = sentence(row, self._renderer.shower(request).share(row.own_percent), t)
        return self._pages.show(request, visitor, "domain", filters, values)

    def _part(self, request: Request, table: tables.PageTable, filters: Filters) -> FilledTable:
        """Return a table with all rows."""
        return self._pages.part(request, table, filters, rows=MAX_PAGE_ROWS)

    def _days(self, request: Request, filters: Filters, t: Words) -> dict[str, object]:
        """The days in classes and in outcomes, drawn and as numbers."""
        parts = {
            "classes": self._part(request, tables.CLASS_DAYS, filters),
            "outcomes": self._part(request, tables.OUTCOME_DAYS, filters),
        }
        # A visitor who may see only a part of an assessed domain sees no classes.
        of = "classes" if parts["classes"].rows and request.query_params.get("of") != "outcomes" else "outcomes"
        percent = request.query_params.get("show") == "percent"
        history = self._pages.ask("record-history", replace(filters, since=None, until=None, limit=MAX_PAGE_ROWS))
        found = [
            row.change for row in history.rows if isinstance(row, RecordHistoryRow) and row.domain == filters.domain
        ]
        marks = {each.day: t("chart.changed", day=each.day, record=each.after) for each in changes_of(found)}
        charts = {name: _chart(parts[name], SERIES[name], marks, filters, t, percent=percent) for name in SERIES}
        base = address(filters)
        return {
            "chart": charts[of],
            "day_charts": charts,
            "of": of,
            "days": list(parts.values()),
            "switches": {
                (name, shape): f"/domain?{base}&{urlencode({'of': name, 'show': shape})}"
                for name in SERIES
                for shape in ("count", "percent")
            },
        }

    def _plan(
        self, request: Request, meant: Filters, records: ShownRecords, row: OverviewRow | None, say: Catalogue
    ) -> dict[str, object]:
        """Return the card of the plan, which does not depend on the days that are shown."""
        if row is None:
            return {"card": None, "plan_json": ""}
        plans = self._part(request, tables.PLAN, meant)
        plan = next((each for each in plans.rows if isinstance(each, PlanRow)), None)
        return {
            "card": make_card(plan, row.policy, records.np, say, testing=row.testing) if plan else None,
            "plan_json": plans.json,
        }

    def _findings(self, request: Request, meant: Filters, say: Catalogue) -> tuple[str, ...]:
        part = self._part(request, tables.FINDINGS, meant)
        rows = [each for each in part.rows if isinstance(each, FindingRow)]
        return tuple(say.say("finding", each.code, asdict(each)) for each in rows)

    def _lands(self, request: Request, filters: Filters, t: Words) -> dict[str, object]:
        """Return the countries of the map and of the table next to it."""
        part = self._part(request, tables.COUNTRIES, filters)
        rows = [each for each in part.rows if isinstance(each, CountryRow)]
        most = max((each.messages for each in rows), default=1)
        lands = [_land(each, most, t) for each in rows]
        return {"lands": lands, "land_rows": lands[:COUNTRIES], "countries": part}


def _chart(
    part: FilledTable, names: tuple[str, ...], marks: dict[date, str], filters: Filters, t: Words, *, percent: bool
) -> ColumnChart:
    """Make the chart of the days of a table; a column leads to the senders of its day."""
    rows = [(row["day"], [row[name] for name in names]) for row in map(asdict, part.rows)]
    days = day_columns(rows, (filters.since, filters.until))
    query = {"domain": filters.domain, "zone": filters.zone} if filters.zone != "UTC" else {"domain": filters.domain}
    return ColumnChart(
        title=t("chart.said"),
        series=tuple(Series(name, t(f"chart.{name}")) for name in names),
        columns=tuple(ChartColumn(day.isoformat(), counts) for day, counts in days),
        percent=percent,
        marks=tuple(Mark(place, marks[day]) for place, (day, _) in enumerate(days) if day in marks),
        link=f"/sources?{urlencode(query)}&since={{}}&until={{}}",
    )


def _land(row: CountryRow, most: int, t: Words) -> Land:
    parts = {"own": row.own + row.approved, "forwarded": row.forwarded, "unwanted": row.unwanted}
    known = countries().get(row.country)
    return Land(
        country_name(row.country, t.language, t("place.unknown")),
        row,
        max(parts, key=lambda name: parts[name]),
        shade(row.messages / most),
        *(known[1:] if known else ("", "", "")),
    )
