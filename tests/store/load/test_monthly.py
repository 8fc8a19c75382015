"""Sums of months answer as the records do, and are made again when records change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from inalign.reports.report import AggregateReport, Report
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine, count
from inalign.store.load.monthly import sum_months
from inalign.store.load.reports import LoadOutcome, exchange
from inalign.store.maintenance import Retention, forget, purge
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import Filters
from inalign.store.schema.tables import SOURCE_MONTHS
from tests.store.material import NOW, aggregate, arrival, record, store

ADDRESSES = ("192.0.2.1", "198.51.100.7", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", None)
TODAY = NOW.date()
OVER = [date(2026, month, 1) for month in (7, 8, 9, 10)]
FILTERS = [
    {},
    {"domain": "example.com"},
    {"domain": "com", "reporter": "b.example"},
    {"source": "2001:db8::/64"},
    {"source": "192.0.2.0/24"},
    {"since": date(2026, 8, 1), "until": date(2026, 9, 30)},
    {"since": date(2026, 8, 1), "until": date(2026, 9, 30), "zone": "Asia/Tokyo"},
    {"since": date(2026, 8, 14), "zone": "America/Los_Angeles"},
    {"until": date(2026, 7, 31)},
    {"domain": "example.com", "since": date(2026, 11, 2)},
    {"scope": ("example.net",)},
    {"domain": "example.net", "limit": 2},
]


def made_reports() -> list[Report]:
    """Some a month, at its edges and within it."""
    numbers = itertools.count(1)
    alignments = itertools.cycle([(True, True), (True, False), (False, True), (False, False), (None, None)])
    dispositions = itertools.cycle(["none", "quarantine", "reject"])
    made: list[Report] = []
    for place, (domain, org, day) in enumerate(
        itertools.product(
            ("example.com", "sub.example.com", "example.net"), ("a.example", "b.example"), range(0, 140, 13)
        )
    ):
        records = [
            record(address, next(numbers), dkim=dkim, spf=spf, disposition=next(dispositions))
            for address, (dkim, spf) in zip(ADDRESSES[place % 3 :], alignments, strict=False)
        ]
        report = aggregate(*records, domain=domain, org=org, report_id=str(place))
        begin = datetime(2026, 11, 18, tzinfo=UTC) - timedelta(days=day, hours=place % 24)
        made.append(replace(report, begin=begin, end=begin + timedelta(hours=24)))
    return made


REPORTS = made_reports()


def answers(engine: Engine) -> list[list[Struct]]:
    """Of both questions, page by page."""
    found = []
    for view, filters in itertools.product(("sources", "sources-groups"), FILTERS):
        rows: list[Struct] = []
        asked = Filters(**filters)  # type: ignore[arg-type]  # the tests know them
        while True:
            answer = VIEWS[view].ask(engine, asked)
            rows += answer.rows
            if not answer.after:
                break
            asked = replace(asked, after=answer.after)
        found.append(rows)
    return found


def summed(engine: Engine) -> list[date]:
    return [
        month for (month,) in engine.query("SELECT month FROM summed_months ORDER BY month") if isinstance(month, date)
    ]


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[DuckDbEngine]:
    engine = DuckDbEngine(tmp_path / "store.duckdb")
    engine.migrate()
    store(engine, tmp_path, *REPORTS)
    yield engine
    engine.close()


def test_answers_are_the_same_with_sums(filled: DuckDbEngine) -> None:
    before = answers(filled)
    assert all(before)
    assert sum_months(filled, TODAY) == len(OVER)
    assert summed(filled) == OVER
    assert answers(filled) == before
    assert count(filled, "SELECT sum(messages) FROM source_months") == count(
        filled, "SELECT sum(count) FROM records WHERE day < CAST('2026-11-01' AS DATE)"
    )
    assert sum_months(filled, TODAY) == 0


def test_answers_are_the_same_where_a_month_in_between_is_not_summed(filled: DuckDbEngine) -> None:
    before = answers(filled)
    sum_months(filled, TODAY)
    with filled.change() as change:
        change.delete(SOURCE_MONTHS._replace(name="summed_months"), "month = :month", {"month": date(2026, 8, 1)})
        change.delete(SOURCE_MONTHS, "month = :month", {"month": date(2026, 8, 1)})
    assert answers(filled) == before


def test_late_report_counts_at_once_and_its_month_is_summed_again(filled: DuckDbEngine, tmp_path: Path) -> None:
    sum_months(filled, TODAY)
    late = aggregate(record("203.0.113.5", 1_000_000), report_id="late", org="late.example")
    begin = datetime(2026, 9, 3, tzinfo=UTC)
    late = replace(late, begin=begin, end=begin + timedelta(days=1))
    assert store(filled, tmp_path, late) == [LoadOutcome.STORED]
    assert summed(filled) == [month for month in OVER if month.month != 9]
    (first, *_) = VIEWS["sources"].ask(filled, Filters(limit=1)).rows
    assert (first.source_ip, first.messages) == ("203.0.113.5", 1_000_000)  # type: ignore[attr-defined]
    before = answers(filled)
    assert sum_months(filled, TODAY) == 1
    assert answers(filled) == before


def test_month_that_is_not_over_is_not_summed(filled: DuckDbEngine) -> None:
    assert sum_months(filled, date(2026, 10, 31)) == len(OVER) - 1
    assert summed(filled) == OVER[:-1]


def test_end_of_the_process_waits_for_one_month_at_most(filled: DuckDbEngine) -> None:
    told = iter([False, True, True, True])
    sum_months(filled, TODAY, lambda: next(told))
    assert summed(filled) == OVER[:1]
    sum_months(filled, TODAY)
    assert summed(filled) == OVER


def test_forged_report_leaves_the_sums_alone(filled: DuckDbEngine, tmp_path: Path) -> None:
    sum_months(filled, TODAY)
    forged = arrival(aggregate(report_id="forged", day=60), carrier="forged")
    assert store(filled, tmp_path, forged) == [LoadOutcome.FORGED]
    assert summed(filled) == OVER


def _forget(engine: Engine, folder: Path) -> None:
    forget(engine, Retention(records=60), NOW, folder)


def _purge(engine: Engine, _: Path) -> None:
    purge(engine, "sub.example.com")


def _exchange(engine: Engine, folder: Path) -> None:
    first = REPORTS[-1]
    assert isinstance(first, AggregateReport)
    other = arrival(replace(first, records=(record("203.0.113.77", 5),)))
    assert store(engine, folder, other) == [LoadOutcome.CONFLICT]
    exchange(engine, other, now=NOW, folder=folder)


@pytest.mark.parametrize("change", [_forget, _purge, _exchange])
def test_records_that_change_are_not_in_the_answers(filled: DuckDbEngine, tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def] # one of those above
    sum_months(filled, TODAY)
    change(filled, tmp_path)
    after = answers(filled)
    with filled.change() as all_gone:
        all_gone.delete(SOURCE_MONTHS._replace(name="summed_months"), "1 = 1")
    assert answers(filled) == after
    if change is _purge:
        assert count(filled, "SELECT count(*) FROM source_months WHERE domain = 'sub.example.com'") == 0
    sum_months(filled, TODAY)
    assert answers(filled) == after


def test_clickhouse_has_no_sums(engine: Engine) -> None:
    if not engine.is_atomic:
        assert sum_months(engine, TODAY) == 0
