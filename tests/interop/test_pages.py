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


TIP = ".chart .tip"


def _hover(chrome: Chrome, at: int = 0) -> str:
    """The numbers that are shown under the pointer, that many pixels from the middle of the chart."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    area = chrome.find_element("css selector", ".chart .u-over")
    ActionChains(chrome).move_to_element_with_offset(area, at, 0).perform()
    WebDriverWait(chrome, SECONDS).until(lambda each: each.find_element("css selector", TIP).is_displayed())
    return chrome.find_element("css selector", TIP).text


def test_the_chart_switches_to_percent(chrome: Chrome, site: Site) -> None:
    look(chrome, site)
    chrome.get(address(site, "/domain?domain=example.com"))
    assert chrome.find_element("css selector", ".chart canvas").is_displayed()
    assert not chrome.find_element("css selector", "#chart > .columns").is_displayed()
    assert "%" not in _hover(chrome)
    chrome.find_element("css selector", ".switch [data-show=percent]").click()
    assert "%" in _hover(chrome)
    assert chrome.find_element("css selector", ".switch [data-show=percent]").get_attribute("aria-current") == "true"
    assert "show=percent" in chrome.current_url
    chrome.find_element("css selector", ".switch [data-of=outcomes]").click()
    assert "quarantine" in _hover(chrome)
    assert chrome.find_element("css selector", "[data-legend=outcomes]").is_displayed()
    assert not chrome.find_element("css selector", "[data-legend=classes]").is_displayed()


def test_a_column_leads_to_the_senders_of_its_day(chrome: Chrome, site: Site) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.get(address(site, "/domain?domain=example.com"))
    day = _hover(chrome).splitlines()[0]
    chrome.find_element("css selector", ".chart .u-over").click()
    wanted = f"/sources?domain=example.com&since={day}&until={day}"
    WebDriverWait(chrome, SECONDS).until(lambda each: each.current_url.endswith(wanted))


def test_the_chart_is_zoomed_by_dragging_and_shown_whole_again(chrome: Chrome, site: Site) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.get(address(site, "/domain?domain=example.com"))
    first = _hover(chrome, -200).splitlines()[0]
    reset = chrome.find_element("css selector", "#chart .reset")
    assert not reset.is_displayed()
    area = chrome.find_element("css selector", ".chart .u-over")
    ActionChains(chrome).move_to_element_with_offset(area, -60, 0).click_and_hold().move_by_offset(
        120, 0
    ).release().perform()
    WebDriverWait(chrome, SECONDS).until(lambda _: reset.is_displayed())
    assert chrome.current_url.endswith("/domain?domain=example.com")  # it was no click
    assert _hover(chrome, -200).splitlines()[0] > first
    reset.click()
    WebDriverWait(chrome, SECONDS).until(lambda _: not reset.is_displayed())
    assert _hover(chrome, -200).splitlines()[0] == first


def test_the_chart_is_read_by_keyboard(chrome: Chrome, site: Site) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.get(address(site, "/domain?domain=example.com"))
    place = chrome.find_element("css selector", ".chart")
    labels = chrome.execute_script("return JSON.parse(document.querySelector('#chart').dataset.charts).classes.labels")
    place.send_keys(Keys.END)
    tip = chrome.find_element("css selector", TIP)
    WebDriverWait(chrome, SECONDS).until(lambda _: tip.text.startswith(labels[-1]))
    place.send_keys(Keys.ARROW_LEFT)
    WebDriverWait(chrome, SECONDS).until(lambda _: tip.text.startswith(labels[-2]))
    place.send_keys(Keys.ENTER)
    WebDriverWait(chrome, SECONDS).until(lambda each: f"since={labels[-2]}" in each.current_url)


def test_pages_work_without_script(chrome: Chrome, site: Site) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chrome.get(address(site, "/domain?domain=example.com"))
        assert not chrome.find_element("css selector", ".chart").is_displayed()
        assert chrome.find_element("css selector", "#chart > .columns").is_displayed()  # the image of the server
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
