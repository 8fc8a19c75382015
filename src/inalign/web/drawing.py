"""Figures drawn on the server: stacked days, sparklines, and the map; geometry alone, colours are of the CSS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from msgspec import Struct

MAX_DAYS = 800
"""Columns; between days of a longer span no empty ones are drawn."""
TICKS = 4
FADES = (0.6, 0.25, 0.07)
"""Shares of the largest country from which on a country is drawn in the darker shades."""


class Bar(NamedTuple):
    """A part of a column; heights are parts of a hundred, from the top."""

    name: str
    y: float
    height: float


class Column(NamedTuple):
    """A day."""

    day: date
    counts: tuple[int, ...]
    bars: tuple[Bar, ...]


class Plot(Struct, frozen=True):
    """Stacked columns of days."""

    names: tuple[str, ...]
    """Of the parts, from the bottom."""
    columns: tuple[Column, ...]
    ticks: tuple[tuple[float, float], ...]
    """Value and height of the lines."""
    percent: bool
    marks: tuple[tuple[int, str], ...]
    """Columns before which a line stands, and what it says."""

    @property
    def days(self) -> tuple[date, ...]:
        """Those that are written below: the first, middle and last."""
        if not self.columns:
            return ()
        places = sorted({0, len(self.columns) // 2, len(self.columns) - 1})
        return tuple(self.columns[place].day for place in places)


def stacked(
    names: Sequence[str],
    rows: Sequence[tuple[date, Sequence[int]]],
    *,
    percent: bool = False,
    marks: Sequence[tuple[date, str]] = (),
    span: tuple[date | None, date | None] = (None, None),
) -> Plot:
    """A plot of rows in the order of their days, from the first to the last day of a span, by default of the rows;
    days without a row are empty. Without rows there are no columns."""
    days = _with_gaps(rows, span)
    top = 100.0 if percent else _round_up(max((sum(counts) for _, counts in days), default=0))
    columns = []
    for day, counts in days:
        whole = (sum(counts) or 1) if percent else top
        scale = 100.0 / whole
        y, bars = 100.0, []
        for name, count in zip(names, counts, strict=True):
            if count:
                y -= count * scale
                bars.append(Bar(name, abs(round(y, 2)), round(count * scale, 2)))
        columns.append(Column(day, tuple(counts), tuple(bars)))
    places = {day: place for place, (day, _) in enumerate(days)}
    return Plot(
        tuple(names),
        tuple(columns),
        tuple((top * step / TICKS, 100.0 - 100.0 * step / TICKS) for step in range(TICKS, -1, -1)),
        percent,
        tuple((places[day], text) for day, text in marks if day in places),
    )


def _with_gaps(
    rows: Sequence[tuple[date, Sequence[int]]], span: tuple[date | None, date | None]
) -> list[tuple[date, Sequence[int]]]:
    if not rows:
        return []
    first, last = span[0] or rows[0][0], span[1] or rows[-1][0]
    if (last - first).days > MAX_DAYS:
        first, last = rows[0][0], rows[-1][0]
    if (last - first).days > MAX_DAYS:
        return list(rows)
    known, nothing = dict(rows), [0] * len(rows[0][1])
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    return [(day, known.get(day, nothing)) for day in days]


def _round_up(value: int) -> int:
    """A number above that is easy to divide by the ticks."""
    step = 4
    while True:
        for factor in (1, 2, 3, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


class Spark(NamedTuple):
    """A column of a sparkline: the height of what passes, and of what fails on top of it."""

    x: int
    passed: float
    failed: float


def sparkline(trend: Sequence[tuple[int, int]], height: float = 24.0) -> tuple[Spark, ...]:
    """Of messages and how many passed; what is there is at least seen."""
    top = max((messages for messages, _ in trend), default=0)
    found = []
    for place, (messages, passed) in enumerate(trend):
        if messages:
            failed = max(height * (messages - passed) / top, 1.5) if messages > passed else 0.0
            good = max(height * messages / top - failed, 1.0) if passed else 0.0
            found.append(Spark(place * 4, round(good, 1), round(min(failed, height - good), 1)))
    return tuple(found)


class Country(NamedTuple):
    """Of the map; a country without a shape is a dot, one without a place is not drawn."""

    names: dict[str, str]
    """By language."""
    x: str
    y: str
    path: str


@cache
def countries() -> dict[str, Country]:
    """By code."""
    found = {}
    for line in (files("inalign.web") / "world.tsv").read_text("utf-8").splitlines():
        code, english, japanese, x, y, path = line.split("\t")
        found[code] = Country({"en": english, "ja": japanese}, x, y, path)
    return found


def country_name(code: str, language: str, otherwise: str) -> str:
    """In a language; a code that is not known stands for itself."""
    known = countries().get(code)
    return known.names[language] if known else code or otherwise


def shade(share: float) -> int:
    """Of the largest, from 1, the darkest, to 4."""
    return next((place for place, least in enumerate(FADES, 1) if share >= least), len(FADES) + 1)
