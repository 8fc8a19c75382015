"""The intake: sources of reports, what could not be read and may be read again, reporters that fell silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace
from starlette.responses import Response

from inalign.errors import ParseError
from inalign.spool.deliveries import QuarantineReason, Refused, Spool
from inalign.store.queries.csv_text import as_csv
from inalign.store.queries.health import HealthRow
from inalign.store.queries.view import ViewAnswer
from inalign.store.state.accounts import Role
from inalign.store.state.control import Control
from inalign.store.state.intake_sources import SourceRecord
from inalign.web import tables
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.api import rows_response
from inalign.web.endpoint import Endpoints, Work
from inalign.web.pages.base import ViewPages
from inalign.web.rendering import Form, go

if TYPE_CHECKING:
    from msgspec import Struct
    from starlette.requests import Request
    from starlette.routing import Route

MAX_SHOWN = 200
"""Items of the quarantine on the page; the newest."""


class IntakePage:
    """Answers the page of the intake."""

    def __init__(
        self, gate: Authenticator, views: ViewPages, endpoints: Endpoints, control: Control, spool: Spool
    ) -> None:
        self._gate = gate
        self._views = views
        self._endpoints = endpoints
        self._control = control
        self._spool = spool

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            self._endpoints.route("/intake", self._intake),
            self._endpoints.route("/intake/again", self._again, role=Role.EDITOR, post=True),
            *(self._endpoints.route(f"/{kind}/{name}", work) for kind, name, work in self._twins()),
        ]

    def _intake(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = replace(self._views.filters(request, visitor, is_live=True), after="")
        parts = [
            self._views.part(request, table, filters) for table in (tables.HEALTH, tables.FORGED, tables.CONFLICTS)
        ]
        # What nobody could read belongs to no domain: only who may see all of them may see it.
        everything = visitor.domains is None
        sources = self._control.sources() if everything else []
        silent = [row for row in parts[0].rows if isinstance(row, HealthRow) and row.is_silent]
        values = {
            "sources": [(each, _is_over(each)) for each in sources],
            "failing": [each for each in sources if each.phase == "failed"],
            "quarantine": self._refused(visitor)[:MAX_SHOWN],
            "everything": everything,
            "silent": silent,
            "regular": any(isinstance(row, HealthRow) and not row.is_silent for row in parts[0].rows),
            "parts": parts,
            "fields": ("domain", "since", "until", "reporter"),
        }
        return self._views.show(request, visitor, "intake", filters, values, is_live=True)

    def _refused(self, visitor: Visitor) -> list[Refused]:
        """What could not be read, the newest first; what it says of it quotes it, which readers may not see."""
        if visitor.domains is not None:
            return []
        found = list(self._spool.refused())[::-1]
        if visitor.role.may(Role.EDITOR):
            return found
        return [replace(each, reasons=tuple(QuarantineReason(why.code, "") for why in each.reasons)) for each in found]

    def _twins(self) -> Sequence[tuple[str, str, Work]]:
        """The tables that are no questions to the store, for programs and spreadsheets."""

        def sources(visitor: Visitor) -> Sequence[Struct]:
            return self._control.sources() if visitor.domains is None else []

        def twin(rows: Callable[[Visitor], Sequence[Struct]], kind: type[Struct], name: str) -> tuple[Work, Work]:
            def as_json(_request: Request, visitor: Visitor, _form: Form) -> Response:
                return rows_response(ViewAnswer(rows(visitor)))

            def as_file(_request: Request, visitor: Visitor, _form: Form) -> Response:
                fields = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
                return Response(as_csv(rows(visitor), kind), media_type="text/csv; charset=utf-8", headers=fields)

            return as_json, as_file

        found = []
        for name, rows, kind in (("intake", sources, SourceRecord), ("quarantine", self._refused, Refused)):
            as_json, as_file = twin(rows, kind, name)
            found += [("api/v1", name, as_json), ("csv", f"{name}.csv", as_file)]
        return found

    def _again(self, request: Request, visitor: Visitor, form: Form) -> Response:
        if visitor.domains is not None:
            raise ParseError("the quarantine is for those who may see all domains")
        name = form.text("name")
        known = {item.id for item in self._spool.refused()}
        if name not in known:
            raise ParseError("it is not in quarantine any more")
        try:
            self._spool.replay(name)
        except FileNotFoundError:
            raise ParseError("it is not in quarantine any more") from None
        self._gate.note(request, visitor.name, "read again", name)
        return go("/intake")


def _is_over(source: SourceRecord) -> bool:
    """Whether its last error is past."""
    return bool(source.last_success and source.last_error_at and source.last_success > source.last_error_at)
