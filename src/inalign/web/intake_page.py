"""The intake: sources of reports, what could not be read and may be read again, reporters that fell silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from inalign.errors import ParseError
from inalign.store.accounts import Role
from inalign.store.control import Control
from inalign.store.spool import Spool
from inalign.web import tables
from inalign.web.access import Gate, Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.rendering import Form, go
from inalign.web.view_pages import ViewPages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

MAX_SHOWN = 200
"""Items of the quarantine on the page; the newest."""


class IntakePage:
    """Makes it."""

    def __init__(self, gate: Gate, views: ViewPages, endpoints: Endpoints, control: Control, spool: Spool) -> None:
        self._gate = gate
        self._views = views
        self._endpoints = endpoints
        self._control = control
        self._spool = spool

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            self._endpoints.route("/intake", self._intake),
            self._endpoints.route("/intake/again", self._again, role=Role.EDITOR, post=True),
        ]

    def _intake(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = replace(self._views.filters(request, visitor), after="")
        parts = [
            self._views.part(request, table, filters) for table in (tables.HEALTH, tables.FORGED, tables.CONFLICTS)
        ]
        # What nobody could read belongs to no domain: only who may see all of them may see it.
        everything = visitor.domains is None
        values = {
            "sources": self._control.sources() if everything else [],
            "quarantine": list(self._spool.refused())[-MAX_SHOWN:][::-1] if everything else [],
            "everything": everything,
            "parts": parts,
            "fields": ("domain", "since", "until", "reporter"),
        }
        return self._views.show(request, visitor, "intake", filters, values)

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
