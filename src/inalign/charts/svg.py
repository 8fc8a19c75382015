"""Places of the parts of a chart within its SVG image. `templates/charts.html` writes the image."""

from __future__ import annotations

from typing import NamedTuple

from jinja2 import Environment, PackageLoader

from inalign.charts.model import ColumnChart, labelled, ticks
from inalign.charts.palette import TEXTURES, colour_of

WIDTH, HEIGHT = 720, 200
LEFT, TOP, BOTTOM = 62, 8, 24
"""Room for the numbers of the vertical axis, for the upper half of the highest number, and for the labels."""
MAX_LABELS = 8
"""Labels below the columns: more of them would touch each other."""
BAR = 0.76
"""The share of its step that a column is wide."""


class Fill(NamedTuple):
    """How a series is filled."""

    series: str
    label: str
    colour: str
    texture: str


class Box(NamedTuple):
    """A part of a column; `fill` is the index of its series."""

    fill: int
    y: float
    height: float


class PlacedColumn(NamedTuple):
    """A column of an image."""

    x: float
    title: str
    link: str
    boxes: tuple[Box, ...]


class Label(NamedTuple):
    """A text next to an axis. A minor one is left out where there is little room."""

    place: float
    text: str
    is_minor: bool = False


class Drawing(NamedTuple):
    """An image of stacked columns."""

    fills: tuple[Fill, ...]
    columns: tuple[PlacedColumn, ...]
    lines: tuple[Label, ...]
    labels: tuple[Label, ...]
    marks: tuple[Label, ...]
    step: float
    bar: float
    left: int = LEFT
    top: int = TOP
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = HEIGHT - BOTTOM


def place(chart: ColumnChart) -> Drawing:
    """Place the columns, the axes and the marks of a chart."""
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(len(chart.columns), 1)
    shown = labelled(len(chart.columns), MAX_LABELS)
    return Drawing(
        fills=tuple(
            Fill(each.name, each.label, colour_of(each.name), texture)
            for each, texture in zip(chart.series, TEXTURES, strict=False)
        ),
        columns=tuple(_column(chart, index, step, room) for index in range(len(chart.columns))),
        lines=tuple(
            Label(round(HEIGHT - BOTTOM - room * value / chart.top, 2), f"{value:,}{'%' if chart.percent else ''}")
            for value in ticks(chart.top)
        ),
        labels=tuple(
            Label(round(LEFT + (index + 0.5) * step, 2), chart.columns[index].label, bool(number % 2))
            for number, index in enumerate(shown)
        ),
        marks=tuple(Label(round(LEFT + mark.column * step, 2), mark.text) for mark in chart.marks),
        step=round(step, 3),
        bar=round(BAR * step, 3),
    )


def _column(chart: ColumnChart, index: int, step: float, room: int) -> PlacedColumn:
    column = chart.columns[index]
    whole = (sum(column.counts) or 1) if chart.percent else chart.top
    y, boxes = float(HEIGHT - BOTTOM), []
    for fill, count in enumerate(column.counts):
        if count:
            height = room * count / whole
            y -= height
            boxes.append(Box(fill, round(y, 2), round(height, 2)))
    counts = (f"{each.label} {count:,}" for each, count in zip(chart.series, column.counts, strict=True) if count)
    title = f"{column.label}: {', '.join(counts) or 0}"
    x = round(LEFT + (index + (1 - BAR) / 2) * step, 2)
    return PlacedColumn(x, title, chart.link.replace("{}", column.label), tuple(boxes))


def add_charts(environment: Environment) -> PackageLoader:
    """Give the functions that `charts.html` needs to an environment of templates; return the loader of that file."""
    environment.globals |= {"place_columns": place}
    return PackageLoader("inalign.charts")
