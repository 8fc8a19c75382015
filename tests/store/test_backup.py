"""A backup is one state, whole or none, and either engine restores it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from inalign.reports.report import Report
from inalign.spool.deliveries import Delivery, QuarantineReason, Spool
from inalign.spool.provenance import Provenance
from inalign.store.backup import MANIFEST, back_up, restore
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine, Row, StoreError, count
from inalign.store.load.reports import LoadOutcome
from inalign.store.schema.tables import COUNTERS, TABLES
from inalign.store.state.control import Control
from inalign.store.state.intake_sources import SourceRecord
from tests.store.material import NOW, aggregate, failure, record, store, tls


@pytest.fixture(params=["duckdb", "clickhouse"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty store, of each engine."""
    made: Engine
    if request.param == "duckdb":
        made = DuckDbEngine(tmp_path / "other.duckdb")
    else:
        made = ClickHouseEngine(f"{request.getfixturevalue('clickhouse_url')}/t{uuid.uuid4().hex}")
    made.migrate()
    yield made
    made.close()


def _all(engine: Engine) -> dict[str, list[Row]]:
    return {
        table.name: sorted(engine.query(f"SELECT {', '.join(table.columns)} FROM {table.name}"))  # noqa: S608
        for table in TABLES
    }


def _fill(engine: Engine, folder: Path) -> None:
    reports: list[Report] = [
        aggregate(record("2001:db8::1", 7), record(None, 1 << 40)),
        failure(subject="\0'\"日本"),
        tls(),
    ]
    store(engine, folder, *reports, aggregate(record(count=9)), raws=[b"raw" * 100])


def test_restored_store_equals_the_one_that_was_backed_up(engine: Engine, other: Engine, tmp_path: Path) -> None:
    _fill(engine, tmp_path)
    made = back_up(engine, tmp_path / "none", tmp_path / "copy", NOW)
    assert made.made == NOW
    (tmp_path / "x").mkdir()
    assert restore(other, tmp_path / "x", tmp_path / "copy") == made
    assert _all(other) == _all(engine)
    assert store(other, tmp_path, aggregate(record("2001:db8::1", 7), record(None, 1 << 40))) == [LoadOutcome.DUPLICATE]


def test_restore_into_a_store_with_rows_is_refused(engine: Engine, tmp_path: Path) -> None:
    _fill(engine, tmp_path)
    back_up(engine, tmp_path / "none", tmp_path / "copy", NOW)
    before = _all(engine)
    with pytest.raises(StoreError, match="not empty"):
        restore(engine, tmp_path, tmp_path / "copy")
    assert _all(engine) == before


def test_control_state_and_what_waits_come_back(engine: Engine, other: Engine, tmp_path: Path) -> None:
    local, copy, fresh = tmp_path / "local", tmp_path / "copy", tmp_path / "fresh"
    spool = Spool(local / "spool")
    delivery = Delivery(content=b"x", provenance=Provenance(source="test", received=NOW))
    waiting, refused = spool.put(delivery), spool.put(delivery)
    spool.refuse(refused, [QuarantineReason("no_report", "")])
    (local / "spool" / "new" / "unfinished").touch()
    (local / "evaluations").mkdir()
    (local / "evaluations" / "1-a.ndjson").write_bytes(b"{}\n")
    control = Control(local / "control.sqlite")
    control.write_source(SourceRecord(name="box", kind="imap"))
    back_up(engine, local, copy, NOW)  # while it is open
    control.close()
    fresh.mkdir()
    restore(other, fresh, copy)
    back = Spool(fresh / "spool")
    assert back.waiting() == [waiting]
    assert back.read(waiting) == delivery
    assert [each.id for each in back.refused()] == [refused]
    assert list((fresh / "spool" / "new").iterdir()) == []
    assert (fresh / "evaluations" / "1-a.ndjson").read_bytes() == b"{}\n"
    again = Control(fresh / "control.sqlite")
    assert [source.name for source in again.sources()] == ["box"]
    again.close()


def test_backup_goes_into_a_folder_of_its_own(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(StoreError, match="not empty"):
        back_up(engine, tmp_path / "none", tmp_path / "full", NOW)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        back_up(engine, tmp_path / "none", tmp_path / "file", NOW)


def test_backup_that_is_not_whole_is_refused(engine: Engine, other: Engine, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(engine, tmp_path / "none", copy, NOW)
    whole = (copy / MANIFEST).read_bytes()
    table = copy / "tables" / "records.parquet"
    content = table.read_bytes()
    for damage in (
        (copy / MANIFEST).unlink,
        lambda: (copy / MANIFEST).write_bytes(whole[:-1]),
        lambda: (copy / MANIFEST).write_bytes(msgspec.json.encode(msgspec.json.decode(whole) | {"form": 999})),
        lambda: table.write_bytes(content[:-1]),
        table.unlink,
    ):
        damage()
        with pytest.raises(StoreError):
            restore(other, tmp_path, copy)
        (copy / MANIFEST).write_bytes(whole)
        table.write_bytes(content)
    with pytest.raises(StoreError):
        restore(other, tmp_path, tmp_path / "nowhere")
    (tmp_path / "control.sqlite").touch()
    with pytest.raises(StoreError, match="control state"):
        restore(other, tmp_path, copy)


def test_backup_while_reports_come_is_one_state(engine: Engine, other: Engine, tmp_path: Path) -> None:
    ends = threading.Event()

    def write() -> None:
        number = 0
        while not ends.is_set():
            store(engine, tmp_path, aggregate(record(count=2), record("192.0.2.2", 3), report_id=str(number)))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not count(engine, "SELECT count(*) FROM reports"):
            pass
        back_up(engine, tmp_path / "none", tmp_path / "copy", NOW)
    finally:
        ends.set()
        writer.join()
    (tmp_path / "y").mkdir()
    restore(other, tmp_path / "y", tmp_path / "copy")
    reports = count(other, "SELECT count(*) FROM reports")
    assert reports > 0
    sums = " + ".join(f"sum({name})" for name in COUNTERS)
    for total in ("sum(messages) FROM reports", "sum(count) FROM records", f"{sums} FROM domain_rollups"):
        assert count(other, f"SELECT {total}") == 5 * reports
