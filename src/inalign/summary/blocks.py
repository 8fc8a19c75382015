"""The blocks that a report is made of. Templates choose how to show a block by its `kind`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from inalign.charts.model import ColumnChart


class Tone(StrEnum):
    """Whether something is good or needs attention. It is never shown by colour only."""

    GOOD = "good"
    ATTENTION = "attention"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Lead:
    """The sentences on top."""

    kind: ClassVar = "lead"

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

    kind: ClassVar = "cards"

    cards: tuple[FigureCard, ...]


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A chart of the days of a period, and the headings of the table of its numbers."""

    kind: ClassVar = "chart"

    chart: ColumnChart
    numbers: str
    """The title of the table; then two of its columns."""
    day: str
    all: str


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Rows of texts; `numbers` are the places of columns that are numbers."""

    kind: ClassVar = "table"

    title: str
    columns: Sequence[str]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Narrow tables side by side, where there is room."""

    kind: ClassVar = "row"

    tables: tuple[TableBlock, ...]


@dataclass(frozen=True, slots=True)
class ListLine:
    """An entry of a list."""

    text: str
    page: str = ""
    """The https address of a page that explains it, or an empty text."""


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list with a title, numbered or not."""

    kind: ClassVar = "list"

    title: str
    lines: tuple[ListLine, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class RecordBlock:
    """A DNS record to publish."""

    kind: ClassVar = "record"

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Paragraphs of text, with or without a title."""

    kind: ClassVar = "notes"

    paragraphs: tuple[str, ...]
    title: str = ""


Block = Lead | Cards | ChartBlock | TableBlock | RowBlock | ListBlock | RecordBlock | Notes


@dataclass(frozen=True, slots=True)
class Section:
    """A domain, or the overview of all."""

    title: str
    state: str
    blocks: tuple[Block, ...]
