"""`inalign up`: mail, reports and pages of one process tree, and what SIGHUP changes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import free_port, listens, wait_until
from tests.web.live_site import Browser


class Up:
    """The command, with its configuration."""

    def __init__(self, folder: Path, pages: int | None = None) -> None:
        self.folder = folder
        self.milter, self.pages = free_port(), pages or free_port()
        self.configure()
        self.log = (folder / "log").open("wb")
        command = [sys.executable, "-m", "inalign", "up", "--config", str(folder / "inalign.toml")]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def configure(self) -> None:
        (self.folder / "inalign.toml").write_text(
            f'[milter]\nlisten = ["inet:127.0.0.1:{self.milter}"]\nworkers = 1\n'
            f'[store]\nfolder = "store"\nreaders = 1\nreverse_names = false\n'
            f'[web]\nlisten = "inet:127.0.0.1:{self.pages}"\n'
        )

    def told(self) -> str:
        return (self.folder / "log").read_text()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.log.close()
        return code


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    try:
        yield running
    finally:
        running.end()


def shows(port: int) -> bool:
    try:
        return Browser(port).get("/domains").status == 200
    except OSError:
        return False


def test_it_says_where_the_pages_are(up: Up) -> None:
    wait_until(lambda: shows(up.pages), "the pages", 30.0)
    wait_until(lambda: f"http://127.0.0.1:{up.pages}" in up.told(), "the welcome", 10.0)


def test_pages_move_on_sighup_and_mail_stays(up: Up) -> None:
    wait_until(lambda: shows(up.pages), "the pages", 30.0)
    before, up.pages = up.pages, free_port()
    up.configure()
    up.process.send_signal(signal.SIGHUP)
    wait_until(lambda: shows(up.pages), "the pages at their new address", 30.0)
    assert not listens(before)
    assert listens(up.milter)


def test_a_taken_port_stops_nothing_else(tmp_path: Path) -> None:
    first = Up(tmp_path)
    try:
        wait_until(lambda: shows(first.pages), "the pages", 30.0)
        other = tmp_path / "other"
        other.mkdir()
        second = Up(other, first.pages)
        try:
            wait_until(lambda: "no pages: cannot listen" in second.told(), "the complaint", 30.0)
            wait_until(lambda: listens(second.milter), "the milter", 30.0)
        finally:
            assert second.end() == 0
    finally:
        first.end()
