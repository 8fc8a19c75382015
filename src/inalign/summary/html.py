"""A report as HTML: for the page, as a document of its own, and for mail programs."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from inalign.charts.model import ColumnChart, widths
from inalign.charts.palette import colour_of
from inalign.charts.svg import add_charts
from inalign.summary.blocks import Lead, Section, Tone
from inalign.summary.document import SummaryDocument

BAR_PIXELS = 220
"""Of the longest day in a mail: with name and number it fits on a telephone."""


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.loader = ChoiceLoader([PackageLoader("inalign.summary"), add_charts(made)])
    made.globals |= {"day_rows": day_rows, "bars": bars, "tone": tone, "colour_of": colour_of, "bar_pixels": BAR_PIXELS}
    return made


def body(document: SummaryDocument) -> Markup:
    """Return the document as a part of a page."""
    return Markup(_environment().get_template("body.html").render(doc=document))  # noqa: S704 - a template escaped it


def whole(document: SummaryDocument) -> str:
    """Return the document as an HTML file that needs no other file, and prints well."""
    style = Markup(files(__package__).joinpath("templates/report.css").read_text("utf-8"))  # noqa: S704 - ours
    return _environment().get_template("report.html").render(doc=document, style=style)


def for_mail(document: SummaryDocument) -> str:
    """Return the document for mail programs: with styles on each element, and bars of table cells."""
    return _environment().get_template("mail.html").render(doc=document)


def day_rows(chart: ColumnChart) -> list[tuple[str, ...]]:
    """Return the rows of the table of a chart: each label with its counts and their sum."""
    return [(each.label, *(f"{count:,}" for count in (*each.counts, sum(each.counts)))) for each in chart.columns]


def bars(chart: ColumnChart) -> list[tuple[str, list[tuple[int, str]], str]]:
    """Return the bars of a chart in a mail: each label, the widths and colours of its parts, and its sum."""
    colours = [colour_of(series.name) for series in chart.series]
    return [
        (
            each.label,
            [part for part in zip(widths(each.counts, chart.most or 1, BAR_PIXELS), colours, strict=True) if part[0]],
            f"{sum(each.counts):,}",
        )
        for each in chart.columns
    ]


def tone(section: Section) -> Tone:
    """Return the tone of a section, which is that of its sentences on top."""
    return next((each.tone for each in section.blocks if isinstance(each, Lead)), Tone.PLAIN)
