"""The blocks that a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How things stand; never told by colour alone."""

    GOOD = "good"
    ATTENTION = "attention"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Lead:
    """The sentences on top."""

    sentences: tuple[str, ...]
    tone: Tone


@dataclass(frozen=True, slots=True)
class FigureCard:
    """A figure that stands out."""

    label: str
    value: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """Some of them side by side."""

    cards: tuple[FigureCard, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked columns of days in the four classes."""

    title: str
    legend: tuple[str, ...]
    days: tuple[tuple[str, tuple[int, int, int, int]], ...]
    numbers: str
    """What the table of its numbers is called; then two of its columns."""
    day: str
    all: str


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Rows of texts; `numbers` are the places of columns that are numbers."""

    title: str
    columns: Sequence[str]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Narrow tables side by side, where there is room."""

    tables: tuple[TableBlock, ...]


@dataclass(frozen=True, slots=True)
class ListLine:
    """An entry of a list."""

    text: str
    page: str = ""
    """Where it is explained, of https alone."""


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list."""

    title: str
    lines: tuple[ListLine, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class RecordBlock:
    """A DNS record to publish."""

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    title: str = ""


Block = Lead | Cards | Chart | TableBlock | RowBlock | ListBlock | RecordBlock | Notes


@dataclass(frozen=True, slots=True)
class Section:
    """A domain, or the overview of all."""

    title: str
    state: str
    blocks: tuple[Block, ...]
