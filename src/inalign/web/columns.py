"""Small charts as SVG within the page: they need no script, and print. The numbers stand in a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SPARK_HEIGHT = 24
SPARK_STEP = 4
HEIGHT = 160
WIDTH = 800
MAX_LABELS = 8
"""Below the columns; more run into each other on a phone."""


def spark(values: Sequence[int]) -> str:
    """Columns of a row of numbers as one path, the largest as high as there is room."""
    most = max(values, default=0)
    if not most:
        return ""
    parts = []
    for place, value in enumerate(values):
        if value:
            height = max(1.0, SPARK_HEIGHT * value / most)
            parts.append(f"M{place * SPARK_STEP} {SPARK_HEIGHT}v-{height:.1f}h{SPARK_STEP - 1}v{height:.1f}z")
    return "".join(parts)


class Part(NamedTuple):
    """A rectangle of a column."""

    name: str
    """Of the series, which is its colour too."""
    y: float
    height: float


class Column(NamedTuple):
    """A day, or a minute."""

    x: float
    title: str
    parts: tuple[Part, ...]


class Label(NamedTuple):
    """Below the columns."""

    x: float
    text: str
    anchor: str = "middle"


class Stack(NamedTuple):
    """Stacked columns."""

    width: int
    height: int
    step: float
    columns: tuple[Column, ...]
    labels: tuple[Label, ...]
    most: int
    """What the highest column stands for."""


def stack(rows: Sequence[tuple[str, Sequence[int]]], names: Sequence[str], words: Sequence[str]) -> Stack | None:
    """Rows of a label and a number for each series; None where all of them are nothing."""
    most = max((sum(numbers) for _, numbers in rows), default=0)
    if not most:
        return None
    step = WIDTH / len(rows)
    columns = []
    for place, (label, numbers) in enumerate(rows):
        top, parts = float(HEIGHT), []
        for name, number in zip(names, numbers, strict=True):
            if number:
                height = HEIGHT * number / most
                top -= height
                parts.append(Part(name, round(top, 2), round(height, 2)))
        told = ", ".join(f"{word} {number:,}" for word, number in zip(words, numbers, strict=True) if number)
        columns.append(Column(round(place * step, 2), f"{label}: {told or 0}", tuple(parts)))
    return Stack(WIDTH, HEIGHT, round(step, 3), tuple(columns), _labels([label for label, _ in rows], step), most)


def _labels(texts: Sequence[str], step: float) -> tuple[Label, ...]:
    every = -(-len(texts) // MAX_LABELS)
    shown = [Label(round((place + 0.5) * step, 1), text) for place, text in enumerate(texts) if place % every == 0]
    if len(shown) > 1:
        shown[0] = Label(0, shown[0].text, "start")
        if shown[-1].x > WIDTH - 60:
            shown[-1] = Label(WIDTH, shown[-1].text, "end")
    return tuple(shown)
