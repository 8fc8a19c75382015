"""docs/robustness.md says what is read today (`bench/robustness.py` writes it)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.reports.vectors import GROUPS, Group, answer, column, vectors

PAGE = (Path(__file__).parents[2] / "docs/robustness.md").read_text("utf-8")


def told(group: Group) -> dict[str, str]:
    """Our column, by vector."""
    title, _ = GROUPS[group]
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", section, re.MULTILINE))


@pytest.mark.parametrize("group", GROUPS)
def test_our_column_is_true(group: Group) -> None:
    assert {name: column(answer(octets, name)) for name, octets in vectors(group).items()} == told(group)
