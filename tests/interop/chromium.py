"""Debian's Chromium, driven by its own driver, and the parts of pages that tests look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.web.live_site import PASSWORD, Site

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

needs_chromium = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="chromium and chromedriver are not installed: no page was opened in a browser",
)
SECONDS = 30
"""For a page, on a slow machine."""


@contextmanager
def chromium(profile: Path, downloads: Path | None = None) -> Iterator[Chrome]:
    """A browser of its own, until the end of the block."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    browser = Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        if downloads is not None:
            allowed = {"behavior": "allow", "downloadPath": str(downloads)}
            browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        yield browser
    finally:
        browser.quit()


def sign_in(chrome: Chrome, site: Site, user: str, page: str = "/reporters") -> None:
    """By the form."""
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.get(address(site, page))
    chrome.find_element("name", "user").send_keys(user)
    chrome.find_element("name", "password").send_keys(f"{PASSWORD}\n")
    WebDriverWait(chrome, SECONDS).until(lambda each: each.current_url.endswith(page))


def address(site: Site, path: str) -> str:
    return f"http://127.0.0.1:{site.port}{path}"


def look(chrome: Chrome, site: Site, *, language: str = "en", theme: str = "light", width: int = 1280) -> None:
    """How the pages that follow are seen."""
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chrome.get(address(site, "/settings"))
    page = chrome.find_element("css selector", "html")
    if page.get_attribute("lang") != language:
        chrome.find_element("css selector", f"button[name=code][value={language}]").click()
        from selenium.webdriver.support.ui import WebDriverWait

        shown = f"html[lang={language}]"
        WebDriverWait(chrome, SECONDS).until(lambda each: each.find_elements("css selector", shown))


def faults_told(chrome: Chrome) -> list[str]:
    """What the browser held against pages since it was asked last: broken policy, errors of scripts, missing parts."""
    told = chrome.execute("getLog", {"type": "browser"})["value"]
    return [entry["message"] for entry in told if entry["level"] == "SEVERE"]


def is_too_wide(chrome: Chrome) -> bool:
    """Whether the page as a whole scrolls sideways."""
    return bool(chrome.execute_script("return document.documentElement.scrollWidth > innerWidth"))


def crawl(chrome: Chrome, site: Site, begin: str = "/", *, most: int = 60, of_a_kind: int = 2) -> Iterator[str]:
    """Opens page after page by the links on them, so that no page has to be named; downloads are left out."""
    waiting, seen, kinds = [begin], {begin}, dict[str, int]()
    for _ in range(most):
        if not waiting:
            return
        path = waiting.pop(0)
        chrome.get(address(site, path))
        yield path
        links = chrome.execute_script("return [...document.links].map(each => each.href)")
        for link in map(str, links):
            where = urlsplit(link)
            path = f"{where.path}?{where.query}" if where.query else where.path
            kind = f"{where.path} {sorted(name for name, _ in parse_qsl(where.query))}"
            if where.netloc != f"127.0.0.1:{site.port}" or path in seen or kinds.get(kind, 0) >= of_a_kind:
                continue
            if where.path.startswith(("/csv/", "/api/", "/raw", "/sign-", "/static/")):
                continue
            seen.add(path)
            kinds[kind] = kinds.get(kind, 0) + 1
            waiting.append(path)
