"""The limits that docs/security.md names are those of the code."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module

import pytest

from tests.house.citations import ROOT

ROW = re.compile(r"^\| (?P<words>[^|]*\d[^|]*) \| (?P<code>`[^|]*`) \|", re.MULTILINE)
ROWS = [match for match in ROW.finditer((ROOT / "docs/security.md").read_text("utf-8")) if "." in match["code"]]


def value(path: str) -> int:
    """What `package.module.NAME` or `package.module.Class.field` is."""
    *modules, name = path.split(".")
    if modules[-1][0].isupper():
        *modules, kind = modules
        limits = getattr(import_module(".".join(["inalign", *modules])), kind)
        (default,) = [field.default for field in fields(limits) if field.name == name]
        assert isinstance(default, int)
        return default
    found = getattr(import_module(".".join(["inalign", *modules])), name)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_limit_is_as_told(row: re.Match[str]) -> None:
    told = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", row["words"])}
    assert told == {value(path) for path in re.findall(r"`([^`]+)`", row["code"])}


def test_the_table_is_there() -> None:
    assert len(ROWS) >= 15
