"""DuckDB: the store of one machine, in one file, owned by one process."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from inalign.store.columns import EVALUATIONS, NAMES, RAW, TABLES, Table
from inalign.store.engine import PARAMETER, Change, Parameter, Row, StoreBusy, StoreError
from inalign.store.migrations import DUCKDB, VERSION

STORAGE_VERSION = "v1.2.0"
"""So that a site can go back to an older DuckDB."""
MAX_OBJECT_OCTETS = 128 << 20
"""Of one line: a raw report of 50 MiB in base64 is the longest."""


REPEATED = (RAW, EVALUATIONS)
"""Tables whose rows may come again; of reports the intake knows before."""


class DuckDbEngine:
    """A store file; it is made where there is none."""

    def __init__(self, path: Path, *, memory_mb: int = 512, threads: int = 2) -> None:
        """Raises `StoreBusy` where another process has it open, `StoreError` where it cannot be opened."""
        self._path = path
        self._write = threading.RLock()
        try:
            self._connection = duckdb.connect(
                config={
                    "memory_limit": f"{memory_mb}MB",
                    "threads": threads,
                    "temp_directory": str(path.parent / "store.tmp"),
                    "preserve_insertion_order": False,
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                }
            )
            option = "" if path.exists() else f" (STORAGE_VERSION '{STORAGE_VERSION}')"
            self._connection.execute(f"ATTACH {_quoted(path)} AS store{option}")
            self._connection.execute("USE store")
        except duckdb.IOException as problem:
            if "lock" in str(problem):
                raise StoreBusy(f"{path}: another process has it open: {_first_line(problem)}") from None
            raise StoreError(f"{path}: {_first_line(problem)}") from None
        except duckdb.Error as problem:
            raise StoreError(f"{path}: {_first_line(problem)}") from None

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        """The rows."""
        named = dict(parameters or {})
        used = {match["name"] for match in PARAMETER.finditer(sql)}
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("USE store")
                found = cursor.execute(
                    PARAMETER.sub(r"$\g<name>", sql), {name: named[name] for name in used}
                ).fetchall()
        except duckdb.Error as problem:
            raise StoreError(f"{self._path}: {_first_line(problem)}") from None
        return found

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction."""
        with self._write:
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute("USE store")
                    cursor.execute("BEGIN TRANSACTION")
                    try:
                        yield _Transaction(cursor)
                    except BaseException:
                        cursor.execute("ROLLBACK")
                        raise
                    cursor.execute("COMMIT")
            except duckdb.Error as problem:
                raise StoreError(f"{self._path}: {_first_line(problem)}") from None

    def migrate(self) -> int:
        """Bring the tables to the form of this version."""
        with self._write:
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute("USE store")
                    cursor.execute("CREATE TABLE IF NOT EXISTS form (version BIGINT)")
                    (now,) = cursor.execute("SELECT coalesce(max(version), 0) FROM form").fetchall()[0]
                    if now > VERSION:
                        raise StoreError(
                            f"{self._path}: written by a newer Inalign (form {now}, this one knows {VERSION})"
                        )
                    for version in range(now + 1, VERSION + 1):
                        cursor.execute("BEGIN TRANSACTION")
                        for statement in DUCKDB[version]:
                            cursor.execute(statement)
                        cursor.execute("INSERT INTO form VALUES (?)", [version])
                        cursor.execute("COMMIT")
            except duckdb.Error as problem:
                raise StoreError(f"{self._path}: {_first_line(problem)}") from None
        return VERSION

    def backup(self, folder: Path) -> None:
        """Parquet files; readers and writers go on."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("USE store")
                cursor.execute("BEGIN TRANSACTION")  # one state of all tables
                for table in TABLES:
                    target = _quoted(folder / f"{table.name}.parquet")
                    cursor.execute(f"COPY {table.name} TO {target} (FORMAT parquet, COMPRESSION zstd)")
                cursor.execute("COMMIT")
        except duckdb.Error as problem:
            raise StoreError(f"{folder}: {_first_line(problem)}") from None

    def restore(self, folder: Path) -> None:
        """Fill empty tables."""
        with self._write:
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute("USE store")
                    cursor.execute("BEGIN TRANSACTION")
                    for table in TABLES:
                        names = ", ".join(f'"{name}"' for name in table.columns)
                        source = _quoted(folder / f"{table.name}.parquet")
                        cursor.execute(
                            f"INSERT INTO {table.name} ({names}) SELECT {names} FROM read_parquet({source})"  # noqa: S608 - names of ours
                        )
                    cursor.execute("COMMIT")
            except duckdb.Error as problem:
                raise StoreError(f"{folder}: {_first_line(problem)}") from None

    def compact(self) -> None:
        """Write the file anew: DuckDB gives room that was deleted back to itself, not to the disk."""
        fresh = self._path.with_suffix(".compacting")
        fresh.unlink(missing_ok=True)
        with self._write:
            try:
                self._connection.execute(f"ATTACH {_quoted(fresh)} AS fresh (STORAGE_VERSION '{STORAGE_VERSION}')")
                self._connection.execute("COPY FROM DATABASE store TO fresh")
                self._connection.execute("DETACH fresh")
                self._connection.execute("USE memory")
                self._connection.execute("DETACH store")
                fresh.replace(self._path)
            except duckdb.Error as problem:
                raise StoreError(f"{self._path}: {_first_line(problem)}") from None
            finally:
                names = {
                    name
                    for (name,) in self._connection.execute("SELECT database_name FROM duckdb_databases()").fetchall()
                }
                if "store" not in names:
                    self._connection.execute(f"ATTACH {_quoted(self._path)} AS store")
                self._connection.execute("USE store")

    def size(self) -> int:
        """Of the file and what is written ahead."""
        return sum(path.stat().st_size for path in (self._path, self._path.with_suffix(".duckdb.wal")) if path.exists())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        shutil.rmtree(self._path.parent / "store.tmp", ignore_errors=True)


class _Transaction:
    """Changes that come into force together."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def insert(self, table: Table, files: Sequence[Path]) -> None:
        """Rows from NDJSON files; of a table without reports those that are there already are left as they are."""
        if not files:
            return
        names = ", ".join(f'"{name}"' for name in table.columns)
        source = f"read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = {MAX_OBJECT_OCTETS})"
        types = {name: kind.value[0] for name, kind in table.columns.items()}
        if table is NAMES:  # what is known now counts
            old = f"DELETE FROM names WHERE source_ip IN (SELECT source_ip FROM {source})"  # noqa: S608 - as below
            self._cursor.execute(old, [[str(file) for file in files], types])
        sql = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {source} AS fresh"  # noqa: S608 - names of ours
        if table in REPEATED:
            same = " AND ".join(f"old.{name} = fresh.{name}" for name in table.key)
            keys = ", ".join(table.key)
            sql += (
                f" WHERE NOT EXISTS (SELECT 1 FROM {table.name} AS old WHERE {same})"  # noqa: S608
                f" QUALIFY row_number() OVER (PARTITION BY {keys}) = 1"
            )
        self._cursor.execute(sql, [[str(file) for file in files], types])

    def delete(self, table: Table, condition: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Delete the rows that meet a condition."""
        self._cursor.execute(
            PARAMETER.sub(r"$\g<name>", f"DELETE FROM {table.name} WHERE {condition}"),  # noqa: S608 - texts of ours
            dict(parameters or {}),
        )


def _quoted(path: Path) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]
