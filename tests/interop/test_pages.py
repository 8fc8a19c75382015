"""The pages in a real browser: Debian's Chromium, driven by its own driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inalign.store.accounts import Role
from tests.web.served import PASSWORD, Site, serve

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="chromium and chromedriver are not installed: no page was opened in a browser",
    ),
]
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
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    browser = Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        browser.get(f"http://127.0.0.1:{site.port}/reporters")
        browser.find_element("name", "user").send_keys("alice")
        browser.find_element("name", "password").send_keys(f"{PASSWORD}\n")
        WebDriverWait(browser, 20).until(lambda each: each.current_url.endswith("/reporters"))
        yield browser
    finally:
        browser.quit()


def _look(chrome: Chrome, site: Site, *, language: str = "en", theme: str = "light", width: int = 1280) -> None:
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chrome.get(f"http://127.0.0.1:{site.port}/language/{language}?back=/settings")


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("ja", "dark", 1280), ("ja", "light", 390)]
)
def test_no_page_breaks_the_policy_or_the_width(
    chrome: Chrome, site: Site, language: str, theme: str, width: int
) -> None:
    _look(chrome, site, language=language, theme=theme, width=width)
    for path in PATHS:
        chrome.get(f"http://127.0.0.1:{site.port}{path}")
        assert chrome.find_element("css selector", "html").get_attribute("lang") == language
        assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth"), path
        told = chrome.execute("getLog", {"type": "browser"})["value"]
        assert [entry for entry in told if entry["level"] == "SEVERE"] == [], path


def test_the_chart_switches_to_percent(chrome: Chrome, site: Site) -> None:
    _look(chrome, site)
    chrome.get(f"http://127.0.0.1:{site.port}/domain?domain=example.com")
    assert chrome.find_elements("css selector", ".chart svg")
    axis = "return document.querySelector('.chart svg').textContent.includes('100%')"
    assert not chrome.execute_script(axis)
    chrome.find_element("css selector", ".switch [data-show=percent]").click()
    assert chrome.execute_script(axis)
    assert chrome.find_element("css selector", ".switch [data-show=percent]").get_attribute("aria-current") == "true"
    assert "show=percent" in chrome.current_url


def test_pages_work_without_script(chrome: Chrome, site: Site) -> None:
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chrome.get(f"http://127.0.0.1:{site.port}/domain?domain=example.com")
        assert not chrome.find_element("css selector", ".chart").is_displayed()
        assert chrome.find_element("css selector", "#chart .plot svg").is_displayed()  # the server's own
        chrome.find_element("css selector", ".switch [data-show=percent]").click()
        assert "show=percent" in chrome.current_url
        chrome.find_element("css selector", "#chart details.twin summary").click()
        assert chrome.find_element("css selector", "#chart details.twin table").is_displayed()
        chrome.get(f"http://127.0.0.1:{site.port}/sources")
        chrome.find_element("name", "search").send_keys("example\n")
        assert "search=example" in chrome.current_url
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_page_prints(chrome: Chrome, site: Site, tmp_path: Path) -> None:
    import base64

    chrome.get(f"http://127.0.0.1:{site.port}/domain?domain=example.com")
    made = base64.b64decode(chrome.print_page())
    assert made.startswith(b"%PDF")
    assert len(made) > 10_000
