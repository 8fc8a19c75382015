"""Incidents: what changed for the worse, what was, and whether those who are told of it hear it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlencode

from inalign.alerts.words import one_line, sentence_of, where_of
from inalign.errors import ParseError
from inalign.insight.texts import Catalogue, catalogue
from inalign.store.state.accounts import Domains, Role
from inalign.store.state.control import Control
from inalign.store.state.incidents import DAY, Incident, acknowledge, incidents, is_in, mute, open_incidents
from inalign.store.state.outbox import channels
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.rendering import Form, Renderer, go

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

MAX_CLOSED = 100
"""Of those that are over, on the page; the newest."""
MUTE_DAYS = (7, 30, 90)
ON_TOP = 4
"""On top of other pages; the rest is a click away."""


class IncidentView(NamedTuple):
    """An incident in the words of a visitor."""

    number: int
    state: str
    domain: str
    where: str
    sentence: str
    link: str
    """The page that tells more; empty: none does."""
    incident: Incident


class OnTop(NamedTuple):
    """What stands on top of other pages."""

    lines: list[IncidentView]
    more: int
    """How many there are besides."""


class OnTopIncidents(Protocol):
    """What other pages show them with."""

    def __call__(self, request: Request, visitor: Visitor, domain: str = "") -> OnTop:
        """Those of a domain, or all that the visitor may see."""


def open_lines(control: Control, domains: Domains, now: float, say: Catalogue) -> list[IncidentView]:
    """What somebody should look at, for the top of other pages; the newest first. Raises `ControlError`."""
    return list(_shown(open_incidents(control, domains, now), now, say))


def _shown(found: Iterable[Incident], now: float, say: Catalogue) -> Iterable[IncidentView]:
    for each in found:
        link = f"/domain?{urlencode({'domain': each.domain})}" if each.domain else "/intake"
        where, sentence = where_of(each.domain, say), sentence_of(each, say)
        yield IncidentView(each.number, each.state(now), each.domain, where, sentence, link, each)


class IncidentsPage:
    """Answers the page of incidents."""

    def __init__(self, gate: Authenticator, renderer: Renderer, endpoints: Endpoints, control: Control) -> None:
        self._gate = gate
        self._renderer = renderer
        self._endpoints = endpoints
        self._control = control

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        route = self._endpoints.route
        return [
            route("/incidents", self._incidents),
            route("/incidents/change", self._change, role=Role.EDITOR, post=True),
        ]

    def on_top(self, request: Request, visitor: Visitor, domain: str = "") -> OnTop:
        """What somebody should look at, of a domain or of all that the visitor may see."""
        domains = visitor.domains if not domain else (domain,) if is_in(domain, visitor.domains) else ()
        found = open_lines(
            self._control, domains, self._gate.clock(), catalogue(self._renderer.words(request).language)
        )
        return OnTop(found[:ON_TOP], len(found) - len(found[:ON_TOP]))

    def _incidents(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        now = self._gate.clock()
        say = catalogue(self._renderer.words(request).language)
        found = list(_shown(incidents(self._control, visitor.domains), now, say))
        values = {
            "now_open": [each for each in found if each.state != "closed"],
            "over": [each for each in found if each.state == "closed"][:MAX_CLOSED],
            # Who is told, and how that fares, tells of all domains.
            "channels": channels(self._control) if visitor.domains is None else [],
            "everything": visitor.domains is None,
            "mute_days": MUTE_DAYS,
            "may_change": bool(visitor.name) and visitor.role.may(Role.EDITOR),
        }
        return self._renderer.page(request, "incidents", visitor, values)

    def _change(self, request: Request, visitor: Visitor, form: Form) -> Response:
        number = _number(form.text("number"))
        known = {each.number: each for each in incidents(self._control)}
        if number not in known or not is_in(known[number].domain, visitor.domains):
            raise ParseError("there is no such incident")
        what = form.text("do")
        if what == "acknowledge":
            acknowledge(self._control, number, visitor.name, visitor.domains)
        elif what == "unmute":
            mute(self._control, number, 0.0, visitor.domains)
        elif what == "mute" and _number(form.text("days")) in MUTE_DAYS:
            until = self._gate.clock() + _number(form.text("days")) * DAY
            mute(self._control, number, until, visitor.domains)
        else:
            raise ParseError("do: acknowledge, mute or unmute")
        each = known[number]
        about = one_line(f"{number} {each.code} {each.domain} {each.subject}")
        self._gate.note(request, visitor.name, f"incident: {what}", about)
        return go("/incidents")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ParseError("number: digits")
    return int(text)
