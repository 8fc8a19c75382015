"""Reports, names and files of somebody hostile, taken in as any others are: no page runs or shows them as anything but
text. They go through `inalign ingest`; every page that a link leads to is opened in a real browser.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from inalign.assessment.views import QUESTIONS
from inalign.cli import main
from inalign.store.state.accounts import Role
from tests.interop import hostile_reports
from tests.interop.chromium import address, chromium, crawl, faults_told, needs_chromium, sign_in
from tests.web.live_site import Browser, Site, serve

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [pytest.mark.interop, needs_chromium]

PROBE = """
return [
    window.owned ? "a script ran" : "",
    document.querySelector("x-owned, .owned") ? "an element of theirs is in the page" : "",
    [...document.querySelectorAll("*")].some(each => [...each.attributes].some(one => one.name.startsWith("on")))
        ? "an attribute that runs" : "",
    [...document.links].some(each => !/^https?:$/.test(each.protocol)) ? "a link that runs" : "",
    [...document.links].some(each => each.host.includes("evil")) ? "a link to theirs" : "",
].filter(Boolean)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hostile")
    hostile_reports.write(folder)
    config = folder / "inalign.toml"
    config.write_text('[store]\nfolder = "."\n')
    arguments = ["ingest", "--config", str(config), "--offline", "--json", "--ptr", str(folder / "ptr.tsv")]
    result = CliRunner().invoke(main, [*arguments, str(folder / "reports")])
    told = json.loads(result.stdout)
    assert told["reports"]["aggregate"] >= 8, result.output
    assert told["reports"]["failure"] >= 7
    assert told["reports"]["tls"] >= 8
    assert len(told["refused"]) >= 7
    with serve(folder) as site:
        site.user("alice", Role.ADMIN)
        site.now[0] = hostile_reports.BEGIN + 3 * 86_400
        yield site


@pytest.fixture(scope="module")
def chrome(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        sign_in(browser, site, "alice")
        yield browser


def test_no_page_runs_what_strangers_wrote(chrome: Chrome, site: Site) -> None:
    seen, shown = [], 0
    for begin in ("/domain?domain=victim.example", "/failures", "/intake", "/reports?domain=victim.example"):
        for path in crawl(chrome, site, begin, most=25):
            assert chrome.execute_script(PROBE) == [], path
            assert faults_told(chrome) == [], path
            shown += "x-owned" in chrome.page_source
            seen.append(path.partition("?")[0])
    assert {"/domain", "/report", "/failures", "/intake", "/tls"} <= set(seen)
    assert shown > 3  # as text it is there, or all this proves nothing


def test_what_was_delivered_is_a_file(site: Site) -> None:
    secret = site.accounts.open_session("alice", site.now[0], "", longest=1e9)
    browser = Browser(site.port, {"inalign": secret})
    rows = json.loads(browser.get("/api/v1/reports?domain=victim.example&limit=100").text)
    for row in rows:
        page = browser.get(f"/raw?key={row['report_key']}")
        assert page.status == 200
        assert page.headers["Content-Type"] == "application/octet-stream"
        assert page.headers["Content-Disposition"].startswith('attachment; filename="')
        assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_no_file_for_spreadsheets_holds_a_formula(site: Site) -> None:
    secret = site.accounts.open_session("alice", site.now[0], "", longest=1e9)
    browser = Browser(site.port, {"inalign": secret})
    found = 0
    for name, view in QUESTIONS.items():
        if "key" in view.filters:
            continue
        text = browser.get(f"/csv/{name}.csv?since=2020-01-01").text.lstrip("\ufeff")
        for line in csv.reader(io.StringIO(text, newline="")):
            assert not [cell for cell in line if cell.startswith(("=", "@", "+", "\t", "\r"))]
            found += any(cell.startswith("'=HYPERLINK") for cell in line)
    assert found


def test_the_address_of_a_page_is_no_way_in(chrome: Chrome, site: Site) -> None:
    from urllib.parse import quote

    for payload in hostile_reports.PAYLOADS:
        for path in ("/domain?domain=", "/reports?reporter=", "/sources?source=", "/nowhere/", "/sign-in?back="):
            chrome.get(address(site, path + quote(payload)))
            assert chrome.execute_script(PROBE) == [], path
            assert not [told for told in faults_told(chrome) if "the server responded with a status of" not in told]
