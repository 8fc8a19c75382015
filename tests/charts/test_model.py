"""Columns, ticks, labels, widths, bars and sparklines of charts."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.charts.model import (
    SPARK_HEIGHT,
    SPARK_STEP,
    ChartColumn,
    ColumnChart,
    Mark,
    Series,
    as_json,
    bar,
    day_columns,
    labelled,
    round_up,
    sparkline,
    ticks,
    widths,
)
from inalign.charts.palette import colour_of

DAY = date(2026, 11, 1)


def test_days_without_a_row_have_zeros() -> None:
    found = day_columns([(DAY, (3, 1)), (DAY.replace(day=4), (0, 8))])
    assert [(day.day, counts) for day, counts in found] == [(1, (3, 1)), (2, (0, 0)), (3, (0, 0)), (4, (0, 8))]


def test_days_go_from_the_first_to_the_last_day_of_a_span() -> None:
    found = day_columns([(DAY.replace(day=3), (1,))], (DAY, DAY.replace(day=5)))
    assert [counts for _, counts in found] == [(0,), (0,), (1,), (0,), (0,)]
    assert day_columns([], (DAY, DAY)) == []


def test_a_span_of_years_is_not_filled() -> None:
    assert len(day_columns([(DAY.replace(year=2000), (1,)), (DAY, (1,))])) == 2
    assert len(day_columns([(DAY, (1,))], (DAY.replace(year=2000), DAY))) == 1


@given(st.integers(0, 10**15))
def test_the_end_of_an_axis_is_not_below_and_has_whole_quarters(number: int) -> None:
    top = round_up(number)
    assert number <= top <= max(4, 2 * number)
    assert [4 * value for value in ticks(top)] == [top * part for part in range(5)]


@pytest.mark.parametrize(
    ("number", "top"), [(0, 4), (5, 8), (9, 12), (13, 16), (17, 20), (21, 40), (41, 60), (4200, 6000), (100, 100)]
)
def test_the_end_of_an_axis_is_a_round_number(number: int, top: int) -> None:
    assert round_up(number) == top


@given(st.integers(0, 1000), st.integers(1, 20))
def test_few_labels_are_written(count: int, most: int) -> None:
    shown = labelled(count, most)
    assert len(shown) <= most
    assert not count or shown[0] == 0


def test_a_part_that_is_not_zero_has_a_pixel() -> None:
    assert widths((1_000_000, 1, 0, 1), 1_000_002, 220) == (218, 1, 0, 1)
    assert widths((0, 0, 0, 0), 1, 220) == (0, 0, 0, 0)


def test_parts_of_a_bar_lie_next_to_each_other() -> None:
    assert bar([("none", 1), ("quarantine", 0), ("reject", 3)], 4) == (("none", 0.0, 25.0), ("reject", 25.0, 75.0))
    assert bar([("none", 5)], 0) == ()
    assert bar([("none", 80), ("reject", 80)]) == (("none", 0.0, 80.0), ("reject", 80.0, 20.0))


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=30))
def test_each_count_is_visible_in_a_sparkline(rows: list[tuple[int, int]]) -> None:
    shown = {(part.x // SPARK_STEP, part.series): part for part in sparkline(("passed", "not_passed"), rows)}
    for place, counts in enumerate(rows):
        for name, count in zip(("passed", "not_passed"), counts, strict=True):
            assert ((place, name) in shown) is (count > 0)
        parts = [part for (at, _), part in shown.items() if at == place]
        assert all(part.y >= 0 and part.y + part.height <= SPARK_HEIGHT + 0.2 for part in parts)


def test_the_script_gets_numbers_colours_and_textures() -> None:
    chart = ColumnChart(
        title="Days",
        series=(Series("authenticated", "Authenticated"), Series("failing", "Failing")),
        columns=(ChartColumn("2026-11-01", (5, 1)), ChartColumn("2026-11-02", (0, 2))),
        marks=(Mark(1, "changed"),),
        link="/sources?since={}",
    )
    assert json.loads(as_json({"classes": chart})) == {
        "classes": {
            "title": "Days",
            "percent": False,
            "link": "/sources?since={}",
            "marks": [[1, "changed"]],
            "series": [
                {"label": "Authenticated", "colour": colour_of("authenticated"), "texture": "plain"},
                {"label": "Failing", "colour": colour_of("failing"), "texture": "diagonal"},
            ],
            "labels": ["2026-11-01", "2026-11-02"],
            "counts": [[5, 1], [0, 2]],
        }
    }
    assert (chart.most, chart.top, chart.is_empty) == (6, 8, False)
