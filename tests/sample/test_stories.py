"""`inalign sample` makes what it says: each story comes out of the reports, and the pages show it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def inalign(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "inalign", *words], capture_output=True, check=False, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "look"
    made = inalign("sample", str(folder))
    assert made.returncode == 0, made.stderr
    return folder


def rows(folder: Path, *words: str) -> list[dict[str, object]]:
    asked = inalign("reports", *words, "--json", "--config", str(folder / "inalign.toml"))
    assert asked.returncode == 0, asked.stderr
    found: list[dict[str, object]] = json.loads(asked.stdout)
    return found


def test_the_plan_of_each_domain_is_its_story(folder: Path) -> None:
    plans = {row["domain"]: row for row in rows(folder, "plan")}
    assert {name: (row["ready"], row["next"]["step"]) for name, row in plans.items()} == {  # type: ignore[index]  # JSON
        "aozora-shop.example": (False, "fix"),
        "midori-bank.example": (True, "reject_test"),
        "city.hoshino.example": (False, "fix"),
        "kaede-holdings.example": (True, "park"),
        "tsubaki-soft.example": (True, "hold"),
    }


@pytest.mark.long
def test_the_classes_are_there(folder: Path) -> None:
    found = rows(folder, "sources")
    assert {"own", "approved", "forwarder", "low_reputation", "spoof"} <= {row["class"] for row in found}
    services = {
        row["service"] for row in found if row["domain"] == "aozora-shop.example" and row["class"] == "approved"
    }
    assert services == {"SendGrid"}


def test_what_cannot_be_read_is_in_quarantine(folder: Path) -> None:
    told = inalign("intake", "quarantine", "--config", str(folder / "inalign.toml"))
    assert "damaged.xml.gz" in told.stdout, told.stderr


def test_a_folder_with_something_in_it_is_left_alone(folder: Path) -> None:
    made = inalign("sample", str(folder))
    assert made.returncode == 2
    assert "there is something in it" in made.stderr
