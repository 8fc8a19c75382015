"""Places of columns, lines and labels, and the image that is written of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from inalign.charts.model import ChartColumn, ColumnChart, Mark, Series
from inalign.charts.svg import MAX_LABELS, TOP, add_charts, place

NAMES = ("authenticated", "forwarded", "failing", "unwanted")
HOSTILE = '"><script>alert(1)</script>'


def chart_of(rows: list[list[int]], *, percent: bool = False, link: str = "") -> ColumnChart:
    return ColumnChart(
        title="Days",
        series=tuple(Series(name, name.title()) for name in NAMES),
        columns=tuple(ChartColumn(str(number), tuple(counts)) for number, counts in enumerate(rows)),
        percent=percent,
        link=link,
    )


@given(st.lists(st.lists(st.integers(0, 10**12), min_size=4, max_size=4), max_size=40), st.booleans())
def test_columns_stay_within_the_image(rows: list[list[int]], percent: bool) -> None:
    image = place(chart_of(rows, percent=percent))
    for column, counts in zip(image.columns, rows, strict=True):
        assert image.left <= column.x
        assert column.x + image.bar <= image.width + 0.01
        assert all(box.y >= TOP - 0.1 and box.y + box.height <= image.floor + 0.1 for box in column.boxes)
        assert [box.fill for box in column.boxes] == [fill for fill, count in enumerate(counts) if count]
        if percent and any(counts):
            assert sum(box.height for box in column.boxes) == pytest.approx(image.floor - TOP, abs=0.1)
    assert len(image.labels) <= MAX_LABELS


def test_the_axis_has_the_numbers_of_its_lines() -> None:
    assert [line.text for line in place(chart_of([[3, 0, 0, 1]])).lines] == ["0", "1", "2", "3", "4"]
    assert [line.text for line in place(chart_of([[1, 0, 0, 1]], percent=True)).lines] == [
        "0%", "25%", "50%", "75%", "100%",
    ]  # fmt: skip


def _image(chart: ColumnChart) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.loader = add_charts(environment)
    source = '{% import "charts.html" as charts %}{{ charts.columns(chart) }}{{ charts.legend(chart) }}'
    return environment.from_string(source).render(chart=chart)


def test_an_image_has_a_title_for_each_column_and_a_link() -> None:
    image = _image(chart_of([[5, 0, 0, 1]], link="/sources?since={}&until={}"))
    assert "<title>0: Authenticated 5, Unwanted 1</title>" in image
    assert 'href="/sources?since=0&amp;until=0"' in image
    assert 'role="group"' in image
    assert "<a " not in _image(chart_of([[5, 0, 0, 1]]))


def test_names_in_an_image_are_escaped() -> None:
    chart = ColumnChart(
        title=HOSTILE,
        series=(Series("passed", HOSTILE),),
        columns=(ChartColumn(HOSTILE, (1,)),),
        marks=(Mark(0, HOSTILE),),
        link="/tls?since={}",
    )
    assert "<script>" not in _image(chart)
    assert _image(chart).count("&lt;script&gt;") >= 5
