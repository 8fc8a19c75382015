"""The weekly or monthly report for people, as a page that prints well, and as PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response

from inalign.insight.period import Period, PeriodKind, last_whole, parse_period, period_of
from inalign.store.state.control import Control
from inalign.store.state.summaries import sent_summaries
from inalign.summary.collect import Ask, summarize
from inalign.summary.document import SummaryDocument, make_document
from inalign.summary.html import body
from inalign.summary.pdf import PdfError, make_pdf
from inalign.summary.words import words_of
from inalign.web.access.visitor import Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.pages.base import ViewPages
from inalign.web.rendering import Form, Renderer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route


class SummaryPage:
    """Answers the summary, as a page and as PDF."""

    def __init__(
        self,
        pages: ViewPages,
        renderer: Renderer,
        endpoints: Endpoints,
        ask: Ask,
        control: Control,
    ) -> None:
        self._pages = pages
        self._renderer = renderer
        self._endpoints = endpoints
        self._ask = ask
        self._control = control

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            self._endpoints.route("/summary", self._page),
            self._endpoints.route("/summary.pdf", self._pdf),
        ]

    def _page(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        domain, period = self._asked(request)
        today = self._pages.today(request)
        other = PeriodKind.MONTH if period.kind is PeriodKind.WEEK else PeriodKind.WEEK
        values = {
            "body": body(self._document(request, visitor, domain, period)),
            "domain": domain,
            "period": period,
            "before": _address(domain, period.before),
            "after": _address(domain, period.after) if period.until < today else "",
            "other": _address(domain, min(last_whole(today, other), period_of(period.until, other))),
            "other_kind": str(other),
            "pdf": f"/summary.pdf?{_query(domain, period)}",
            # Who else gets reports, and about what, is for those who see all domains.
            "sent": sent_summaries(self._control) if visitor.domains is None else (),
        }
        return self._renderer.page(request, "summary", visitor, values)

    def _pdf(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        domain, period = self._asked(request)
        try:
            made = make_pdf(self._document(request, visitor, domain, period))
        except PdfError as problem:
            values = {"key": "problem.no_pdf", "detail": str(problem)}
            return self._renderer.page(request, "problem", visitor, values, 501)
        fields = {"Content-Disposition": f'attachment; filename="inalign-{period.name}.pdf"'}
        return Response(made, media_type="application/pdf", headers=fields)

    def _asked(self, request: Request) -> tuple[str, Period]:
        """Raises `ParseError`. Without a period: the last whole month."""
        parameters = request.query_params
        name = parameters.get("period", "")
        period = parse_period(name) if name else last_whole(self._pages.today(request), PeriodKind.MONTH)
        return parameters.get("domain", "").strip(), period

    def _document(self, request: Request, visitor: Visitor, domain: str, period: Period) -> SummaryDocument:
        found = summarize(
            self._ask,
            (domain,) if domain else (),
            period,
            zone=self._renderer.zone(request),
            today=self._pages.today(request),
            scope=visitor.domains,
        )
        return make_document(found, words_of(self._renderer.words(request).language))


def _query(domain: str, period: Period) -> str:
    return urlencode({"domain": domain, "period": period.name} if domain else {"period": period.name})


def _address(domain: str, period: Period) -> str:
    return f"/summary?{_query(domain, period)}"
