"""The steps lead to the current tables, and a store file that the code of each form wrote gives the same answers."""

from __future__ import annotations

import gzip
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine, StoreError, count
from inalign.store.schema import migrations
from inalign.store.schema.migrations import FORM, statements
from inalign.store.schema.tables import OF_AN_ASSESSMENT, SOURCE_MONTHS, SUMMED_MONTHS, TABLES, ColumnKind, Table
from inalign.store.state.control import VERSION as CONTROL_FORM
from inalign.store.state.control import Control
from tests.store.material import aggregate, store
from tests.store.write_form import (
    Answers,
    control_answers,
    fill_control,
    fill_store,
    store_answers,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "store"
FORMS = sorted(folder.name for folder in VECTORS.glob("form-*"))
OF_DUCKDB = (*TABLES, *OF_AN_ASSESSMENT, SOURCE_MONTHS, SUMMED_MONTHS)
OF_CLICKHOUSE = (*TABLES, *OF_AN_ASSESSMENT)
BY_MONTH = {"records", "domain_rollups", "failures", "tls_policies", "tls_failures", "evaluations"}
PACKED = {("failures", "sample"), ("raw", "content"), ("evaluations", "details")}


def form_of(folder: str) -> int:
    return int(folder.split("-")[1])


def unpacked(folder: str, name: str, target: Path) -> Path:
    path = target / name
    path.write_bytes(gzip.decompress((VECTORS / folder / f"{name}.gz").read_bytes()))
    return path


def expected(folder: str) -> Answers:
    return msgspec.json.decode((VECTORS / folder / "answers.json").read_bytes(), type=Answers)


def assert_same(found: Answers, folder: str) -> None:
    """Compare the fields that were there when the answers were written; later ones may be new."""
    for name, rows in expected(folder).items():
        assert len(found[name]) == len(rows), name
        for now, then in zip(found[name], rows, strict=True):
            for field, value in then.items():
                wanted = pytest.approx(value) if isinstance(value, float) else value
                assert now.get(field) == wanted, f"{name}: {field}"


@pytest.fixture
def clickhouse(clickhouse_url: str) -> Iterator[ClickHouseEngine]:
    with closing(ClickHouseEngine(f"{clickhouse_url}/t{uuid.uuid4().hex}")) as made:
        yield made


# The steps and the tables


def test_each_step_is_one_file_an_engine() -> None:
    names = {path.name for path in (files("inalign.store.schema") / "migrations").iterdir()}
    steps = range(1, FORM + 1)
    assert names == {f"{step:03d}.{engine}.sql" for step in steps for engine in ("duckdb", "clickhouse")}


def test_statements_are_those_of_the_file_without_comments() -> None:
    found = statements(4, "duckdb")
    assert [each.split(maxsplit=3)[:3] for each in found] == [
        ["DELETE", "FROM", "judged_sources"],
        ["DELETE", "FROM", "judged_slots"],
        ["DROP", "TABLE", "judged_domains"],
        ["CREATE", "TABLE", "judged_domains"],
        ["CREATE", "TABLE", "source_months"],
        ["CREATE", "TABLE", "summed_months"],
    ]
    assert not any(";" in each or "--" in each for each in found)


def test_steps_of_duckdb_give_the_current_tables(tmp_path: Path) -> None:
    """In their order; DuckDB puts a column that a step adds behind those that are there, and lets it be NULL."""
    added = {
        (table, column)
        for step in range(1, FORM + 1)
        for each in statements(step, "duckdb")
        for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", each)
    }
    assert ("records", "slot") in added
    with closing(DuckDbEngine(tmp_path / "store.duckdb")) as engine:
        engine.migrate()
        found: dict[object, list[tuple[object, ...]]] = {}
        for table, *column in engine.query(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE database_name = 'store' ORDER BY table_name, column_index"
        ):
            found.setdefault(table, []).append(tuple(column))
    assert found.pop("form") == [("version", "BIGINT", True)]
    assert found == {
        table.name: [
            (name, kind.value[0], (table.name, name) in added)
            for is_added in (False, True)
            for name, kind in table.columns.items()
            if ((table.name, name) in added) is is_added
        ]
        for table in OF_DUCKDB
    }


def test_steps_of_clickhouse_give_the_current_tables(clickhouse: ClickHouseEngine) -> None:
    clickhouse.migrate()
    found: dict[object, list[tuple[object, ...]]] = {}
    for table, *column in clickhouse.query(
        "SELECT table, name, type, compression_codec FROM system.columns "
        "WHERE database = currentDatabase() ORDER BY table, position"
    ):
        found.setdefault(table, []).append(tuple(column))
    assert found.pop("form") == [("version", "Int64", "")]
    assert found == {
        table.name: [
            (name, kind.value[1], "CODEC(ZSTD(1))" if (table.name, name) in PACKED else "")
            for name, kind in table.columns.items()
        ]
        for table in OF_CLICKHOUSE
    }
    keys = clickhouse.query(
        "SELECT name, engine, sorting_key, partition_key FROM system.tables "
        "WHERE database = currentDatabase() AND name <> 'form'"
    )
    assert {name: (kind, str(key).strip("()"), part) for name, kind, key, part in keys} == {
        table.name: ("ReplacingMergeTree", ", ".join(table.key), "toYYYYMM(day)" if table.name in BY_MONTH else "")
        for table in OF_CLICKHOUSE
    }


def test_step_that_fails_changes_nothing_in_duckdb(tmp_path: Path) -> None:
    with closing(DuckDbEngine(tmp_path / "store.duckdb")) as engine:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(migrations, "FORM", 1)
            engine.migrate()
        with pytest.MonkeyPatch.context() as patch:
            broken = [*statements(2, "duckdb"), "SELECT missing FROM reports"]
            patch.setattr(migrations, "statements", lambda step, kind: broken)
            with pytest.raises(StoreError, match="missing"):
                engine.migrate()
        assert count(engine, "SELECT max(version) FROM form") == 1
        assert engine.migrate() == FORM
        assert store(engine, tmp_path, aggregate()) == ["stored"]


def test_error_for_a_newer_form_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with closing(DuckDbEngine(path)) as engine:
        engine.migrate()
        with engine.change() as change:
            change.fill(Table("form", {"version": ColumnKind.WHOLE}, ()), "SELECT 99 AS version")
        with pytest.raises(StoreError) as caught:
            engine.migrate()
    assert str(caught.value) == (
        f"{path}: found form 99, expected form {FORM} or older: a newer version of Inalign wrote it. "
        "Install that version, or restore a backup that this version made"
    )


# Stores of each form


def test_there_is_a_store_of_each_form() -> None:
    assert {form_of(folder) for folder in FORMS} == set(range(1, FORM + 1))


@pytest.mark.parametrize("folder", FORMS)
def test_store_of_each_form_gives_the_same_answers(folder: str, tmp_path: Path) -> None:
    with closing(DuckDbEngine(unpacked(folder, "store.duckdb", tmp_path))) as engine:
        assert count(engine, "SELECT max(version) FROM form") == form_of(folder)
        assert engine.migrate() == FORM
        assert_same(store_answers(engine, tmp_path), folder)
        assert store(engine, tmp_path, aggregate(report_id="new")) == ["stored"]
        engine.compact()
        assert count(engine, "SELECT count(*) FROM reports WHERE report_id = 'new'") == 1


@pytest.mark.parametrize("folder", FORMS)
def test_the_same_rows_in_clickhouse_give_the_same_answers(
    folder: str, clickhouse: ClickHouseEngine, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "FORM", form_of(folder))
        clickhouse.migrate()
        if folder == "form-3-findings":
            clickhouse._ask("ALTER TABLE judged_domains ADD COLUMN findings String", {})
        with closing(DuckDbEngine(unpacked(folder, "store.duckdb", tmp_path))) as engine:
            _copy(engine, clickhouse, tmp_path)
    assert count(clickhouse, "SELECT max(version) FROM form") == form_of(folder)
    assert clickhouse.migrate() == FORM
    assert_same(store_answers(clickhouse, tmp_path), folder)


def _copy(source: Engine, target: Engine, folder: Path) -> None:
    """Copy the tables that both have, with the columns that the source has."""
    tables = target.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND name <> 'form'")
    assert len(tables) >= len(TABLES)
    for (table,) in tables:
        sql = (
            "SELECT column_name FROM duckdb_columns() "
            "WHERE database_name = 'store' AND table_name = :table ORDER BY column_index"
        )
        names = [str(name) for (name,) in source.query(sql, {"table": str(table)})]
        rows = source.query(f"SELECT {', '.join(names)} FROM {table}")  # noqa: S608 - names of ours
        path = folder / f"{table}.ndjson"
        path.write_bytes(b"".join(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows))
        with target.change() as change:
            change.insert(Table(str(table), {}, ()), [path] if rows else [])


def test_store_that_is_filled_now_gives_the_same_answers(tmp_path: Path) -> None:
    with closing(DuckDbEngine(tmp_path / "store.duckdb")) as engine:
        engine.migrate()
        fill_store(engine, tmp_path)
        assert_same(store_answers(engine, tmp_path), f"form-{FORM}")


# The control state


def test_control_state_of_form_9_holds_the_same(tmp_path: Path) -> None:
    with closing(Control(unpacked("control-9", "control.sqlite", tmp_path))) as control:
        assert control.ask("PRAGMA user_version") == [(CONTROL_FORM,)]
        assert_same(control_answers(control), "control-9")


def test_control_state_that_is_filled_now_holds_the_same(tmp_path: Path) -> None:
    with closing(Control(tmp_path / "control.sqlite")) as control:
        fill_control(control)
        assert_same(control_answers(control), "control-9")
