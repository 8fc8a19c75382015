"""One report: what it says of itself, the policy that its sender saw beside what others saw, its records, what was
mended while reading, and the text itself, as text.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace

from inalign.store.queries.filters import Filters
from inalign.store.queries.published import PublishedRow
from inalign.store.queries.reports import RawRow, ReportDetail
from inalign.web.access.visitor import Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.pages.base import ROWS, ViewPages, address
from inalign.web.pages.sender_tree import query_of
from inalign.web.raw_report import RawDocument, documents
from inalign.web.rendering import Form

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

NEAR = timedelta(days=30)


class ReportedPolicy(Struct, frozen=True):
    """A policy, and who saw it when."""

    record: str
    is_this: bool
    reporters: int = 0
    reports: int = 0
    first_day: object = ""
    last_day: object = ""


class ReportPage:
    """Answers the page of a report."""

    def __init__(self, views: ViewPages, endpoints: Endpoints) -> None:
        self._views = views
        self._endpoints = endpoints

    def routes(self) -> list[Route]:
        """The page alone; `/raw` is with the other downloads."""
        return [self._endpoints.route("/report", self._report)]

    def _report(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self._views.filters(request, visitor)
        found = self._views.ask("report", replace(filters, limit=ROWS))
        report = next((row for row in found.rows if isinstance(row, ReportDetail)), None)
        if report is None:
            return self._views.problem(request, visitor, "problem.no_report")
        query = address(Filters(key=filters.key, zone=filters.zone))
        behind = address(Filters(key=filters.key, zone=filters.zone, after=found.after))
        # The source as it was about then: what is old is not among the last days.
        near = Filters(domain=report.domain, since=report.day - NEAR, until=report.day, zone=filters.zone)
        values = {
            "report": asdict(report),
            "rows": [
                (each, query_of(replace(near, source=each.source_ip)) if each.source_ip else "") for each in report.rows
            ],
            "after": f"/report?{behind}" if found.after else "",
            "query": query,
            "policies": self._policies(report, filters),
            "documents": self._documents(filters) if visitor.domains is None else [],
        }
        return self._views.show(request, visitor, "report", filters, values)

    def _policies(self, report: ReportDetail, filters: Filters) -> list[ReportedPolicy]:
        """This report's policy first, then what the others saw of the domain itself."""
        if report.kind != "aggregate":
            return []
        found = [ReportedPolicy(str(report.record) if report.p else "", True)]
        asked = Filters(domain=report.domain, scope=filters.scope, zone=filters.zone)
        for row in self._views.ask("published", asked).rows:
            if isinstance(row, PublishedRow) and row.domain == report.domain:
                days = (row.first_day, row.last_day)
                found.append(ReportedPolicy(str(row.record), False, row.reporters, row.reports, *days))
        return found

    def _documents(self, filters: Filters) -> list[RawDocument]:
        """What was delivered, unpacked; nothing where it is hidden from the visitor, or not kept any more."""
        row = next(iter(self._views.ask("raw", filters).rows), None)
        if not isinstance(row, RawRow):
            return []
        return documents(row.content or row.text.encode(), row.name)
