"""Every address of the application, asked by everybody: a new one has to be told here who may use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from inalign.assessment.views import QUESTIONS
from inalign.store.state.accounts import Role, Token
from inalign.web.access.visitor import IDLE_SECONDS
from tests.web.live_site import Browser, Page, Site, serve


class For(Enum):
    """Whom an address is for."""

    ALL = "who is not signed in, too"
    READERS = "whoever is signed in"
    EDITORS = "editors and admins, also of some domains"
    ADMINS = "admins of all domains"


PAGES = (
    "", "domains", "domain", "report", "raw", "sources", "source", "reporters", "reports", "failures", "failure", "tls",
    "intake", "milter", "subdomains", "incidents", "summary", "summary.pdf",
)  # fmt: skip


TABLE: Mapping[tuple[str, str], For] = {
    ("GET", "/static/{name}"): For.ALL,
    ("GET", "/sign-in"): For.ALL,
    ("POST", "/sign-in"): For.ALL,
    ("POST", "/sign-out"): For.ALL,
    ("GET", "/link/{secret}"): For.ALL,
    ("POST", "/link/{secret}"): For.ALL,
    ("POST", "/language"): For.ALL,
    ("GET", "/api/v1/openapi.json"): For.READERS,
    ("GET", "/settings"): For.READERS,
    ("POST", "/settings/time-zone"): For.ALL,
    ("POST", "/settings/password"): For.READERS,
    ("POST", "/settings/sessions"): For.READERS,
    ("POST", "/intake/again"): For.EDITORS,
    ("POST", "/incidents/change"): For.EDITORS,
    ("POST", "/source/override"): For.EDITORS,
    ("POST", "/source/automatic"): For.EDITORS,
    ("GET", "/users"): For.ADMINS,
    ("POST", "/users/add"): For.ADMINS,
    ("POST", "/users/change"): For.ADMINS,
    ("POST", "/users/remove"): For.ADMINS,
    ("POST", "/users/token"): For.ADMINS,
    ("POST", "/users/token/remove"): For.ADMINS,
    **{("GET", f"/{name}"): For.READERS for name in PAGES},
    **{
        ("GET", f"/{form}"): For.READERS
        for name in ("intake", "quarantine")
        for form in (f"api/v1/{name}", f"csv/{name}.csv")
    },
    **{("GET", f"/api/v1/{name}"): For.READERS for name in QUESTIONS},
    **{("GET", f"/csv/{name}.csv"): For.READERS for name in QUESTIONS if name != "raw"},
}


class Visitor(NamedTuple):
    """Somebody, by user and how he shows who he is."""

    user: str
    by: str = "session"
    role: Role = Role.ADMIN
    """Of a token."""


VISITORS = {
    "nobody": Visitor(""),
    "a made-up session": Visitor("x", "made up"),
    "a session that was ended": Visitor("admin", "ended"),
    "a session that is old": Visitor("admin", "old"),
    "a token that is old": Visitor("admin", "old token"),
    "a token that was removed": Visitor("admin", "removed token"),
    "reader": Visitor("reader"),
    "reader of some": Visitor("reader of some"),
    "token of reader": Visitor("reader", "token"),
    "reading token of admin": Visitor("admin", "token", Role.READER),
    "editor": Visitor("editor"),
    "editor of some": Visitor("editor of some"),
    "editing token of admin": Visitor("admin", "token", Role.EDITOR),
    "admin of some": Visitor("admin of some"),
    "token of admin of some": Visitor("admin of some", "token"),
    "admin": Visitor("admin"),
    "token of admin": Visitor("admin", "token"),
}
NOBODY = tuple(VISITORS)[:6]
MAY = {
    For.ALL: tuple(VISITORS),
    For.READERS: tuple(VISITORS)[6:],
    For.EDITORS: tuple(VISITORS)[10:],
    For.ADMINS: ("admin", "token of admin"),
}
READ_ALL = ("reader of some", "token of reader", "admin of some")
"""Of those who may read, who asks every question: the others have no fewer rights, and answers take time."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("rights")) as site:
        for role in Role:
            site.user(role.value, role)
            site.user(f"{role.value} of some", role, ("example.net",))
        yield site


def _routes(site: Site) -> set[tuple[str, str]]:
    return {(method, route.path) for route in _all(site) for method in (route.methods or ()) if method != "HEAD"}


def _all(site: Site) -> list[Route]:
    """Those of the application within its guards."""
    application: object = site.app
    while not isinstance(application, Starlette):
        application = vars(application)["_app"]
    found = [route for route in application.routes if isinstance(route, Route)]
    assert len(found) == len(application.routes)
    return found


def test_every_address_is_told_whom_it_is_for(site: Site) -> None:
    assert _routes(site) == set(TABLE)


def _signed_in(site: Site, visitor: Visitor) -> tuple[Browser, dict[str, str]]:
    """A new browser of his, and what he sends with each request."""
    browser, now, accounts = Browser(site.port), site.now[0], site.accounts
    if "token" in visitor.by:
        until = now + (-1 if visitor.by == "old token" else 1_000)
        token = Token(name="t", user=visitor.user, role=visitor.role, made=now, expires=until)
        secret = accounts.make_token(token)
        if visitor.by == "removed token":
            for key, _ in accounts.tokens():
                accounts.remove_token(key)
        return browser, {"Authorization": f"Bearer {secret}"}
    if visitor.by == "made up":
        browser.cookies["inalign"] = "A" * 43
    elif visitor.user:
        made = now - IDLE_SECONDS - 1 if visitor.by == "old" else now
        browser.cookies["inalign"] = accounts.open_session(visitor.user, made, "", longest=1e9)
        if visitor.by == "ended":
            accounts.close_sessions(visitor.user)
    return browser, {}


def _ask(site: Site, visitor: Visitor, method: str, path: str) -> Page:
    browser, headers = _signed_in(site, visitor)
    path = path.format(name="none.css", secret="x", code="en")
    if method == "POST":
        return browser.post(path, headers, name="nobody", user="nobody", password="x" * 1_001)
    return browser.ask(
        "GET", f"{path}?{urlencode({'key': 'x'})}" if path.endswith(("raw", "report", "failure")) else path, headers
    )


def _is_stranger(page: Page) -> bool:
    return page.status == 401 or (page.status == 303 and page.to.startswith("/sign-in"))


@pytest.mark.parametrize("who", VISITORS)
def test_everybody_has_his_rights_and_no_more(site: Site, who: str) -> None:
    wrong = []
    for (method, path), whom in TABLE.items():
        if whom is For.READERS and method == "GET" and who in MAY[whom] and who not in READ_ALL:
            continue
        page = _ask(site, VISITORS[who], method, path)
        if who in MAY[whom]:
            fine = page.status < 500 and page.status not in (401, 403) and not (_is_stranger(page) and method == "GET")
            # Nobody is signed in by a wrong password; and whoever ends his sessions has to sign in again.
            fine = fine or (path == "/sign-in" and page.status == 403)
        elif who in NOBODY:
            fine = _is_stranger(page)
        else:
            fine = page.status == 403
        if not fine:
            wrong.append((method, path, page.status, page.to))
    assert wrong == []


HOSTILE: tuple[dict[str, str], ...] = (
    {},
    {"Origin": ""},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Referer": "http://127.0.0.1/"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "SAME-ORIGIN "},
    {"Authorization": "Bearer x"},
    {"Authorization": "Basic x", "Origin": "https://evil.example"},
    {"X-HTTP-Method-Override": "POST"},
)


@pytest.mark.parametrize("path", [path for method, path in TABLE if method == "POST"])
def test_no_form_of_another_site_is_taken(site: Site, path: str) -> None:
    for headers in HOSTILE:
        browser, _ = _signed_in(site, VISITORS["admin"])
        fields = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        page = browser.ask("POST", path.format(secret="x"), fields, "name=admin&do=keep&role=reader&domains=*")
        assert page.status == 403, headers
        assert "another site" in page.text
        assert browser.get("/settings").status == 200  # signed in as before
    assert site.accounts.user("admin") is not None


@pytest.mark.parametrize("path", [path for method, path in TABLE if method == "POST"])
def test_what_changes_something_is_not_done_by_a_link(site: Site, path: str) -> None:
    browser, _ = _signed_in(site, VISITORS["admin"])
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        if (method, path) not in TABLE and (method, path) not in (("HEAD", "/sign-in"), ("HEAD", "/link/{secret}")):
            own = {"Origin": f"http://127.0.0.1:{site.port}"}
            assert browser.ask(method, path.format(secret="x"), own).status == 405
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
        if TABLE["POST", path] is not For.ALL:
            page = browser.post(path, {"Content-Type": kind}, name="admin")
            assert page.status == 400
