"""Templates become pages: always escaped, in the language and the zone of the visitor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inalign.charts.model import as_json, bar
from inalign.charts.svg import add_charts
from inalign.store.time_zone import zone_names
from inalign.web import words
from inalign.web.access.visitor import Visitor
from inalign.web.assets import asset
from inalign.web.tables import cell_value, percent_of

if TYPE_CHECKING:
    from starlette.requests import Request

TIME_ZONE_COOKIE = "inalign-zone"
COOKIE_SECONDS = 365 * 86_400


class Form(dict[str, str]):
    """The fields of a form."""

    def text(self, name: str) -> str:
        """A field without blanks around it; empty where it is not there."""
        return self.get(name, "").strip()


class MenuLink(NamedTuple):
    """An entry of the menu."""

    path: str
    key: str


class Renderer:
    """Renders templates in the language and the time zone of the visitor."""

    def __init__(self, menu: tuple[MenuLink, ...], *, zone: str, https: bool, oidc: str = "") -> None:
        """`oidc` is what the link to another way of signing in says, where there is one."""
        self._menu = menu
        self._zone = zone
        self._https = https
        self._environment = Environment(
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.loader = ChoiceLoader([PackageLoader("inalign.web"), add_charts(self._environment)])
        self._environment.globals |= {"asset": asset, "oidc": oidc, "charts_json": as_json, "bar_parts": bar}
        self._environment.globals |= {"cell_value": cell_value}

    def words(self, request: Request) -> words.Words:
        """Return the words in the language of the visitor."""
        language = request.cookies.get(words.COOKIE, "")
        return words.Words(words.choose(language, request.headers.get("accept-language", "")))

    def zone(self, request: Request) -> str:
        """That of the address, so that its numbers are the same for all; else the one chosen, else of the settings."""
        for name in (request.query_params.get("zone", ""), request.cookies.get(TIME_ZONE_COOKIE, "")):
            if name in zone_names():
                return name
        return self._zone

    def shower(self, request: Request) -> Shower:
        """Return what formats values for the visitor."""
        return Shower(self.words(request), ZoneInfo(self.zone(request)))

    def page(
        self,
        request: Request,
        name: str,
        visitor: Visitor | None,
        values: Mapping[str, object] | None = None,
        status: int = 200,
    ) -> Response:
        """Render a template by its name, with the values that every page has and some more."""
        chosen, zone = self.words(request), self.zone(request)
        menu = [place for place in self._menu if visitor is not None]
        context = {
            "t": chosen,
            "visitor": visitor,
            "menu": menu,
            "path": request.url.path,
            "here": here(request),
            "languages": words.LANGUAGES,
            "zone": zone,
            "form": Form(),
            "show": self.shower(request),
            **(values or {}),
        }
        text = self._environment.get_template(f"{name}.html").render(context)
        return HTMLResponse(text, status)

    def keep(self, response: Response, name: str, value: str) -> None:
        """Store a choice of the visitor in a cookie."""
        response.set_cookie(
            name, value, max_age=COOKIE_SECONDS, path="/", secure=self._https, httponly=True, samesite="lax"
        )


class Shower:
    """Values as text for a person."""

    def __init__(self, chosen: words.Words, zone: ZoneInfo) -> None:
        self._words = chosen
        self._zone = zone

    def __call__(self, value: object) -> str:
        """Any value of a row."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return self._words("value.yes" if value else "value.no")
        if isinstance(value, int):
            return f"{value:,}"
        if isinstance(value, float):
            return f"{value:,.1f}"
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone):%Y-%m-%d %H:%M}"
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, tuple | list | set | frozenset):
            return ", ".join(self(each) for each in value)
        return str(value)

    def utc(self, value: datetime | None) -> str:
        """A time as UTC."""
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}" if value is not None else ""

    def percent(self, value: float) -> str:
        """A share, in whole percents."""
        return percent_of(value)

    def share(self, value: float) -> str:
        """A share where tenths matter."""
        if 0 < value < 1:
            return "<1%"
        if value in (0, 100):
            return f"{value:.0f}%"
        return ">99.9%" if value >= 99.95 else f"{value:.1f}%"

    def moment(self, seconds: float) -> str:
        """A time, in the zone."""
        return f"{datetime.fromtimestamp(seconds, self._zone):%Y-%m-%d %H:%M}"


def here(request: Request) -> str:
    """The path with its query."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def local_path(text: str) -> str:
    """A path of ours, or `/`: nobody is sent to another site by a link to this one."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    if not plain or not text.startswith("/") or text.startswith("//"):
        return "/"
    return text if ".." not in PurePosixPath(text.partition("?")[0]).parts else "/"


def go(path: str, **query: str) -> Response:
    """To that page of ours, by GET."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
