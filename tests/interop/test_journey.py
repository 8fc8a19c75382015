"""What an administrator does on a morning, in a real browser: sign in, find the sender that fails, say whose it is, see
the plan change, take the numbers along, switch the language, print.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inalign.store.state.accounts import Role
from tests.interop.chromium import (
    SECONDS,
    address,
    chromium,
    faults_told,
    is_too_wide,
    look,
    needs_chromium,
    sign_in,
)
from tests.web.live_site import Site, serve

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [pytest.mark.interop, needs_chromium]
SENDER = "203.0.113.9"
"""Nothing of it passes; by its signatures it looks like somebody who passes mail on."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("journey")) as site:
        site.user("alice", Role.EDITOR)
        yield site


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def chrome(site: Site, tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile"), downloads) as browser:
        browser.implicitly_wait(SECONDS)
        sign_in(browser, site, "alice", "/domains")
        yield browser


def _plan(chrome: Chrome, site: Site) -> str:
    """What the page of the domain says is to be done."""
    chrome.get(address(site, "/domain?domain=example.com"))
    return str(chrome.find_element("css selector", "main").text)


def _click(chrome: Chrome, css: str) -> None:
    element = chrome.find_element("css selector", css)
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def test_the_journey(chrome: Chrome, site: Site, downloads: Path) -> None:
    from selenium.webdriver.support.ui import Select, WebDriverWait

    wait = WebDriverWait(chrome, SECONDS)
    look(chrome, site)
    before = _plan(chrome, site)

    # Find the sender that fails, from the first page on.
    chrome.get(address(site, "/"))
    _click(chrome, 'main a[href*="/domain?domain=example.com"]')
    wait.until(lambda each: "/domain?" in each.current_url)
    _click(chrome, "#senders-forwarder > summary")
    _click(chrome, '#senders-forwarder a[hx-get*="sender=203.0.113.0"]')
    _click(chrome, f'#senders-forwarder a[href^="/source?"][href$="source={SENDER}"]')
    wait.until(lambda each: SENDER in each.find_element("css selector", "#drawer h1").text)

    # Say whose it is.
    Select(chrome.find_element("css selector", "#drawer select[name=class]")).select_by_value("approved")
    service = chrome.find_element("css selector", "#drawer input[name=service]")
    service.clear()
    service.send_keys("Newsletter Ltd")
    _click(chrome, '#drawer form[action="/source/override"] button')
    wait.until(lambda each: "done=" in each.current_url)
    assert "Newsletter Ltd" in chrome.find_element("css selector", "main").text
    entry = site.accounts.audit(1)[0]
    assert (entry.who, "203.0.113.9" in entry.about) == ("alice", True)

    # The plan is another one: now it is ours, and fails.
    after = _plan(chrome, site)
    assert after != before
    assert "Newsletter Ltd" in after

    # The numbers as a file.
    _click(chrome, '#senders a[href^="/csv/"]')
    wait.until(lambda _: list(downloads.glob("*.csv")))
    text = next(iter(downloads.glob("*.csv"))).read_text("utf-8-sig")
    assert "Newsletter Ltd" in text

    # In the other language; and on paper.
    _click(chrome, 'header form[action="/language"] button[lang="ja"]')
    wait.until(lambda each: each.find_element("css selector", "html").get_attribute("lang") == "ja")
    assert "domain=example.com" in chrome.current_url
    printed = base64.b64decode(chrome.print_page())
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000
    assert faults_told(chrome) == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_pages_fit(chrome: Chrome, site: Site, theme: str, width: int, tmp_path: Path) -> None:
    for language in ("en", "ja"):
        look(chrome, site, language=language, theme=theme, width=width)
        for name, path in (
            ("home", "/domains"),
            ("domain", "/domain?domain=example.com"),
            ("senders", "/sources?domain=example.com"),
            ("source", f"/source?domain=example.com&source={SENDER}"),
        ):
            chrome.get(address(site, path))
            time.sleep(0.1)  # what is drawn by script is drawn
            chrome.save_screenshot(str(tmp_path / f"{name}-{language}.png"))
            assert not is_too_wide(chrome), path
            assert faults_told(chrome) == [], path
