"""What holds for every request and every answer."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from inalign.web.access.guard import MAX_BODY_BYTES
from tests.web.live_site import HOSTILE, Browser, Site

PAGES = (
    "/domains",
    "/domain?domain=example.com",
    "/sources",
    "/reporters",
    "/reports",
    "/failures",
    "/tls",
    "/intake",
    "/milter",
    "/settings",
    "/sign-in",
)


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/api/v1/domains", "/static/none.js"])
def test_every_answer_carries_the_policy(open_site: Site, path: str) -> None:
    answer = Browser(open_site.port).get(path)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_script_and_no_style_of_their_own(open_site: Site, path: str, language: str) -> None:
    page = Browser(open_site.port).get(path, Accept_Language=language)
    assert page.status == 200
    assert f'<html lang="{language}">' in page.text
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", page.text)


@pytest.fixture(scope="module")
def admin(users_site: Site) -> Browser:
    """Who sees most."""
    browser = Browser(users_site.port)
    assert browser.sign_in("admin").status == 303
    return browser


@pytest.mark.parametrize("path", PAGES)
def test_what_strangers_wrote_is_text(admin: Browser, path: str) -> None:
    assert HOSTILE not in admin.get(path).text


def test_hostile_names_are_on_the_pages(admin: Browser) -> None:
    """Else the test above proves nothing."""
    browser = admin
    for path in ("/failures", "/intake"):
        assert "&lt;script&gt;alert(1)" in browser.get(path).text
    keys = re.findall(
        r'href="(/report\?key=[^"]+)"', browser.get("/reports?reporter=" + _hostile_reporter(browser)).text
    )
    assert any("&lt;script&gt;alert(1)" in browser.get(key).text for key in keys)


def _hostile_reporter(browser: Browser) -> str:
    import json

    rows = json.loads(browser.get("/api/v1/reports").text)
    return quote(next(row["reporter"] for row in rows if row["org_name"] == HOSTILE))


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "127.0.0.1:x"]
)
def test_a_host_of_others_gets_nothing(open_site: Site, host: str) -> None:
    answer = Browser(open_site.port).get("/domains", Host=host)
    assert answer.status in (400, 421)
    assert "example.com" not in answer.text


def test_a_long_body_is_refused(users_site: Site) -> None:
    assert Browser(users_site.port).post("/sign-in", user="x" * (MAX_BODY_BYTES + 1)).status == 413


def test_a_long_body_without_length_is_refused(users_site: Site) -> None:
    browser = Browser(users_site.port)
    fields = {"Transfer-Encoding": "chunked", "Origin": f"http://127.0.0.1:{users_site.port}"}
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    assert browser.ask("POST", "/sign-in", fields, chunk * 5 + b"0\r\n\r\n").status == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Authorization": "Bearer x", "Origin": "https://evil.example"},
    ],
)
def test_a_form_of_another_site_does_nothing(users_site: Site, headers: dict[str, str]) -> None:
    browser = Browser(users_site.port)
    assert browser.sign_in("admin").status == 303
    assert browser.post("/users/add", headers, name="eve", role="admin", domains="*").status == 403
    assert users_site.accounts.user("eve") is None


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "", "/\n"],
)
def test_nobody_is_sent_elsewhere(users_site: Site, back: str) -> None:
    browser = Browser(users_site.port)
    assert browser.sign_in("reader", back=back).to == "/"
    assert browser.post("/language", code="ja", back=back).to == "/"


def test_static_files_are_kept_and_nothing_else_is_served(open_site: Site) -> None:
    browser = Browser(open_site.port)
    page = browser.get("/domain?domain=example.com").text
    for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page)):
        answer = browser.get(path)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
    for path in ("/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/inalign.css", "/static/uplot.LICENSE"):
        assert browser.get(path).status == 404
