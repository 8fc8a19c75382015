"""A store of each earlier form becomes one of this form, with all that was in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from inalign.reports.report import Report
from inalign.spool.evaluation_record import EvaluationRecord
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine, count
from inalign.store.load.evaluations import load_evaluations
from inalign.store.maintenance import Retention, forget
from inalign.store.schema import migrations
from inalign.store.schema.tables import ROLLUPS, TABLES, ColumnKind
from tests.store.material import NOW, PLACES, aggregate, failure, record, store, tls

SLOTTED = [table for table in TABLES if "slot" in table.columns]
NEVER = datetime(1970, 1, 2, tzinfo=UTC)


@pytest.fixture
def old(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> Iterator[Engine]:
    """A store of the first form, beside a new one."""
    made: Engine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "FORM", 1)
        if isinstance(engine, DuckDbEngine):
            made = DuckDbEngine(tmp_path / "old.duckdb")
        else:
            made = ClickHouseEngine(f"{request.getfixturevalue('clickhouse_url')}/t{uuid.uuid4().hex}")
        assert made.migrate() == 1
    yield made
    made.close()


def _reports() -> list[Report]:
    begin = datetime(2026, 11, 19, 15, tzinfo=UTC)  # a day of Japan
    return [
        aggregate(record(count=3), record("2001:db8::1", 4, header_from="news.example.com")),
        replace(aggregate(report_id="jst"), begin=begin, end=begin + timedelta(hours=23, minutes=59, seconds=58)),
        replace(aggregate(report_id="odd"), begin=begin, end=begin + timedelta(minutes=7, seconds=31)),
        replace(aggregate(report_id="open"), end=None),
        replace(aggregate(report_id="never"), begin=NEVER, end=NEVER),  # on the day it came, at noon
        aggregate(report_id="summed", day=100),
        failure(arrival_date=NOW - timedelta(days=3, minutes=7)),
        failure(arrival_date=None, subject="unknown"),
        tls(),
    ]


DROPPED = {
    "reports": ("namespace", "extensions"),
    "records": ("extensions",),
    "failures": ("details",),
    "tls_policies": ("policy_domain", "policy_string", "mx_host"),
    "tls_failures": ("policy_domain", "receiving_helo", "receiving_ip", "information"),
    "domain_rollups": ("source_group",),
}
"""Columns of text that the first form had and the current one has not."""


def _copy(old: Engine, new: Engine, folder: Path) -> None:
    """As the first form had it."""
    for table in TABLES:
        names = [name for name in table.columns if name != "slot"]
        dropped: dict[str, str | int] = dict.fromkeys(DROPPED.get(table.name, ()), "")
        dropped |= {"unknown": 0} if table is ROLLUPS else {}
        columns = ", ".join(f"t.{name} AS {name}" for name in names)
        rows = new.query(f"SELECT {columns} FROM {table.name} AS t")  # noqa: S608 - names of ours
        path = folder / f"{table.name}.ndjson"
        path.write_bytes(
            b"".join(msgspec.json.encode(dropped | dict(zip(names, row, strict=True))) + b"\n" for row in rows)
        )
        with old.change() as change:
            of_then = table._replace(
                name="rollups" if table is ROLLUPS else table.name,
                columns={name: table.columns[name] for name in names}
                | {name: ColumnKind.TEXT if value == "" else ColumnKind.WHOLE for name, value in dropped.items()},
            )
            change.insert(of_then, [path] if rows else [])


def test_slots_are_those_that_the_same_reports_would_get_now(engine: Engine, old: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, *_reports())
    seen = EvaluationRecord(id="1", host="mx", seen_at=NOW + timedelta(seconds=1), header_from="example.com")
    load_evaluations(engine, [seen], places=PLACES, folder=tmp_path)
    _copy(old, engine, tmp_path)
    assert old.migrate() == old.migrate() == migrations.FORM
    for table in SLOTTED:
        key = ", ".join(name for name in table.key if name != "slot")
        sql = f"SELECT {key}, day, slot FROM {table.name} ORDER BY {key}, slot"  # noqa: S608 - names of ours
        assert engine.query(sql)
        assert old.query(sql) == engine.query(sql), table.name
    for table in TABLES:
        sql = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - names of ours
        assert count(engine, sql) == count(old, sql)
    assert store(old, tmp_path, aggregate(report_id="new")) == ["stored"]


def test_sums_of_whole_days_are_put_at_noon(engine: Engine, old: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, *_reports())
    if not engine.is_atomic:
        return  # there they are never put together
    forget(engine, Retention(records=40), NOW, tmp_path)
    with engine.change() as change:
        change.delete(ROLLUPS, "report_key <> '' AND day > '2026-09-01'")
    _copy(old, engine, tmp_path)
    old.migrate()
    assert old.query("SELECT DISTINCT slot % 86400 FROM domain_rollups") == [(43_200,)]
    assert count(old, "SELECT count(*) FROM domain_rollups") == 1
