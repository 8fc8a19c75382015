"""What fuzzing once found, and what it begins with, holds every promise; runs without atheris."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.seeds import SEEDS, seeds
from tests.fuzz.targets import TARGETS
from tests.helpers import VECTORS

FINDINGS = sorted(path for path in (VECTORS / "fuzz").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_finding(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_begins_with(target: str) -> None:
    texts = seeds(target)
    assert texts
    for text in [*texts[:100], b"", b"\0", b"\xff" * 9]:
        TARGETS[target](text)


def test_every_target_has_seeds() -> None:
    assert set(SEEDS) == set(TARGETS)
