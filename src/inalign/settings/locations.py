"""The line of each key and table in TOML text, for errors that name file and line."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(?P<list>\[)?\[\s*(?P<name>[^\]]+?)\s*\]")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_.\"' -]+?)\s*=")
_TOKEN = re.compile(r"\"\"\"|'''|\\.|[\"'\[\]{}#]")


def key_lines(text: str) -> dict[str, int]:
    """Return the line of each key and table of valid TOML text: `milter.listen`, `sign.key[0].file`, `sign.key[0]`.

    A line inside a multi-line string or array is no key and no table, whatever it looks like.
    """
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, quote, depth = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not quote and not depth:
            if header := _HEADER.match(line):
                table = header["name"].replace('"', "").replace("'", "")
                if header["list"]:
                    counts[table] = counts.get(table, -1) + 1
                    table = f"{table}[{counts[table]}]"
                lines.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                name = "".join(letter for letter in key["name"] if letter not in "\"' ")
                lines.setdefault(f"{table}.{name}".strip("."), number)
        quote, depth = _after(line, quote, depth)
    return lines


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Return which multi-line string and how many brackets are open after a line."""
    for match in _TOKEN.finditer(line):
        part = match[0]
        if quote:
            if part == quote:
                quote = ""
        elif part == "#":
            break
        elif part in ('"', "'", '"""', "'''"):
            quote = part
        elif part in "[{":
            depth += 1
        elif part in "]}":
            depth = max(0, depth - 1)
    return (quote if len(quote) == 3 else ""), depth  # only the long forms go on in the next line
