"""The systemd unit, judged by systemd itself where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inalign.settings.tables import Settings

PACKAGING = Path(__file__).parents[2] / "packaging" / "systemd"
UNIT = PACKAGING / "inalign-milter.service"
MOST_EXPOSED = 2.0
"""systemd calls a service above 2 no longer `OK`; most that listen are beyond 8."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(folder: Path, *words: str) -> str:
    """What systemd says of the unit, whose program stands elsewhere here."""
    copy = folder / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/inalign/bin/inalign", "/bin/true"))
    run = subprocess.run(
        ["systemd-analyze", *words, str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    return run.stdout + run.stderr


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    assert UNIT.name not in analyze(tmp_path, "verify", "--man=no")


@needs_systemd
def test_it_is_exposed_no_more_than_it_must_be(tmp_path: Path) -> None:
    level = re.search(r"Overall exposure level .*: ([\d.]+)", analyze(tmp_path, "security", "--offline=true"))
    assert level is not None
    assert float(level[1]) <= MOST_EXPOSED


@needs_systemd
@pytest.mark.parametrize("name", ["inalign-keys.service", "inalign-keys.timer"])
def test_systemd_finds_nothing_wrong_with_the_timer_of_keys(tmp_path: Path, name: str) -> None:
    for unit in PACKAGING.glob("inalign-keys.*"):
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/inalign/bin/inalign", "/bin/true"))
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "inalign" not in run.stdout + run.stderr


def test_systemd_waits_longer_than_the_milter_drains() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert int(seconds) > Settings().milter.drain_seconds + 5
