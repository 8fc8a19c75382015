"""The patterns of a `refile:`: all text stands for itself in any case, `*` for anything, from end to end.

Tables have one pattern a domain, and there may be 100,000: those that end in a domain are found by it, and only the
others are tried one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from inalign.keys.opendkim.data_set import DataSetRow
from inalign.mail.domain import DomainError, parse_domain


class Patterns:
    """The rows of a `refile:`, ready to be asked."""

    def __init__(self, rows: Iterable[DataSetRow]) -> None:
        self._by_end: dict[str, list[tuple[DataSetRow, str]]] = {}
        for row in rows:
            pattern = _in_one_form(row.name)
            self._by_end.setdefault(_end(pattern), []).append((row, pattern))

    def matches(self, text: str) -> Iterator[DataSetRow]:
        """The rows that match, in the order of the file."""
        text = text.lower()
        found = [held for end in _ends_of(text) for held in self._by_end.get(end, ())]
        return (row for row, pattern in sorted(found) if matches(pattern, text))


def _in_one_form(pattern: str) -> str:
    """In lower case, a whole domain in A-labels."""
    pattern = pattern.lower()
    head, at, domain = pattern.rpartition("@")
    if at and not domain.isascii() and "*" not in domain:
        with suppress(DomainError):
            return f"{head}@{parse_domain(domain)}"
    return pattern


def _end(pattern: str) -> str:
    """What a text must end in, as `_ends_of` yields it; "" for a pattern that says no more than that it may be any."""
    tail = pattern.rpartition("*")[2]
    if "@" in tail:
        return tail[tail.rindex("@") :]
    return tail if tail.startswith(".") else ""


def _ends_of(text: str) -> Iterator[str]:
    yield ""
    at = text.rfind("@")
    if at >= 0:
        yield text[at:]
    dot = text.find(".", at + 1)
    while dot >= 0:
        yield text[dot:]
        dot = text.find(".", dot + 1)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text has the form of the pattern; in the time of one walk over it."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    last = others.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in others:  # the leftmost place leaves most room for the others
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
