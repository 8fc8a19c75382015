"""The message part of docs/flow.md names files, classes and functions that exist."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import pytest

from tests.house.citations import ROOT

SECTIONS = ("What happens to a message", "Down:", "Back:", "Sending", "A saved message")
_NAME = re.compile(r"`([a-z_]+/[a-z_/]+)((?:\.[A-Za-z_]+)*)`")


def _sections() -> Iterator[str]:
    page = (ROOT / "docs" / "flow.md").read_text("utf-8")
    for section in re.split(r"^#+ ", page, flags=re.MULTILINE):
        if section.startswith(SECTIONS):
            yield section


NAMES = sorted({match.groups() for section in _sections() for match in _NAME.finditer(section)})


def test_every_section_is_there() -> None:
    assert len(list(_sections())) == len(SECTIONS)
    assert len(NAMES) > 40


@pytest.mark.parametrize(("path", "attributes"), NAMES, ids=["".join(name) for name in NAMES])
def test_name_exists(path: str, attributes: str) -> None:
    found: object = importlib.import_module("inalign." + path.replace("/", "."))
    for name in filter(None, attributes.split(".")):
        found = getattr(found, name)
