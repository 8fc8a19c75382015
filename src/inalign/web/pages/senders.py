"""Who sends: the tree of senders of a domain or of all, one address whole, and its class set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from msgspec.structs import replace

from inalign.assessment.source_view import SourceDetail
from inalign.charts.model import ChartColumn, ColumnChart, Series, day_columns
from inalign.errors import ParseError
from inalign.insight.names import network_of
from inalign.insight.result import SourceClass
from inalign.insight.rows import AssessedSource
from inalign.insight.texts import Catalogue, catalogue
from inalign.store.queries.filters import Filters, is_visible
from inalign.store.queries.sender_rows import SenderAddressRow
from inalign.store.queries.source import IdentityRow
from inalign.store.state.accounts import Role
from inalign.store.state.control import Control
from inalign.store.state.overrides import SourceOverrideRow, remove_override, write_override
from inalign.web.access.visitor import Authenticator, Visitor
from inalign.web.endpoint import Endpoints
from inalign.web.pages.base import ViewPages
from inalign.web.pages.sender_tree import ADDRESSES, address_lines, make_tree, query_of, sender_name
from inalign.web.rendering import Form, go
from inalign.web.words import Words

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

MAX_SERVICE = 100
"""Characters of the name of a service."""
LEGITIMATE = (str(SourceClass.OWN), str(SourceClass.APPROVED))


class SmallTableColumn(NamedTuple):
    """A column of a small table."""

    title: str
    is_number: bool = False


class SmallTableRow(NamedTuple):
    """A row of a small table; its first cell leads to an address, if there is one."""

    cells: tuple[object, ...]
    to: str = ""


class SmallTable(NamedTuple):
    """A table of the page of a source."""

    title: str
    columns: tuple[SmallTableColumn, ...]
    rows: Sequence[SmallTableRow]


class SenderPages:
    """Answers the pages of senders and sources."""

    def __init__(self, gate: Authenticator, views: ViewPages, endpoints: Endpoints, control: Control) -> None:
        self._gate = gate
        self._views = views
        self._endpoints = endpoints
        self._control = control

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        route = self._endpoints.route
        return [
            route("/sources", self._sources),
            route("/source", self._source),
            route("/source/override", self._set, role=Role.EDITOR, post=True),
            route("/source/automatic", self._unset, role=Role.EDITOR, post=True),
        ]

    def _sources(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        filters = self._views.filters(request, visitor)
        words = self._views.words(request)
        say = catalogue(words.language)
        values: dict[str, object] = {"classes": _classes(say)}
        if filters.sender:
            values |= self._addresses(filters, words, say)
        else:
            values["tree"] = make_tree(self._views.ask, filters, words, say)
            values["overrides"] = self._overrides(filters.domain, visitor, say) if filters.domain else []
            values["may_set"] = _may_set(visitor)
        return self._views.show(request, visitor, "senders", filters, values)

    def _addresses(self, filters: Filters, words: Words, say: Catalogue) -> dict[str, object]:
        found = self._views.ask("sender-addresses", replace(filters, limit=ADDRESSES))
        rows = [row for row in found.rows if isinstance(row, SenderAddressRow)]
        query = query_of(filters)
        return {
            "networks": address_lines(rows, filters),
            "name": (rows[0].service if rows else "") or sender_name(filters.sender, words),
            "word": say.say("class", filters.source_class),
            "after": f"/sources?{query}&{urlencode({'after': found.after})}" if found.after else "",
            "up": query_of(filters, sender=""),
            "csv": f"/csv/sender-addresses.csv?{query}",
            "json": f"/api/v1/sender-addresses?{query}",
        }

    def _source(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        done = request.query_params.get("done", "")
        filters = self._views.filters(request, visitor, own=("done",))
        row = next(iter(self._views.ask("source", filters).rows), None)
        if not isinstance(row, SourceDetail):
            return self._views.problem(request, visitor, "problem.no_source")
        words = self._views.words(request)
        say = catalogue(words.language)
        query = query_of(filters)
        page = row.page or next((each.page for each in row.blocking if each.page), "")
        values = {
            "source": row,
            "sender": sender_name(row.sender, words),
            "word": say.say("class", row.source_class) if row.source_class else words("senders.untold"),
            "evidence": [say.say("evidence", str(each["code"]), each) for each in row.evidence],
            "several": [(say.say("class", name), count) for name, count in row.classes.items()],
            "todo": [
                {
                    "remedy": say.say("remedy", each.remedy, {"selectors": ", ".join(each.selectors)}),
                    "header_from": each.header_from,
                    "failing": each.failing,
                    "messages": each.messages,
                    "since": each.since,
                    "until": each.until,
                }
                for each in row.blocking
            ],
            "advice": _advice(row),
            "page": page if page and page.startswith("https://") else "",
            "done": bool(done),
            "may_set": _may_set(visitor),
            "classes": _classes(say),
            "overrides": self._overrides(row.domain, visitor, say),
            "keys": (row.source_ip, row.network, row.sender),
            "json": f"/api/v1/source?{query}",
            "self": f"/source?{query}",
            "tree": f"/sources?{_sender_query(row, filters)}",
            **_reported(row, words),
        }
        return self._views.show(request, visitor, "source", filters, values)

    def _set(self, request: Request, visitor: Visitor, form: Form) -> Response:
        found = self._assessed(visitor, form)
        service = form.text("service")
        if len(service) > MAX_SERVICE or not service.isprintable():
            raise ParseError(f"service: at most {MAX_SERVICE} characters, all of them printable")
        key = {
            "address": found.source_ip,
            "network": network_of(found.source_ip),
            "sender": found.sender,
        }.get(form.text("on"), "")
        if not key:
            raise ParseError("on: address, network or sender")
        name = form.text("class")
        if name not in list(SourceClass):
            raise ParseError(f"class: one of {', '.join(SourceClass)}")
        row = SourceOverrideRow(found.domain, key, SourceClass(name), service, self._gate.clock(), visitor.name)
        write_override(self._control, row)
        self._gate.note(
            request, visitor.name, "class of a sender set", f"{row.domain} {row.source}: {row.source_class}"
        )
        return go("/source", domain=found.domain, source=found.source_ip, done="set")

    def _unset(self, request: Request, visitor: Visitor, form: Form) -> Response:
        domain, key = form.text("domain"), form.get("key", "")
        if not is_visible(Filters(scope=visitor.domains), domain) or not remove_override(self._control, domain, key):
            raise ParseError("it is not set any more")
        self._gate.note(request, visitor.name, "class of a sender left to the rules", f"{domain} {key}")
        if source := form.text("source"):
            return go("/source", domain=domain, source=source, done="automatic")
        return go("/sources", domain=domain)

    def _overrides(self, domain: str, visitor: Visitor, say: Catalogue) -> list[tuple[SourceOverrideRow, str]]:
        """What was set by hand for a domain and those below it, with the words of the classes."""
        found = self._views.ask("sender-overrides", Filters(domain=domain, scope=visitor.domains)).rows
        return [(each, say.say("class", each.source_class)) for each in found if isinstance(each, SourceOverrideRow)]

    def _assessed(self, visitor: Visitor, form: Form) -> AssessedSource:
        """Return the assessed address of a form. Raises `ParseError` for one that the visitor may not see."""
        filters = Filters(domain=form.text("domain"), source=form.text("source"), scope=visitor.domains)
        found = self._views.ask("sources", filters).rows if filters.domain and "/" not in filters.source else ()
        for row in found:
            if isinstance(row, AssessedSource) and filters.source:
                return row
        raise ParseError("source: nothing is known of this address")


def _may_set(visitor: Visitor) -> bool:
    """Whether a visitor may set classes. A visitor without a name may not: nobody would be accountable."""
    return bool(visitor.name) and visitor.role.may(Role.EDITOR)


def _classes(say: Catalogue) -> list[tuple[str, str]]:
    return [(str(each), say.say("class", each)) for each in SourceClass]


def _sender_query(row: SourceDetail, filters: Filters) -> str:
    return query_of(filters, domain=row.domain, source="", source_class=row.source_class, sender=row.sender)


def _advice(row: SourceDetail) -> str:
    if row.source_class in LEGITIMATE:
        return "advice.fine" if row.passed_percent >= 98 or not row.messages else "advice.failing"
    return f"advice.{row.source_class}" if row.source_class else "about_class.untold"


def _reported(row: SourceDetail, words: Words) -> dict[str, object]:
    """The small tables of what reports say of a source, and its days as a chart and as a table."""
    first = words("column.day")

    def text(key: str) -> SmallTableColumn:
        return SmallTableColumn(words(key))

    def numbers(*names: str) -> tuple[SmallTableColumn, ...]:
        return tuple(SmallTableColumn(words(f"column.{name}"), True) for name in names)

    def results(title: str, detail: str, found: Sequence[IdentityRow]) -> SmallTable:
        columns = (text("column.domain"), text(detail), text("column.result_type"), *numbers("messages"))
        rows = [SmallTableRow((each.name, each.detail, each.result, each.messages)) for each in found]
        return SmallTable(words(title), columns, rows)

    dispositions = numbers("none", "quarantine", "reject")
    days = day_columns([(each.day, (each.passed, each.messages - each.passed)) for each in row.days])
    return {
        "tables": [
            results("source.dkim", "source.selector", row.dkim),
            results("source.spf", "source.scope", row.spf),
            SmallTable(
                words("source.header_from"),
                (text("column.header_from"), *numbers("messages", "passed")),
                [SmallTableRow((each.name, each.messages, each.passed)) for each in row.header_from],
            ),
            SmallTable(
                words("column.reporters"),
                (
                    text("column.reporter"),
                    *numbers("messages", "passed"),
                    *dispositions,
                    text("column.last_day"),
                ),
                [
                    SmallTableRow(
                        (
                            each.reporter,
                            each.messages,
                            each.passed,
                            each.none,
                            each.quarantine,
                            each.reject,
                            each.last_day,
                        )
                    )
                    for each in row.reporters
                ],
            ),
            SmallTable(
                words("table.overrides"),
                (text("column.type"), text("column.comment"), *numbers("messages")),
                [SmallTableRow((each.type, each.comment, each.messages)) for each in row.reasons],
            ),
            SmallTable(
                words("source.reports"),
                (SmallTableColumn(first), text("column.reporter"), *numbers("messages", "passed")),
                [
                    SmallTableRow(
                        (each.day, each.reporter, each.messages, each.passed),
                        f"/report?{urlencode({'key': each.report_key})}",
                    )
                    for each in row.reports
                ],
            ),
        ],
        "chart": ColumnChart(
            title=words("source.days"),
            series=(
                Series("passed", words("column.passed")),
                Series("not_passed", words("senders.not_passed")),
            ),
            columns=tuple(ChartColumn(day.isoformat(), counts) for day, counts in days),
        ),
        "days": SmallTable(
            words("source.days"),
            (SmallTableColumn(first), *numbers("messages", "passed"), *dispositions),
            [
                SmallTableRow((each.day, each.messages, each.passed, each.none, each.quarantine, each.reject))
                for each in row.days
            ],
        ),
    }
