"""Colours: visible in light and dark mode, the same everywhere, and never the only difference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inalign.charts.model import ChartColumn, ColumnChart, Series
from inalign.charts.palette import COLOURS, SERIES, TEXTURES, style_sheet
from inalign.charts.svg import place
from inalign.web.pages.domain import SERIES as DAY_SERIES

STYLE = (Path(__file__).parents[2] / "src/inalign/web/static/inalign.css").read_text("utf-8")
BACKGROUNDS = re.findall(r"--(?:ground|card|hover): (#[0-9a-f]{3,6});", STYLE)


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", COLOURS)
def test_a_colour_has_a_contrast_of_three_to_one_in_both_modes(name: str) -> None:
    assert len(BACKGROUNDS) >= 6  # light, dark and print
    for background in (*BACKGROUNDS, "#f5f6f8", "#ffffff"):
        assert _contrast(COLOURS[name], background) >= 3, background


def test_every_series_has_a_colour_and_a_rule() -> None:
    assert set(SERIES.values()) <= set(COLOURS)
    assert {name for names in DAY_SERIES.values() for name in names} <= set(SERIES)
    assert all(f"svg .{name} {{ fill: var(--{colour}); }}" in style_sheet() for name, colour in SERIES.items())
    assert not re.search(rf"--(?:{'|'.join(COLOURS)}):", STYLE), "the colours are defined in the palette only"


def test_the_series_of_a_chart_differ_in_texture() -> None:
    for names in DAY_SERIES.values():
        chart = ColumnChart(
            title="", series=tuple(Series(name, name) for name in names), columns=(ChartColumn("", (1,) * len(names)),)
        )
        textures = [fill.texture for fill in place(chart).fills]
        assert textures == list(TEXTURES[: len(names)])
