"""A content of `conflicts` in place of the one that came first."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from inalign.store.engine.interface import Engine, StoreError, count
from inalign.store.load.monthly import sum_months
from inalign.store.load.reports import LoadOutcome, exchange
from inalign.store.maintenance import Retention, forget
from inalign.store.schema.tables import COUNTERS, OF_A_REPORT
from tests.store.material import NOW, aggregate, arrival, record, store

FIRST = aggregate(*[record(f"192.0.2.{number}", 1) for number in range(5)])
OTHER = aggregate(record("198.51.100.1", 7), record("198.51.100.2", 8))
SUMS = f"SELECT sum({' + '.join(COUNTERS)}) FROM domain_rollups"  # noqa: S608


def test_exchanged_content_counts_alone_and_the_other_waits(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, FIRST, OTHER)
    for _ in range(2):  # once more does no harm
        exchange(engine, arrival(OTHER, raw="00ff"), now=NOW, folder=tmp_path)
        assert engine.query("SELECT messages, raw_digest FROM reports") == [(15, "00ff")]
        assert count(engine, "SELECT sum(count) FROM records") == 15
        assert count(engine, SUMS) == 15
        assert engine.query("SELECT messages FROM conflicts") == [(5,)]


def test_exchange_is_taken_back_by_an_exchange(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, FIRST, OTHER)
    for report in (OTHER, FIRST):
        exchange(engine, arrival(report), now=NOW, folder=tmp_path)
    assert count(engine, "SELECT sum(count) FROM records") == count(engine, SUMS) == 5
    assert engine.query("SELECT messages FROM conflicts") == [(15,)]
    assert store(engine, tmp_path, FIRST, OTHER) == [LoadOutcome.DUPLICATE, LoadOutcome.CONFLICT]


def test_exchange_outdates_the_sums_of_its_own_months_only(engine: Engine, tmp_path: Path) -> None:
    if not engine.is_atomic:
        pytest.skip("ClickHouse has no sums of months")
    store(engine, tmp_path, FIRST, OTHER, aggregate(day=100, report_id="later"))
    sum_months(engine, (NOW + timedelta(days=200)).date())
    months = [month for (month,) in engine.query("SELECT month FROM summed_months ORDER BY month")]
    assert len(months) == 2
    ((day,),) = engine.query("SELECT day FROM reports WHERE report_id <> 'later'")
    exchange(engine, arrival(OTHER), now=NOW, folder=tmp_path)
    assert engine.query("SELECT month FROM summed_months") == [
        (month,) for month in months if str(month)[:7] != str(day)[:7]
    ]


def test_exchange_that_ended_between_is_finished_by_another(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, FIRST, OTHER)
    with engine.change() as change:  # as ClickHouse is left by a kill
        for table in OF_A_REPORT:
            change.delete(table, "report_key <> ''")
    exchange(engine, arrival(OTHER), now=NOW, folder=tmp_path)
    assert count(engine, SUMS) == 15


def test_same_conflict_again_is_one_row(engine: Engine, tmp_path: Path) -> None:
    for _ in range(2):
        store(engine, tmp_path, FIRST, OTHER, OTHER)
    assert count(engine, "SELECT count(*) FROM conflicts") == 1


def test_report_whose_day_is_summed_up_is_not_exchanged(engine: Engine, tmp_path: Path) -> None:
    if not engine.is_atomic:
        pytest.skip("ClickHouse keeps the sums of each report")
    store(engine, tmp_path, FIRST, OTHER)
    forget(engine, Retention(records=10), NOW + timedelta(days=30), tmp_path)
    with pytest.raises(StoreError, match="too old"):
        exchange(engine, arrival(OTHER), now=NOW, folder=tmp_path)
    assert count(engine, SUMS) == 5
