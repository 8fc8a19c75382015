"""A running report process serves the pages, and knows users that a command adds at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inalign.net.listen import parse_address
from inalign.wiring.reportd import is_loopback
from tests.cli.test_ingest import Served
from tests.programs import free_port, wait_until
from tests.web.live_site import PASSWORD, Browser


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def served(tmp_path: Path, port: int) -> Iterator[Served]:
    running = Served(tmp_path, f'[web]\nlisten = "inet:127.0.0.1:{port}"\ntime_zone = "Asia/Tokyo"\n')
    try:
        yield running
    finally:
        running.end()


def _answers(browser: Browser) -> bool:
    try:
        return browser.get("/domains").status == 200
    except OSError:
        return False


def user(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "inalign", "user", *words, "--config", str(folder / "inalign.toml")]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def test_the_first_user_closes_the_pages(served: Served, tmp_path: Path, port: int) -> None:
    browser = Browser(port)
    wait_until(lambda: _answers(browser), "the pages", 20.0)
    link = user(tmp_path, "add", "alice", "--role", "admin", "--link")
    assert browser.get("/domains").to == "/sign-in?back=%2Fdomains"
    (path,) = re.findall(rf"http://127\.0\.0\.1:{port}(/link/\S+)", link)
    assert browser.post(path, password=PASSWORD, again=PASSWORD).status == 303
    assert "alice" in browser.get("/users").text
    user(tmp_path, "remove", "alice")
    assert browser.get("/users").status == 403


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("inet:127.0.0.1:1", True),
        ("inet:127.8.8.8:1", True),
        ("inet:[::1]:1", True),
        ("inet:localhost:1", True),
        ("unix:/run/x", True),
        ("inet:0.0.0.0:1", False),
        ("inet:192.0.2.1:1", False),
        ("inet:[::]:1", False),
        ("inet:localhost.example.org:1", False),
    ],
)
def test_loopback_is_told_from_what_others_reach(address: str, ours: bool) -> None:
    assert is_loopback(parse_address(address)) is ours
