"""The citations of RFCs in src/ and tests/: `RFC nnnn section x.y`, in comments, docstrings and our own data files.

Read are `section 3.2`, `section 3.2 and 3.3`, `sections 3, 4.1 (what for) and 5`, `appendix A.4`, over line ends too; a
list of RFCs (`RFC 5322, 6532`); and a bare `section 3.2`, which belongs to the RFC named last before it. A bare number
of one level (`section 10`) is taken for a section of something else. Vectors of ours that are named after an RFC
(`rfc9989.jsonl`) say in each line which section the case is about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SECTIONS = ROOT / "docs" / "rfc" / "sections.txt"
STATE = ROOT / "docs" / "rfc" / "state.tsv"

OURS = {".py", ".toml", ".md", ".tsv", ".zone"}
"""Kinds of files that are read; of the vectors, what donors wrote is in others (.jsonl, .eml, .txt)."""

_VECTORS = re.compile(r"rfc\d+\.jsonl")


class Citation(NamedTuple):
    """One RFC, or one section of one, named in one place."""

    rfc: int
    section: str | None
    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: RFC {self.rfc}" + (f" section {self.section}" if self.section else "")


class Standard(NamedTuple):
    """One row of docs/rfc/state.tsv."""

    state: str
    title: str
    note: str


class Sections(NamedTuple):
    """The sections of one RFC in docs/rfc/sections.txt."""

    titles: Mapping[str, str]
    is_whole: bool
    """Whether all sections are listed, or only those that we cite."""


_GAP = r"(?:[ \t]+|[ \t]*\n[ \t]*(?:[#;][ \t]*)?)"
_RFC = re.compile(rf"\bRFC{_GAP}(\d{{3,5}})\b")
_MORE_RFCS = re.compile(rf"(?:,{_GAP}(?:and{_GAP})?|{_GAP}(?:and|with|to){_GAP})(\d{{4}})\b(?!\.\d)")
_KEYWORD = re.compile(rf"{_GAP}(section|sections|appendix|appendices){_GAP}(?=[0-9A-Z])")
_BARE = re.compile(rf"(?<!design )\b(?:sections?{_GAP}(?=\d+\.\d)|appendix{_GAP}(?=[A-Z]\b))")
_ITEM = re.compile(r"(\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)(?![\w-])")
_REMARK = re.compile(rf"{_GAP}\([^()]*\)")
_SEPARATOR = re.compile(rf"(?:,{_GAP}(?:and{_GAP})?|{_GAP}and{_GAP})(?:(?:sections?|appendix){_GAP})?")


def read_citations() -> Iterator[Citation]:
    """All citations of the project, file by file, but those of this folder, which are examples."""
    known = frozenset(read_state())
    for top in ("src", "tests"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in OURS and "LICENSE" not in path.name and Path(__file__).parent not in path.parents:
                yield from find_citations(path.read_text("utf-8"), path.relative_to(ROOT).as_posix(), known)
            elif _VECTORS.fullmatch(path.name):
                yield from _cases(path)


def _cases(path: Path) -> Iterator[Citation]:
    rfc = int(path.stem.removeprefix("rfc"))
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        section = json.loads(line).get("section")
        if section is not None:
            yield Citation(rfc, section, path.relative_to(ROOT).as_posix(), number)


def find_citations(text: str, path: str, known: frozenset[int]) -> Iterator[Citation]:
    """The citations of one text; a number in a list counts as an RFC only where it is one of the `known`."""
    found: list[tuple[int, int, str | None]] = []
    places: list[tuple[int, int]] = []
    covered = 0
    for opening in _RFC.finditer(text):
        if opening.start() < covered:
            continue
        rfc, position = int(opening[1]), opening.end()
        while True:
            sections, position = _sections(text, position)
            found += [(opening.start(), rfc, section) for section in sections or (None,)]
            places.append((opening.start(), rfc))
            remark = _REMARK.match(text, position)
            more = _MORE_RFCS.match(text, remark.end() if remark else position)
            if more is None or int(more[1]) not in known:
                break
            rfc, position = int(more[1]), more.end()
        covered = position
        found += _bare(text, position, rfc)
    for place, rfc, section in sorted(found, key=lambda one: one[0]):
        yield Citation(rfc, section, path, text.count("\n", 0, place) + 1)


def _bare(text: str, start: int, rfc: int) -> Iterator[tuple[int, int, str]]:
    """Sections without an RFC of their own, up to the next RFC that is named."""
    following = _RFC.search(text, start)
    for keyword in _BARE.finditer(text, start, following.start() if following else len(text)):
        for section in _list(text, keyword.end())[0]:
            yield keyword.start(), rfc, section


def _sections(text: str, position: int) -> tuple[list[str], int]:
    keyword = _KEYWORD.match(text, position)
    return _list(text, keyword.end(), is_plural=keyword[1] != "section") if keyword else ([], position)


def _list(text: str, position: int, *, is_plural: bool = False) -> tuple[list[str], int]:
    """The numbers of a list, and where it ends. In the singular, only a number with a dot continues it."""
    sections: list[str] = []
    item = _ITEM.match(text, position)
    while item is not None:
        sections.append(item[1])
        position = item.end()
        remark = _REMARK.match(text, position)
        separator = _SEPARATOR.match(text, remark.end() if remark else position)
        item = _ITEM.match(text, separator.end()) if separator else None
        if item is not None and not is_plural and "." not in item[1]:
            item = None
        if item is not None and len(item[1]) == 4 and item[1].isdigit():
            item = None  # an RFC
    return sections, position


def read_sections() -> dict[int, Sections]:
    """docs/rfc/sections.txt: of each RFC the titles by number; appendices have letters."""
    sections: dict[int, dict[str, str]] = {}
    whole = set()
    titles: dict[str, str] = {}
    for line in SECTIONS.read_text("utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        if line.startswith("RFC "):
            number, _, remark = line.removeprefix("RFC ").partition(", ")
            titles = sections[int(number)] = {}
            if not remark:
                whole.add(int(number))
            continue
        section, _, title = line.partition("\t")
        assert section not in titles, line
        titles[section] = title
    return {rfc: Sections(titles, rfc in whole) for rfc, titles in sections.items()}


def read_state() -> dict[int, Standard]:
    """docs/rfc/state.tsv: of each RFC that we cite how much of it is here."""
    rows = [line.split("\t") for line in STATE.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {int(number): Standard(state, title, note) for number, state, title, note in rows}
