"""Days of the visitor's zone: of the address first, else as chosen; the same for pages, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from inalign.web.rendering import TIME_ZONE_COOKIE
from tests.store.material import aggregate, record
from tests.web.live_site import Browser, Site, serve

BEGIN = datetime(2026, 11, 17, 15, tzinfo=UTC)
"""Of the 18th in Japan."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    report = replace(
        aggregate(record(count=7), domain="zone.example"), begin=BEGIN, end=BEGIN + timedelta(hours=23, minutes=59)
    )
    early = replace(report, report_id="2", begin=BEGIN, end=BEGIN + timedelta(hours=2))
    with serve(tmp_path_factory.mktemp("zones"), more=[report, early]) as made:
        yield made


def days(browser: Browser, query: str = "") -> dict[str, str]:
    page = browser.get(f"/csv/days.csv?domain=zone.example{query}")
    assert page.status == 200, page.text
    return {row["day"]: row["messages"] for row in csv.DictReader(io.StringIO(page.text.lstrip("\ufeff")))}


def test_days_are_those_of_the_zone_that_was_chosen(site: Site) -> None:
    browser = Browser(site.port)
    assert days(browser) == {"2026-11-17": "7", "2026-11-18": "7"}
    assert browser.post("/settings/time-zone", time_zone="Asia/Tokyo").to == "/settings"
    assert browser.cookies[TIME_ZONE_COOKIE].strip('"') == "Asia/Tokyo"
    assert days(browser) == {"2026-11-18": "14"}
    assert days(browser, "&zone=America/Los_Angeles") == {"2026-11-17": "14"}


def test_links_of_a_page_have_its_zone(site: Site) -> None:
    browser = Browser(site.port, {TIME_ZONE_COOKIE: "Asia/Tokyo"})
    page = browser.get("/domain?domain=zone.example&since=2026-11-18&until=2026-11-18")
    assert page.status == 200
    (link,) = set(re.findall(r'href="(/api/v1/days\?[^"]*)"', page.text))
    rows = json.loads(Browser(site.port).get(link.replace("&amp;", "&")).text)
    assert [(row["day"], row["messages"]) for row in rows] == [("2026-11-18", 14)]
    assert "2026-11-17" not in Browser(site.port).get(link.replace("&amp;", "&")).text


def test_page_of_a_report_tells_its_span_in_both(site: Site) -> None:
    browser = Browser(site.port)
    rows = json.loads(browser.get("/api/v1/reports?domain=zone.example&zone=Asia/Tokyo").text)
    key = next(row["report_key"] for row in rows if row["report_id"] == "1")
    page = browser.get(f"/report?key={key}&zone=Asia/Tokyo").text
    assert "2026-11-18 00:00 – 2026-11-18 23:59 (Asia/Tokyo)" in page
    assert "2026-11-17 15:00 – 2026-11-18 14:59 (UTC)" in page
    assert "(UTC)" in browser.get(f"/report?key={key}").text


@pytest.mark.parametrize("path", ["/domains", "/reports", "/csv/days.csv", "/domain"])
def test_zone_that_is_none_is_refused(site: Site, path: str) -> None:
    assert Browser(site.port).get(f"{path}?domain=zone.example&zone=Mars").status == 400


def test_cookie_of_no_zone_is_as_none(site: Site) -> None:
    assert days(Browser(site.port, {TIME_ZONE_COOKIE: "../../etc/passwd"})) == days(Browser(site.port))
