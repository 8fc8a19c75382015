"""Stacked columns of days, as places on paper: for SVG, and for mail programs that show none, as widths of cells."""

from __future__ import annotations

from dataclasses import dataclass

from inalign.summary.parts import Chart

WIDTH, HEIGHT = 720, 190
_LEFT, _TOP, _BOTTOM = 62, 8, 24
"""For the numbers of the lines, for their upper half, and for the days."""
_LABELS = 8
"""Days that are named below, at most: more would touch each other."""
COLOURS = ("#1b7f5c", "#6fa3d8", "#d98200", "#8c4a55")
"""Green, blue, orange and red-grey: told apart by the colour-blind, and by their lightness on grey paper."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a column."""

    kind: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """All of it."""

    boxes: tuple[Box, ...]
    lines: tuple[Label, ...]
    """Horizontal lines and what they stand for."""
    days: tuple[Label, ...]
    left: int = _LEFT
    width: int = WIDTH
    height: int = HEIGHT


def draw(chart: Chart) -> Drawing:
    """For SVG."""
    top = _round_up(max((sum(counts) for _, counts in chart.days), default=0))
    room = HEIGHT - _TOP - _BOTTOM
    step = (WIDTH - _LEFT) / max(len(chart.days), 1)
    boxes: list[Box] = []
    for place, (_, counts) in enumerate(chart.days):
        y = float(HEIGHT - _BOTTOM)
        for kind, number in enumerate(counts):
            height = room * number / top
            y -= height
            if number:
                boxes.append(
                    Box(kind, *(round(each, 2) for each in (_LEFT + (place + 0.12) * step, y, 0.76 * step, height)))
                )
    lines = tuple(
        Label(_LEFT, round(HEIGHT - _BOTTOM - room * part / 4, 2), f"{top * part // 4:,}")
        for part in range(5)
        if top * part % 4 == 0
    )
    every = -(-len(chart.days) // _LABELS)
    days = tuple(
        Label(round(_LEFT + (place + 0.5) * step, 2), HEIGHT - 6, name)
        for place, (name, _) in enumerate(chart.days)
        if place % every == 0
    )
    return Drawing(tuple(boxes), lines, days)


def widths(counts: tuple[int, ...], most: int, room: int) -> tuple[int, ...]:
    """Of the cells of a day: together no more than the room, and at least one pixel for what is not nothing."""
    found = [max(1, room * number // most) if number else 0 for number in counts]
    over = sum(found) - room
    if over > 0:
        found[found.index(max(found))] -= over
    return tuple(found)


def _round_up(number: int) -> int:
    """1, 2, 4 or 6 and zeros: quarters of it are whole, or left out."""
    unit = 1
    while number > 10 * unit:
        unit *= 10
    return next(unit * each for each in (1, 2, 4, 6, 8, 10) if number <= unit * each)
