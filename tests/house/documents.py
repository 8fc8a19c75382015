"""Writes the pages of docs/ that are made of the code (`make docs`); `--check` says which of them are not current.

docs/conformance.md: which file obeys, and which test checks, each section of an RFC that we cite (`citations.py`).
docs/api.md: the public names with their docstrings (`api.py`).
docs/architecture.md: the layers and the modules, between marks (`architecture.py`); the rest is written by hand.
docs/insight.md: the rules of the classification, between marks (`rules.py`).
docs/settings.md: every setting with its default and meaning (`inalign.settings`).
docs/man/: the manual pages, of `--help` and of the settings (`manual.py`).
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from inalign.settings.manual import describe, header_of, meaning_of
from tests.house.api import api
from tests.house.architecture import fill
from tests.house.citations import ROOT, Citation, Sections, Standard, read_citations, read_sections, read_state
from tests.house.manual import manual, settings_manual
from tests.house.rules import fill_rules

DOCS = ROOT / "docs"

STATES = {
    "whole": "all that it asks of what Inalign does: verify, and filter mail for an MTA",
    "part": "some of it, and the note says what",
    "used": "a definition, a grammar or a number is taken from it",
    "old": "replaced by another; met in the wild and read",
}

CONFORMANCE = """\
# Conformance

Which file obeys which section of which RFC, and which test checks it.
This page is made of the citations in the code (`make docs`); every number is checked against \
[rfc/sections.txt](rfc/sections.txt).
A row without a test says that no test cites the section, not that none reaches it.
The tests of the file that obeys it (`tests/dkim/test_key.py` for `dkim/key.py`) and the vectors of other \
implementations (`tests/vectors/`) cite little.
Chosen where an RFC leaves a choice: [decisions/](decisions/).

{sections} sections of {rfcs} RFCs are cited in the source; for {tested} of them a test cites the section, too.

## The RFCs

{states}

| RFC | title | state | what of it is here |
| --- | --- | --- | --- |
{table}
"""

SETTINGS = """\
# Settings

All settings of `inalign.toml`, made of the code (`make docs`).
`inalign config sample` prints them as a file with every default commented out.
`inalign config check` reads a file, names file, line and key of what is wrong, and says what the settings will do.
A key that is not listed here is an error.
Without `--config`, `inalign.toml` in the current directory is read, else `/etc/inalign/inalign.toml`.
Without either the defaults hold.
"""


def pages() -> dict[str, str]:
    """The generated pages, by name within docs/."""
    return {
        "api.md": api(),
        "architecture.md": fill(_read("architecture.md")),
        "conformance.md": conformance(list(read_citations()), read_sections(), read_state()),
        "insight.md": fill_rules(_read("insight.md")),
        "settings.md": settings(),
        "man/inalign.1": manual(),
        "man/inalign.toml.5": settings_manual(),
    }


def stale() -> list[str]:
    """The pages that are not what the code makes of them now."""
    return [name for name, text in pages().items() if not (DOCS / name).exists() or _read(name) != text]


def _read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def conformance(citations: Iterable[Citation], sections: Mapping[int, Sections], state: Mapping[int, Standard]) -> str:
    """The page for these citations."""
    files: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in citations:
        files[one.rfc][one.section or ""].add(one.path)
    in_source = [paths for of in files.values() for name, paths in of.items() if name and _source(paths)]
    head = CONFORMANCE.format(
        sections=len(in_source),
        rfcs=sum(any(_source(paths) for paths in of.values()) for of in files.values()),
        tested=sum(bool(_tests(paths)) for paths in in_source),
        states="\n".join(f"- *{word}*: {meaning}" for word, meaning in STATES.items()),
        table="\n".join(_row(rfc, state[rfc], has_sections=any(files[rfc])) for rfc in sorted(files)),
    )
    parts = [
        "\n".join(_chapter(rfc, state[rfc], sections[rfc], files[rfc])) for rfc in sorted(files) if any(files[rfc])
    ]
    return head + "\n" + "\n\n".join(parts) + "\n"


def _row(rfc: int, standard: Standard, *, has_sections: bool) -> str:
    number = f"[{rfc}](#rfc-{rfc})" if has_sections else str(rfc)
    return f"| {number} | {_cell(standard.title)} | {standard.state} | {_cell(standard.note)} |"


def _chapter(rfc: int, standard: Standard, sections: Sections, files: Mapping[str, set[str]]) -> Iterator[str]:
    yield f"## RFC {rfc}"
    yield ""
    yield standard.title
    yield ""
    yield "| section | title | source | tests |"
    yield "| --- | --- | --- | --- |"
    for section, title in sections.titles.items():  # in the order of the RFC
        if section in files:
            paths = files[section]
            yield f"| {section} | {_cell(title)} | {_links(_source(paths))} | {_links(_tests(paths))} |"


def _source(paths: Iterable[str]) -> list[str]:
    return sorted(path for path in paths if path.startswith("src/"))


def _tests(paths: Iterable[str]) -> list[str]:
    return sorted(path for path in paths if path.startswith("tests/"))


def _links(paths: Iterable[str]) -> str:
    return ", ".join(f"[{path.removeprefix('src/inalign/').removeprefix('tests/')}](../{path})" for path in paths)


def settings() -> str:
    """The page of the settings, a chapter a table of the file."""
    rows: dict[str, list[str]] = defaultdict(list)
    for key, kind, default, meaning in describe():
        head, _, name = key.rpartition(".")
        rows[head].append(f"| `{name}` | {_cell(kind)} | {_code(default)} | {_cell(meaning)} |")
    lines = [SETTINGS]
    for head, of_table in rows.items():
        lines += [*_heading(head), "| key | takes | default | meaning |", "| --- | --- | --- | --- |", *of_table]
    return "\n".join(lines) + "\n"


def _heading(table: str) -> list[str]:
    if not table:
        return ["## At the top of the file", ""]
    return ["", f"## `{header_of(table)}`", "", meaning_of(table), ""]


def _code(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return "`[]`" if not value else "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    if arguments == ["--check"]:
        found = stale()
        for name in found:
            sys.stderr.write(f"docs/{name} is not what the code says now: run `make docs`\n")
        return 1 if found else 0
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
