"""A scope of domains holds in every question, whatever is asked for."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from inalign.assessment.views import QUESTIONS
from inalign.store.state.accounts import narrowed
from inalign.web.tables import PAGES
from tests.web.live_site import Browser, Site

OTHERS = ("example.com", '192.0.2.1"', "reporter.example", "198.51.100.7")


@pytest.fixture(scope="module")
def keys(users_site: Site) -> dict[str, str]:
    """Of reports, by domain."""
    browser = Browser(users_site.port)
    browser.sign_in("reader")
    return {row["domain"]: row["report_key"] for row in json.loads(browser.get("/api/v1/reports").text)}


def _browser(site: Site, user: str) -> Browser:
    browser = Browser(site.port)
    assert browser.sign_in(user).status == 303
    return browser


@pytest.mark.parametrize("view", [name for name, view in QUESTIONS.items() if "key" not in view.filters])
def test_no_answer_tells_of_others(users_site: Site, view: str) -> None:
    for user, query in (("narrow", ""), ("narrow", "domain=example.com&limit=9999"), ("nothing", "")):
        if query and "domain" not in QUESTIONS[view].filters:
            continue
        browser = _cached(users_site, user)
        for path in (f"/api/v1/{view}?{query}", f"/csv/{view}.csv?{query.partition('&')[0]}"):
            answer = browser.get(path)
            assert answer.status == 200
            assert not [each for each in OTHERS if each in answer.text]


@pytest.mark.parametrize("scope", ["", "null", "example.com", "[]", '["example.com"]'])
def test_nobody_chooses_a_scope(users_site: Site, scope: str) -> None:
    answer = _cached(users_site, "narrow").get(f"/api/v1/domains?scope={quote(scope)}")
    assert answer.status == 400
    assert "not a parameter" in answer.text


_BROWSERS: dict[tuple[int, str], Browser] = {}


def _cached(site: Site, user: str) -> Browser:
    """Signing in takes time on purpose."""
    key = (site.port, user)
    if key not in _BROWSERS:
        _BROWSERS[key] = _browser(site, user)
    return _BROWSERS[key]


@pytest.mark.parametrize("page", [*PAGES, "domains", "intake"])
def test_no_page_tells_of_others(users_site: Site, page: str) -> None:
    for query in ("", "domain=example.com", "source=192.0.2.1"):
        text = _cached(users_site, "narrow").get(f"/{page}?{query}").text
        shown = re.sub(r"<form.*?</form>|href=\"[^\"]*\"|hx-[a-z-]+=\"[^\"]*\"", "", text, flags=re.DOTALL)
        assert not [each for each in ("example.com", "reporter.example") if each in shown]


def test_a_report_of_others_is_not_there(users_site: Site, keys: dict[str, str]) -> None:
    narrow, reader = _cached(users_site, "narrow"), _cached(users_site, "reader")
    for domain, found in (("example.com", False), ("example.net", True)):
        key = keys[domain]
        assert json.loads(reader.get(f"/api/v1/report?key={key}").text)
        assert bool(json.loads(narrow.get(f"/api/v1/report?key={key}").text)) is found
        assert narrow.get(f"/report?key={key}").status == (200 if found else 404)
        assert json.loads(narrow.get(f"/api/v1/raw?key={key}").text) == []


def test_own_domains_are_shown(users_site: Site) -> None:
    browser = _cached(users_site, "narrow")
    assert [row["domain"] for row in json.loads(browser.get("/api/v1/domains").text)] == ["example.net"]
    assert "secret.example" in browser.get("/reporters").text


def test_the_quarantine_is_not_for_a_scope(users_site: Site) -> None:
    assert "no_report" in _cached(users_site, "reader").get("/intake").text
    assert "no_report" not in _cached(users_site, "narrow").get("/intake").text


def test_an_admin_of_some_domains_makes_no_users(users_site: Site) -> None:
    browser = _cached(users_site, "nothing")
    assert browser.get("/users").status == 403
    assert browser.post("/users/add", name="eve", role="admin", domains="*").status == 403
    assert browser.post("/users/change", name="nothing", role="admin", domains="*", do="keep").status == 403
    assert users_site.accounts.user("eve") is None


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (None, ("a.example",), ("a.example",)),
        (("a.example",), None, ("a.example",)),
        (("a.example",), ("x.a.example", "b.example"), ("x.a.example",)),
        (("a.example",), ("ba.example",), ()),
        ((), None, ()),
    ],
)
def test_scopes_meet(one: tuple[str, ...] | None, other: tuple[str, ...] | None, both: tuple[str, ...]) -> None:
    assert narrowed(one, other) == both
