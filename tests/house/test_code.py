"""What every file and every public name of the project owes its reader."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import inalign
from tests.house.citations import ROOT

SOURCE = ROOT / "src" / "inalign"
RESULTS = sorted(SOURCE.glob("*/result.py"))


def members(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Of every enumeration of reasons in a file: its name, and name, value and docstring of each member."""
    for kind in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(kind, ast.ClassDef) or not kind.name.endswith("Reason"):
            continue
        for place, node in enumerate(kind.body):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                following = kind.body[place + 1] if place + 1 < len(kind.body) else None
                yield kind.name, node.targets[0].id, ast.literal_eval(node.value), _docstring(following)


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""


def test_there_are_reasons() -> None:
    assert {kind for path in RESULTS for kind, *_ in members(path)} >= {"ArcReason", "DkimReason", "DmarcReason"}


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.parent.name)
def test_every_reason_is_documented(path: Path) -> None:
    assert not [f"{kind}.{name}" for kind, name, _, docstring in members(path) if not docstring.endswith(".")]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.parent.name)
def test_every_reason_appears_in_a_test(path: Path) -> None:
    package = path.parent.name
    places = [ROOT / "tests" / package, ROOT / "tests" / "vectors" / package, ROOT / "tests" / "flow"]
    texts = "\n".join(
        file.read_text("utf-8")
        for place in places
        for file in sorted(place.rglob("*"))
        if file.suffix in {".py", ".jsonl", ".json", ".toml", ".tsv"}
    )
    missing = [
        f"{kind}.{name}"
        for kind, name, value, _ in members(path)
        if not re.search(rf"\b{kind}\.{name}\b|[\"' ]{value}[\"']", texts)
    ]
    assert not missing


@pytest.mark.parametrize("name", inalign.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    value: object = getattr(inalign, name)
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}(")  # what dataclasses write by themselves


def test_public_names_are_those_that_are_imported_on_first_use() -> None:
    assert set(inalign.__all__) - {"__version__"} == set(inalign._HOMES)


def test_every_module_has_a_docstring() -> None:
    assert not [path for path in SOURCE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]


# Written in pieces, so that this file does not hold what it looks for.
FOREIGN = [
    r"/" + r"work/(?!$)",  # a folder of the machine on which this was written; .gitignore may name it
    r"/(?:home|Users)/" + r"[a-z]",
    r"--(?:extra-)?index-" + r"url",
    r"https?://[^\s/]*(?:py" + r"pi|pythonhosted|arti" + r"factory|nexus)",
]


def tracked_files() -> list[Path]:
    """The files under version control; all that are no build products, where this is a copy without it."""
    git = shutil.which("git")
    listed = git and subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed and listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    kept = [".ci", "bench", "docs", "packaging", "src", "tests"]
    return [
        path for top in kept for path in (ROOT / top).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]


def test_no_tracked_file_names_a_machine_or_a_package_index() -> None:
    foreign = re.compile("|".join(FOREIGN).encode())
    found = []
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("tests/vectors/"):
            continue  # data of others; a message may hold any address
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if foreign.search(line):
                found.append(f"{name}:{number}: {line[:80]!r}")
    assert not found, "\n".join(found)
