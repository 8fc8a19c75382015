"""A report as HTML: for the page, as a document of its own, and for mail programs."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from inalign.summary.chart import COLOURS, draw, widths
from inalign.summary.document import SummaryDocument
from inalign.summary.parts import Chart, Lead, Section, Tone

BAR_PIXELS = 220
"""Of the longest day in a mail: with name and number it fits on a telephone."""


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("inalign.summary"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"draw": draw, "day_rows": day_rows, "bars": bars, "tone": tone}
    made.globals |= {"colours": COLOURS, "bar_pixels": BAR_PIXELS}
    return made


def body(document: SummaryDocument) -> Markup:
    """What stands within a page."""
    return Markup(_environment().get_template("body.html").render(doc=document))  # noqa: S704 - a template escaped it


def whole(document: SummaryDocument) -> str:
    """A document that needs no other file, and prints well."""
    style = Markup(files(__package__).joinpath("templates/report.css").read_text("utf-8"))  # noqa: S704 - ours
    return _environment().get_template("report.html").render(doc=document, style=style)


def for_mail(document: SummaryDocument) -> str:
    """The same with styles on each element and bars of table cells: mail programs drop the rest."""
    return _environment().get_template("mail.html").render(doc=document)


def day_rows(chart: Chart) -> list[tuple[str, ...]]:
    """The numbers of a chart."""
    return [(name, *(f"{each:,}" for each in (*counts, sum(counts)))) for name, counts in chart.days]


def bars(chart: Chart) -> list[tuple[str, list[tuple[int, str]], str]]:
    """Days with the widths and colours of their bars, and their messages."""
    most = max((sum(counts) for _, counts in chart.days), default=0) or 1
    return [
        (
            name,
            [each for each in zip(widths(counts, most, BAR_PIXELS), COLOURS, strict=True) if each[0]],
            f"{sum(counts):,}",
        )
        for name, counts in chart.days
    ]


def tone(section: Section) -> Tone:
    """How a domain stands."""
    return next((each.tone for each in section.blocks if isinstance(each, Lead)), Tone.PLAIN)
