"""axe-core (tests/interop/axe, MPL-2.0, of Deque Systems) looks at every page that a link leads to, as it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inalign.store.state.accounts import Role
from tests.interop.chromium import SECONDS, address, chromium, crawl, is_too_wide, look, needs_chromium, sign_in
from tests.web.live_site import Site, serve

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [pytest.mark.interop, needs_chromium]
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
    found => done(found.violations
        .filter(each => ["serious", "critical"].includes(each.impact))
        .map(each => `${each.id}: ${each.help}: ` +
            each.nodes.slice(0, 3).map(one => one.html.slice(0, 200)).join(" | "))),
    problem => done([String(problem)]));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("accessibility")) as site:
        site.user("alice", Role.ADMIN)
        yield site


@pytest.fixture(scope="module")
def chrome(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.set_script_timeout(SECONDS)
        sign_in(browser, site, "alice")
        yield browser


def _faults(chrome: Chrome) -> list[str]:
    chrome.execute_script(AXE)
    return list(chrome.execute_async_script(RUN))


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("ja", "dark", 1280), ("ja", "light", 390)]
)
def test_no_page_has_a_serious_fault(chrome: Chrome, site: Site, language: str, theme: str, width: int) -> None:
    look(chrome, site, language=language, theme=theme, width=width)
    faults, seen = {}, set()
    for path in crawl(chrome, site, "/domain?domain=example.com", most=40, of_a_kind=1):
        seen.add(path.partition("?")[0])
        found = _faults(chrome) + (["the page scrolls sideways"] if is_too_wide(chrome) else [])
        if found:
            faults[path] = found
    assert faults == {}
    assert {"/domain", "/domains", "/sources", "/reports", "/intake", "/settings", "/users"} <= seen


def test_signing_in_has_no_serious_fault(site: Site, tmp_path: Path) -> None:
    with chromium(tmp_path) as stranger:
        stranger.set_script_timeout(SECONDS)
        link = site.accounts.make_link("alice", site.now[0])
        for path in ("/sign-in", f"/link/{link}", "/link/none", "/sign-in?back=/users"):
            for theme in ("light", "dark"):
                look(stranger, site, theme=theme)
                stranger.get(address(site, path))
                assert _faults(stranger) == [], path
