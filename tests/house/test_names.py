"""Names and docstrings of the source use the field's terms (docs/glossary.md)."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.citations import ROOT

SOURCE = ROOT / "src" / "inalign"
FILES = sorted(SOURCE.rglob("*.py"))

REFUSED = {
    "tell": "report, show, log, return",
    "mend": "repair, fix",
    "kept": "stored, cached",
    "standing": "state, authenticity",
    "judge": "assess, evaluate, verify, classify",
    "judgement": "assessment, classification",
    "veil": "redaction",
    "stranger": "third party, unrelated sender",
    "surroundings": "context",
    "errand": "background sync",
    "desk": "source context",
    "heed": "apply",
    "receipt": "load result",
    "keeper": "reportd",
    "carrier": "authenticity, report mail",
    "companion": "child",
    "settle": "refresh, apply",
    "tend": "refresh",
    "ruling": "decision, classification",
    "handling": "disposition",
    "life": "managed key, lifetime",
    "naming": "reverse DNS",
    "blocklist": "DNSBL",
    "rhythm": "sending pattern",
    "watched": "snapshot, alert rules",
    "posting": "summaries",
    "sourcing": "intake",
    "showing": "web",
    "whoever": "client, sender, operator",
    "bear": "tolerate",
    "beside": "next to, in addition to",
}
"""Words that this project once used for the field's terms, each with the terms to use."""

FORMS = {
    form: word
    for word in REFUSED
    for form in (word, f"{word}s", f"{word.removesuffix('e')}ed", f"{word.removesuffix('e')}ing")
} | {"told": "tell", "lives": "life", "keeping": "keeper", "judgment": "judgement", "bears": "bear"}


UNFINISHED = {
    "alerts",
    "assessment",
    "authenticity",
    "cli",
    "ingest",
    "insight",
    "intake",
    "milter",
    "reportd",
    "reports",
    "sample",
    "store",
    "web",
    "wiring",
}
"""Packages whose names and docstrings are still to be rewritten. None is added; one that is clean is taken out."""


def words_of(identifier: str) -> set[str]:
    """Return the lower-case words of an identifier in snake_case, CamelCase or UPPER_CASE."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)}


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every class, function, parameter, variable and attribute that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of every docstring: of the module, of classes and functions, and below attributes."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, statement in zip([None, *body], body, strict=False):
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not is_text or not isinstance(statement.value.value, str):
                continue
            if before is None or isinstance(before, ast.Assign | ast.AnnAssign):
                yield statement.lineno, statement.value.value


def _package(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0]


def _refused_words(path: Path) -> list[str]:
    named = [(0, part) for part in path.relative_to(SOURCE).with_suffix("").parts]
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}: use {REFUSED[FORMS[word]]}"
        for line, name in [*named, *identifiers(ast.parse(path.read_text("utf-8")))]
        for word in sorted(words_of(name) & FORMS.keys())
    ]


def _short_docstrings(path: Path) -> list[str]:
    """Three words cannot say what a function does with its arguments."""
    tree = ast.parse(path.read_text("utf-8"))
    return [f"{path.relative_to(ROOT)}:{line}: {text!r}" for line, text in docstrings(tree) if len(text.split()) <= 3]


def test_identifiers_and_docstrings_use_the_terms_of_the_field() -> None:
    found = {path: _refused_words(path) + _short_docstrings(path) for path in FILES}
    assert not [fault for path, faults in found.items() if _package(path) not in UNFINISHED for fault in faults]
    finished = UNFINISHED - {_package(path) for path, faults in found.items() if faults}
    assert not finished, f"nothing is left to do there: take them out of UNFINISHED: {finished}"


def test_class_names_are_unique() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    del homes["Words"]  # pages and summaries have a catalogue of texts each
    assert not {name: places for name, places in homes.items() if len(places) > 1}


FOREIGN_DOCUMENT = re.compile(r"\bdesign section\b|\bsection \d+ of the design\b|\bsee issue\b", re.IGNORECASE)
OWN_DOCUMENT = re.compile(r"(?<![\w./-])((?:docs/)?[\w/-]+\.md)\b")


def test_cited_documents_are_in_the_repository() -> None:
    found = []
    for path in [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").glob("*.py"))]:
        text = path.read_text("utf-8")
        cited = {name for name in OWN_DOCUMENT.findall(text) if not _exists(name, path)}
        foreign = set() if path.parent == Path(__file__).parent else set(FOREIGN_DOCUMENT.findall(text))
        found += [f"{path.relative_to(ROOT)}: {name}" for name in cited | foreign]
    assert not found


def _exists(name: str, path: Path) -> bool:
    return any((folder / name).exists() for folder in (ROOT, ROOT / "docs", path.parent))
