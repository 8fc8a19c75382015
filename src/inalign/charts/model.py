"""What a chart shows, apart from where it is drawn: stacked columns, sparklines, bars, and their numbers.

`charts/svg.py` places a chart for SVG. `as_json` gives the same chart to the script of pages (`web/static/chart.js`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec
from msgspec import Struct

from inalign.charts.palette import TEXTURES, colour_of

MAX_DAYS = 800
"""The most columns of a chart of days. A longer span has no columns for days without a row."""
TICKS = 4
"""Intervals of the vertical axis."""
SPARK_HEIGHT = 24.0
SPARK_STEP = 4


class Series(Struct, frozen=True):
    """A part of each column: its name in the palette, and its label for people."""

    name: str
    label: str


class ChartColumn(Struct, frozen=True):
    """A column: its label, and a count for each series, from the bottom."""

    label: str
    counts: tuple[int, ...]


class Mark(Struct, frozen=True, array_like=True):
    """A vertical line before a column, such as the day of a change, and its text."""

    column: int
    text: str


class ColumnChart(Struct, frozen=True, kw_only=True):
    """A chart of stacked columns, one for each day or minute."""

    title: str
    series: tuple[Series, ...]
    columns: tuple[ChartColumn, ...]
    percent: bool = False
    """Whether each column shows the shares of its series instead of their counts."""
    marks: tuple[Mark, ...] = ()
    link: str = ""
    """The address that a column leads to, with `{}` for its label; empty: columns lead nowhere."""

    @property
    def is_empty(self) -> bool:
        """Whether all counts are zero."""
        return not any(any(column.counts) for column in self.columns)

    @property
    def most(self) -> int:
        """The sum of the highest column."""
        return max((sum(column.counts) for column in self.columns), default=0)

    @property
    def top(self) -> int:
        """The value of the upper end of the vertical axis."""
        return 100 if self.percent else round_up(self.most)


def day_columns(
    rows: Sequence[tuple[date, Sequence[int]]], span: tuple[date | None, date | None] = (None, None)
) -> list[tuple[date, tuple[int, ...]]]:
    """Fill the days without a row with zeros, from the first to the last day of the span, by default of the rows.

    Rows are in the order of their days. Without rows there are no days; a span of more than `MAX_DAYS` is not filled.
    """
    if not rows:
        return []
    known = {day: tuple(counts) for day, counts in rows}
    first, last = span[0] or rows[0][0], span[1] or rows[-1][0]
    if (last - first).days > MAX_DAYS:
        first, last = rows[0][0], rows[-1][0]
    if (last - first).days > MAX_DAYS:
        return list(known.items())
    zeros = (0,) * len(rows[0][1])
    days = (first + timedelta(number) for number in range((last - first).days + 1))
    return [(day, known.get(day, zeros)) for day in days]


def round_up(number: int) -> int:
    """Return the smallest round number that is not below a number, and whose quarters are whole numbers."""
    unit = 1
    while number > 20 * unit:
        unit *= 10
    tops = (unit * factor for factor in (4, 6, 8, 10, 12, 16, 20))
    return next(top for top in tops if number <= top and top % TICKS == 0)


def ticks(top: int) -> tuple[int, ...]:
    """Return the values of the lines of the vertical axis, from zero to its upper end."""
    return tuple(top * number // TICKS for number in range(TICKS + 1))


def labelled(count: int, most: int) -> range:
    """Return the indexes of the columns whose labels are written: at most `most` of `count`, evenly spaced."""
    return range(0, count, max(1, -(-count // most)))


def widths(counts: Sequence[int], most: int, room: int) -> tuple[int, ...]:
    """Return the widths in pixels of the parts of a bar, where `most` messages are as wide as the room.

    A part that is not zero has at least one pixel. The sum is never more than the room.
    """
    found = [max(1, room * count // most) if count else 0 for count in counts]
    over = sum(found) - room
    if over > 0:
        found[found.index(max(found))] -= over
    return tuple(found)


class Part(NamedTuple):
    """A part of a horizontal bar: its series, where it begins and how wide it is, in percent."""

    series: str
    x: float
    width: float


def bar(parts: Sequence[tuple[str, float]], whole: float = 100.0) -> tuple[Part, ...]:
    """Place the parts of a horizontal bar next to each other; `whole` is as wide as the bar."""
    found, x = [], 0.0
    for series, value in parts:
        width = min(100.0 * value / whole if whole else 0.0, 100.0 - x)
        if width > 0:
            found.append(Part(series, round(x, 2), round(width, 2)))
            x += width
    return tuple(found)


class SparkPart(NamedTuple):
    """A rectangle of a sparkline."""

    series: str
    x: int
    y: float
    height: float


def sparkline(series: Sequence[str], rows: Sequence[Sequence[int]]) -> tuple[SparkPart, ...]:
    """Place small stacked columns, the highest as high as there is room; a count that is not zero is always visible."""
    top = max((sum(counts) for counts in rows), default=0)
    found = []
    for place, counts in enumerate(rows):
        heights = [max(SPARK_HEIGHT * count / top, 1.5) if count else 0.0 for count in counts]
        over = sum(heights) - SPARK_HEIGHT
        if over > 0:
            heights[heights.index(max(heights))] -= over
        y = SPARK_HEIGHT
        for name, height in zip(series, heights, strict=True):
            if height:
                y -= height
                found.append(SparkPart(name, place * SPARK_STEP, abs(round(y, 1)), round(height, 1)))
    return tuple(found)


def as_json(charts: dict[str, ColumnChart]) -> str:
    """Return charts by name as JSON for the script of the pages, with the colour and the texture of each series."""
    return msgspec.json.encode(
        {
            name: {
                "title": chart.title,
                "percent": chart.percent,
                "link": chart.link,
                "marks": chart.marks,
                "series": [
                    {"label": each.label, "colour": colour_of(each.name), "texture": texture}
                    for each, texture in zip(chart.series, TEXTURES, strict=False)
                ],
                "labels": [column.label for column in chart.columns],
                "counts": [column.counts for column in chart.columns],
            }
            for name, chart in charts.items()
        }
    ).decode()
