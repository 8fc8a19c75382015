"""The pages in a real browser: Debian's Chromium, driven by its own driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inalign.store.state.accounts import Role
from tests.interop.chromium import SECONDS, address, chromium, faults_told, is_too_wide, look, needs_chromium, sign_in
from tests.web.live_site import Site, serve

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [pytest.mark.interop, needs_chromium]
PATHS = (
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
    "/users",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("pages")) as site:
        site.user("alice", Role.ADMIN)
        yield site


@pytest.fixture(scope="module")
def chrome(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Signed in, by its form."""
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        sign_in(browser, site, "alice")
        yield browser


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("ja", "dark", 1280), ("ja", "light", 390)]
)
def test_no_page_breaks_the_policy_or_the_width(
    chrome: Chrome, site: Site, language: str, theme: str, width: int
) -> None:
    look(chrome, site, language=language, theme=theme, width=width)
    for path in PATHS:
        chrome.get(address(site, path))
        assert chrome.find_element("css selector", "html").get_attribute("lang") == language
        assert not is_too_wide(chrome), path
        assert faults_told(chrome) == [], path


def test_the_chart_switches_to_percent(chrome: Chrome, site: Site) -> None:
    look(chrome, site)
    chrome.get(address(site, "/domain?domain=example.com"))
    assert chrome.find_elements("css selector", ".chart svg")
    axis = "return document.querySelector('.chart svg').textContent.includes('100%')"
    assert not chrome.execute_script(axis)
    chrome.find_element("css selector", ".switch [data-show=percent]").click()
    assert chrome.execute_script(axis)
    assert chrome.find_element("css selector", ".switch [data-show=percent]").get_attribute("aria-current") == "true"
    assert "show=percent" in chrome.current_url


def test_pages_work_without_script(chrome: Chrome, site: Site) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chrome.get(address(site, "/domain?domain=example.com"))
        assert not chrome.find_element("css selector", ".chart").is_displayed()
        assert chrome.find_element("css selector", "#chart .plot svg").is_displayed()  # the server's own
        chrome.find_element("css selector", ".switch [data-show=percent]").click()
        WebDriverWait(chrome, SECONDS).until(lambda each: "show=percent" in each.current_url)
        chrome.find_element("css selector", "#chart details.twin summary").click()
        assert chrome.find_element("css selector", "#chart details.twin table").is_displayed()
        chrome.get(address(site, "/sources"))
        chrome.find_element("name", "search").send_keys("example\n")
        WebDriverWait(chrome, SECONDS).until(lambda each: "search=example" in each.current_url)
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_page_prints(chrome: Chrome, site: Site, tmp_path: Path) -> None:
    import base64

    chrome.get(address(site, "/domain?domain=example.com"))
    made = base64.b64decode(chrome.print_page())
    assert made.startswith(b"%PDF")
    assert len(made) > 10_000
