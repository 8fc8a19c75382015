"""Templates: short lines, one way to name them, and macros that take their context instead of many arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/inalign"
TEMPLATES = sorted(SOURCE.rglob("templates/*.html"))
MAX_LINE = 160
MAX_ARGUMENTS = 4


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_lines_are_short(path: Path) -> None:
    long = {number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if len(line) > MAX_LINE}
    assert not long, f"lines of more than {MAX_LINE} characters: {sorted(long)}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_macros_have_few_parameters(path: Path) -> None:
    for name, parameters in re.findall(r"{% macro (\w+)\(([^)]*)\)", path.read_text("utf-8")):
        assert len(parameters.split(",")) <= MAX_ARGUMENTS, name


@pytest.mark.parametrize("path", sorted((SOURCE / "web/templates").glob("*.html")), ids=lambda path: path.name)
def test_what_is_no_page_begins_with_an_underscore(path: Path) -> None:
    is_page = path.name == "layout.html" or '{% extends "layout.html" %}' in path.read_text("utf-8")
    assert is_page is not path.name.startswith("_")


def test_every_template_is_used() -> None:
    texts = "\n".join(path.read_text("utf-8") for path in (*SOURCE.rglob("*.py"), *TEMPLATES))
    for path in TEMPLATES:
        assert f'"{path.name}"' in texts or f'"{path.stem}"' in texts, path.name
