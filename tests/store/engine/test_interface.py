"""What both engines promise: values come back, what is wrong has its error, a newer form is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from inalign.reports.report import FailureReport, OverrideReason
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine, Parameter, RowsRefused, StoreError, count
from inalign.store.load.reports import LoadOutcome
from inalign.store.load.rows import DAYS_AHEAD, middle
from inalign.store.schema.migrations import FORM
from inalign.store.schema.tables import NAMES, OF_AN_ASSESSMENT, RECORDS, SOURCE_MONTHS, SUMMED_MONTHS, TABLES
from tests.store.material import NOW, aggregate, arrival, failure, record, store, tls

HOSTILE = [
    "'; DROP TABLE reports; --",
    '"',
    "\\",
    "\\'",
    "\\N",
    "\0",
    "a\tb\nc\rd",
    "{x:String}",
    ":name",
    "%s",
    "日本",
    "🦆",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_it_was(engine: Engine, tmp_path: Path, text: str) -> None:
    store(engine, tmp_path, aggregate(record(header_from=text), report_id=text, org=f"{text}.example"))
    assert engine.query("SELECT header_from FROM records WHERE header_from = :text", {"text": text}) == [(text,)]
    assert engine.query("SELECT report_id FROM reports WHERE report_id = :text", {"text": text}) == [(text,)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=st.text()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.booleans()
    | st.dates(date(1900, 1, 1), date(2299, 12, 31))
)
def test_parameter_comes_back_as_it_was(engine: Engine, value: Parameter) -> None:
    expected = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
    assert engine.query("SELECT :value AS value", {"value": value}) == [(expected,)]


@pytest.mark.parametrize("value", [1 << 64, -(1 << 70), date.min, date.max, "\ud800"])
def test_parameter_that_no_engine_holds_is_an_answer_none_the_less(engine: Engine, value: Parameter) -> None:
    assert len(engine.query("SELECT :value AS value", {"value": value})) == 1


def test_half_a_surrogate_pair_is_replaced_and_the_report_stored(engine: Engine, tmp_path: Path) -> None:
    report = aggregate(record(header_from="\ud800", reasons=(OverrideReason("other", "\udfff"),)), report_id="\udc80")
    assert store(engine, tmp_path, report, failure(subject="\ud83d")) == [LoadOutcome.STORED] * 2
    assert engine.query("SELECT header_from FROM records") == [("?",)]


def test_numbers_over_64_bits_are_cut_and_the_report_stored(engine: Engine, tmp_path: Path) -> None:
    report = tls()
    policy = replace(report.policies[0], successful=1 << 80, failed=-5)
    huge = replace(report, policies=(policy,))
    assert store(engine, tmp_path, huge, failure(incidents=1 << 99)) == [LoadOutcome.STORED] * 2
    assert count(engine, "SELECT sum(successful) FROM tls_policies") == 10**15


@pytest.mark.parametrize(
    "when",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime(1899, 1, 1, tzinfo=UTC),
        datetime(2400, 1, 1, tzinfo=UTC),
    ],
)
def test_report_of_an_impossible_day_counts_on_the_day_it_came(engine: Engine, tmp_path: Path, when: datetime) -> None:
    report = replace(aggregate(), begin=when, end=when)
    assert store(engine, tmp_path, report, failure(arrival_date=when)) == [LoadOutcome.STORED] * 2
    for table in ("records", "domain_rollups", "failures", "reports"):
        assert engine.query(f"SELECT DISTINCT day FROM {table}") == [(NOW.date(),)]  # noqa: S608


def test_day_a_little_ahead_is_believed() -> None:
    ahead = NOW + DAYS_AHEAD
    assert middle(ahead, None, NOW).day == ahead.date()
    assert middle(ahead + timedelta(days=1), None, NOW).day == NOW.date()


def test_very_long_fields_are_stored(engine: Engine, tmp_path: Path) -> None:
    long = "x" * 2_000_000
    found: FailureReport = failure(subject=long, sample_header=long)
    assert store(engine, tmp_path, found, aggregate(record(header_from=long))) == [LoadOutcome.STORED] * 2
    assert count(engine, "SELECT max(length(sample)) FROM failures") == len(long)
    assert count(engine, "SELECT max(length(header_from)) FROM records") == 1000


def _insert(engine: Engine, folder: Path, lines: str) -> None:
    path = folder / "it's [one] *.ndjson"
    path.write_text(lines, "utf-8")
    with engine.change() as change:
        change.insert(NAMES, [path])


@pytest.mark.parametrize(
    "line",
    [
        '{"source_ip":"192.0.2.1","name":"a","asked_at":"soon"}',
        '{"source_ip":"192.0.2.1","name":',
        "no json",
    ],
)
def test_rows_that_no_engine_takes_are_told_apart_and_nothing_is_stored(
    engine: Engine, tmp_path: Path, line: str
) -> None:
    with pytest.raises(RowsRefused):
        _insert(engine, tmp_path, line + "\n")
    assert count(engine, "SELECT count(*) FROM names") == 0


def test_row_of_a_name_takes_the_place_of_the_old_one(engine: Engine, tmp_path: Path) -> None:
    for number in (1, 2):
        _insert(engine, tmp_path, f'{{"source_ip":"192.0.2.1","name":"n{number}","asked_at":{number}}}\n')
    assert engine.query("SELECT name, asked_at FROM names") == [("n2", 2)]


def test_rows_of_a_query_fill_a_table_by_name(engine: Engine) -> None:
    with engine.change() as change:
        change.fill(NAMES, "SELECT 7 AS asked_at, :name AS name, '192.0.2.1' AS source_ip", {"name": "a'b"})
    assert engine.query("SELECT source_ip, name, asked_at FROM names") == [("192.0.2.1", "a'b", 7)]


def test_statement_that_is_wrong_is_a_store_error(engine: Engine) -> None:
    with pytest.raises(StoreError):
        engine.query("SELECT nothing FROM nowhere")


def test_change_that_fails_at_its_end_is_undone(engine: Engine, tmp_path: Path) -> None:
    def fail() -> None:
        with engine.change() as change:
            change.delete(RECORDS, "count > 0")
            raise ValueError("late")

    store(engine, tmp_path, aggregate())
    with pytest.raises(ValueError, match="late"):
        fail()
    assert count(engine, "SELECT count(*) FROM records") == (1 if engine.is_atomic else 0)


def test_newer_form_is_refused(engine: Engine) -> None:
    assert engine.migrate() == FORM  # again does no harm
    _execute(engine, f"INSERT INTO form VALUES ({FORM + 1})")  # noqa: S608
    with pytest.raises(StoreError, match="newer version of Inalign"):
        engine.migrate()


def test_migration_that_was_interrupted_is_finished(engine: Engine, tmp_path: Path) -> None:
    for table in TABLES[3:]:
        _execute(engine, f"DROP TABLE {table.name}")
    if engine.is_atomic:  # there a step is done as a whole: what is left is a store without any
        for table in (*TABLES[:3], *OF_AN_ASSESSMENT, SOURCE_MONTHS, SUMMED_MONTHS):
            _execute(engine, f"DROP TABLE {table.name}")
    _execute(engine, "DROP TABLE form")
    assert engine.migrate() == FORM
    assert store(engine, tmp_path, aggregate()) == [LoadOutcome.STORED]


def _execute(engine: Engine, sql: str) -> None:
    if isinstance(engine, DuckDbEngine):
        with engine._cursor() as cursor:
            cursor.execute(sql)
    else:
        assert isinstance(engine, ClickHouseEngine)
        engine._ask(sql, {})


def test_readers_see_whole_changes_while_one_writes(engine: Engine, tmp_path: Path) -> None:
    def ask(_: int) -> bool:
        reports = count(engine, "SELECT coalesce(sum(messages), 0) FROM reports")
        records = count(engine, "SELECT coalesce(sum(count), 0) FROM records")
        return records >= reports  # records are asked later, and are written first

    with ThreadPoolExecutor(3) as pool:
        asked = pool.map(ask, range(30))
        for number in range(5):
            store(engine, tmp_path, aggregate(record(count=3), record("192.0.2.2", 4), report_id=str(number)))
        assert all(asked)
    assert count(engine, "SELECT sum(count) FROM records") == 35


def test_same_rows_from_a_retry_count_once(engine: Engine, tmp_path: Path) -> None:
    """ClickHouse: the insert was done, and the answer was lost."""
    assert store(engine, tmp_path, aggregate(record(count=3))) == [LoadOutcome.STORED]
    if not engine.is_atomic:
        with engine.change() as change:
            change.delete(TABLES[0], "report_key <> ''")  # the row that says "whole" was not written
        assert store(engine, tmp_path, aggregate(record(count=3))) == [LoadOutcome.STORED]
    assert arrival(aggregate()).counts
    assert count(engine, "SELECT sum(count) FROM records") == 3
    assert count(engine, "SELECT count(*) FROM domain_rollups") == 1
