"""One site for tests that only read, and one for each test that changes something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inalign.store.state.accounts import Role
from tests.web.live_site import Browser, Site, serve


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without users."""
    with serve(tmp_path_factory.mktemp("open")) as site:
        yield site


@pytest.fixture(scope="module")
def users_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a user of each role, and one of example.net alone."""
    with serve(tmp_path_factory.mktemp("users")) as site:
        for role in Role:
            site.user(role.value, role)
        site.user("narrow", Role.EDITOR, ("example.net",))
        site.user("nothing", Role.ADMIN, ())
        yield site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """To change; alice is an admin."""
    with serve(tmp_path) as site:
        site.user("alice", Role.ADMIN)
        yield site


@pytest.fixture
def alice(site: Site) -> Browser:
    """Signed in."""
    browser = Browser(site.port)
    assert browser.sign_in("alice").status == 303
    return browser
