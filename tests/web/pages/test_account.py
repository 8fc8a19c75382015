"""The language and the time zone of the pages: chosen by a form of ours, by nobody else, and kept in a cookie."""

from __future__ import annotations

import pytest

from inalign.web.rendering import TIME_ZONE_COOKIE
from inalign.web.words import COOKIE
from tests.web.live_site import Browser, Page, Site

CHOICES = (("/language", "code", "ja", COOKIE), ("/settings/time-zone", "time_zone", "Asia/Tokyo", TIME_ZONE_COOKIE))


def _choose(browser: Browser, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Page:
    return browser.post(path, headers, **fields)


def test_a_form_chooses_the_language_without_script(open_site: Site) -> None:
    browser = Browser(open_site.port)
    page = browser.get("/domains?since=2026-11-01").text
    assert '<html lang="en">' in page
    assert '<form method="post" action="/language">' in page
    assert '<input type="hidden" name="back" value="/domains?since=2026-11-01">' in page
    assert browser.post("/language", code="ja", back="/domains?since=2026-11-01").to == "/domains?since=2026-11-01"
    assert '<html lang="ja">' in browser.get("/domains").text


@pytest.mark.parametrize(("path", "field", "value", "cookie"), CHOICES)
def test_a_link_or_a_form_of_another_site_chooses_nothing(
    open_site: Site, path: str, field: str, value: str, cookie: str
) -> None:
    browser = Browser(open_site.port)
    assert browser.get(f"{path}?{field}={value}").status == 405
    others: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ]
    for headers in others:
        assert _choose(browser, path, {field: value}, headers).status == 403
    assert cookie not in browser.cookies
    assert _choose(browser, path, {field: value}).status == 303
    assert cookie in browser.cookies


@pytest.mark.parametrize(("path", "field", "value", "cookie"), CHOICES)
def test_what_is_unknown_is_refused(open_site: Site, path: str, field: str, value: str, cookie: str) -> None:
    browser = Browser(open_site.port)
    for unknown in ("", "xx", "../../etc/passwd"):
        answer = _choose(browser, path, {field: unknown})
        assert answer.status == 400
        assert f"{field}: expected" in answer.text
    assert _choose(browser, path, {field: value}, {"Content-Type": "text/plain"}).status == 400
    assert cookie not in browser.cookies
