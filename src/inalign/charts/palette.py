"""The colours and textures of charts. They are the same on pages, in PDF and in mail, in light and in dark mode.

Each colour has a contrast of at least 3:1 against every background of the pages (WCAG 2.2, 1.4.11). The series of a
chart also differ in texture, so that nothing depends on colour alone (1.4.1).
"""

from __future__ import annotations

from typing import Final

COLOURS: Final = {
    "good": "#25895f",
    "blue": "#3f7fc6",
    "orange": "#c27c0e",
    "red": "#cc4a40",
    "ash": "#a0655f",
    "grey": "#77818d",
}
"""Colours by name; the style sheet has each as a variable, such as `--good`."""
SERIES: Final = {
    "authenticated": "good",
    "forwarded": "blue",
    "failing": "orange",
    "unwanted": "ash",
    "own": "good",
    "none": "grey",
    "quarantine": "orange",
    "reject": "red",
    "passed": "good",
    "not_passed": "orange",
    "failed": "red",
    "without": "grey",
    "errors": "orange",
    "successful": "good",
    "messages": "blue",
}
"""The colour of each series that a chart or a bar can have."""
TEXTURES: Final = ("plain", "diagonal", "dots", "lines")
"""The texture of the first, second, third and fourth series of a chart, from the bottom."""


def colour_of(series: str) -> str:
    """Return the colour of a series, as #rrggbb."""
    return COLOURS[SERIES[series]]


def style_sheet() -> str:
    """Return CSS with a variable for each colour, and the fill of shapes whose class is the name of a series."""
    variables = " ".join(f"--{name}: {colour};" for name, colour in COLOURS.items())
    fills = "\n".join(f"svg .{series} {{ fill: var(--{name}); }}" for series, name in SERIES.items())
    return f":root {{ {variables} }}\n{fills}\n"
