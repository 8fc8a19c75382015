"""The page of the report for people, over HTTP: its words, its scope, its PDF."""

from __future__ import annotations

import html
import json
import re

import pytest

from inalign.store.state.summaries import SentSummary, write_sent
from inalign.summary.pdf import INSTALL, PdfError
from inalign.summary.pdf_process import LIBRARIES
from tests.web.live_site import Browser, Site

PERIOD = "2026-11"


@pytest.mark.parametrize(("language", "title"), [("en", "monthly report"), ("ja", "月次報告書")])
def test_numbers_are_those_of_the_questions(open_site: Site, language: str, title: str) -> None:
    browser = Browser(open_site.port)
    page = browser.get(f"/summary?domain=example.com&period={PERIOD}", Accept_Language=language)
    assert page.status == 200
    assert title in page.text
    (row,) = json.loads(browser.get("/api/v1/overview?domain=example.com&since=2026-11-01&until=2026-11-30").text)
    assert f'<dd class="value">{row["messages"]:,}</dd>' in page.text
    assert f'<td class="number">{row["own_messages"]:,}</td>' in page.text
    days = json.loads(browser.get("/api/v1/classes?domain=example.com&since=2026-11-01&until=2026-11-30").text)
    assert sum(day["messages"] for day in days) == row["messages"]
    assert all(f'<td class="number">{day["messages"]:,}</td>\n</tr>' in page.text for day in days)


def test_names_of_others_are_text(open_site: Site) -> None:
    page = Browser(open_site.port).get(f"/summary?period={PERIOD}")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert not re.search(r"<[^>]+ (style|on\w+)=", page.text)  # the policy of the pages allows none
    assert "default-src 'none'" in page.headers.get("Content-Security-Policy", "") or "script-src" in page.headers.get(
        "Content-Security-Policy", ""
    )


def test_periods_lead_to_each_other(open_site: Site) -> None:
    browser = Browser(open_site.port)
    page = html.unescape(browser.get("/summary?domain=example.com&period=2026-W46").text)
    for link in (
        "period=2026-W45",
        "period=2026-W47",
        "period=2026-10",
        "/summary.pdf?domain=example.com&period=2026-W46",
    ):
        assert link in page
    assert 'type="week"' in page
    default = html.unescape(browser.get("/summary").text)
    assert 'value="2026-10"' in default
    assert 'type="month"' in default


def test_the_page_of_a_domain_leads_to_its_report(open_site: Site) -> None:
    assert 'href="/summary?domain=example.com"' in Browser(open_site.port).get("/domain?domain=example.com").text


@pytest.mark.parametrize("period", ["x", "2026-13", "2026-W54", "%3Cscript%3E"])
def test_what_is_no_period_is_told(open_site: Site, period: str) -> None:
    page = Browser(open_site.port).get(f"/summary?period={period}")
    assert page.status == 400
    assert "<script>alert" not in page.text


def test_a_scope_is_kept(users_site: Site) -> None:
    browser = Browser(users_site.port)
    browser.sign_in("narrow")
    assert "example.net" in browser.get(f"/summary?period={PERIOD}").text
    for address in (f"/summary?period={PERIOD}", f"/summary?domain=example.com&period={PERIOD}"):
        text = browser.get(address).text
        assert "reporter.example" not in text
        assert "192.0.2" not in text
    assert Browser(users_site.port).get("/summary").status == 303


def test_who_gets_reports_is_for_those_who_see_all(users_site: Site) -> None:
    sent = SentSummary(recipient="boss@example.com", subject="month ja", period="2026-10", problem="relay is away")
    write_sent(users_site.control, sent)
    for name, is_shown in (("reader", True), ("narrow", False)):
        browser = Browser(users_site.port)
        browser.sign_in(name)
        assert ("boss@example.com" in browser.get("/summary").text) is is_shown


def test_the_pdf_is_a_file(open_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inalign.web.pages.summary.make_pdf", lambda _: b"%PDF-1.7 made")
    page = Browser(open_site.port).get(f"/summary.pdf?domain=example.com&period={PERIOD}")
    assert (page.status, page.text) == (200, "%PDF-1.7 made")
    assert page.headers["Content-Type"] == "application/pdf"
    assert page.headers["Content-Disposition"] == f'attachment; filename="inalign-{PERIOD}.pdf"'


def test_what_is_missing_for_pdf_is_told(open_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> bytes:
        raise PdfError(INSTALL[LIBRARIES])

    monkeypatch.setattr("inalign.web.pages.summary.make_pdf", missing)
    page = Browser(open_site.port).get(f"/summary.pdf?period={PERIOD}", Accept_Language="ja")
    assert page.status == 501
    assert "PDF を作成できません" in page.text
    assert INSTALL[LIBRARIES] in html.unescape(page.text)
