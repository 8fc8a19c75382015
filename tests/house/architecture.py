"""The tables of docs/architecture.md: the layers of the import contract, and every package and module."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.house.citations import ROOT

SOURCE = ROOT / "src" / "inalign"
BEGIN = "<!-- made of the code by `make docs`: {name} -->"
END = "<!-- end of {name} -->"


def fill(page: str) -> str:
    """Return the page with the text between the marks of each generated part replaced."""
    for name, lines in (("layers", layers()), ("modules", modules())):
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = "\n".join([before + begin, "", *lines, "", end]) + after
    return page


def layers() -> Iterator[str]:
    """Yield the layers of the import contract, the highest first, as a code block."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    (contract,) = [one for one in tool["importlinter"]["contracts"] if one["type"] == "layers"]
    yield "```text"
    yield from contract["layers"]
    yield "```"


def modules() -> Iterator[str]:
    """Yield a heading and a table for each package: its modules with the first sentence of their docstrings."""
    package = None
    for name, says in module_rows():
        home, _, stem = name.rpartition(".")
        if (SOURCE / Path(*name.split(".")[1:]) / "__init__.py").exists():
            package = name
            yield from ([] if name == "inalign" else [""])
            yield f"### `{name.removeprefix('inalign.')}`"
            yield ""
            yield says
            yield ""
            yield "| module | what it does |"
            yield "| --- | --- |"
        else:
            assert home == package, name
            yield f"| `{stem}` | {says.replace('|', chr(92) + '|')} |"


def module_rows() -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the first docstring sentence of each package, its modules and its sub-packages."""
    yield from _rows(SOURCE, "inalign")


def _rows(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    yield name, first_sentence(folder / "__init__.py")
    for path in sorted(folder.glob("*.py")):
        if path.stem != "__init__":
            yield f"{name}.{path.stem}", first_sentence(path)
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").exists():
            yield from _rows(path, f"{name}.{path.name}")


def first_sentence(path: Path) -> str:
    """Return the first sentence of the module's docstring, without line breaks."""
    paragraph = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0].rstrip(".") + "."
