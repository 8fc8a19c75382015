"""DuckDB: the store of one machine, in one file, owned by one process."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import duckdb

from inalign.spool.evaluations import sync_folder
from inalign.store.engine.interface import (
    MAX_ROWS,
    PARAMETER,
    AnswerTooLarge,
    Parameter,
    Row,
    RowsRefused,
    StoreBusy,
    StoreChange,
    StoreError,
    used,
)
from inalign.store.engine.lock import StoreLock
from inalign.store.schema.migrations import migrate
from inalign.store.schema.tables import ASSESSMENTS, CONFLICTS, EVALUATIONS, NAMES, RAW, TABLES, Table

STORAGE_VERSION = "v1.2.0"
"""So that a site can go back to an older DuckDB."""
LEAST_OBJECT_OCTETS = 4 << 20
"""DuckDB takes a buffer of twice the longest line for each thread that reads."""
EXCHANGE_SECONDS = 60.0
"""How long `compact` waits for queries to end, and queries for the file to be exchanged."""

REPEATED = (RAW, CONFLICTS, EVALUATIONS, NAMES)
"""Tables whose rows may come again; of reports the intake knows before."""
RENEWED = (NAMES, ASSESSMENTS)
"""Of these the new row counts."""
_OF_THE_ROWS = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.ConstraintException,
    duckdb.OutOfRangeException,
    duckdb.OutOfMemoryException,  # a line longer than a sixth of the memory that the settings allow
)


class DuckDbEngine:
    """A store file; it is made where there is none."""

    is_atomic = True

    def __init__(self, path: Path, *, memory_mb: int = 512, threads: int = 2) -> None:
        """Raises `StoreBusy` where another process has it open, `StoreError` where it cannot be opened."""
        self._path = path
        self._spill = path.parent / f"{path.name}.tmp"
        self._fresh = path.parent / f"{path.name}.compacting"
        self._write = threading.RLock()
        self._gate = _Gate()
        self._lock = StoreLock(path.parent / f"{path.name}.lock")
        try:
            self._clear()
            self._connection = duckdb.connect(
                config={
                    "memory_limit": f"{memory_mb}MB",
                    "threads": threads,
                    "temp_directory": str(self._spill),
                    "preserve_insertion_order": False,
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "python_enable_replacements": False,
                }
            )
            option = "" if path.exists() else f" (STORAGE_VERSION '{STORAGE_VERSION}')"
            self._connection.execute(f"ATTACH {_quoted(path)} AS store{option}")
            with suppress(OSError):  # a folder whose mode is not ours to change
                path.chmod(0o600)
        except (OSError, duckdb.Error) as problem:
            self._lock.release()
            kind = StoreBusy if "Could not set lock" in str(problem) else StoreError
            raise kind(f"{path}: {_first_line(problem)}") from None

    def _clear(self) -> None:
        """What a process that was killed left behind: what it spilled, a file half copied, one hardly begun."""
        shutil.rmtree(self._spill, ignore_errors=True)
        for path in (self._fresh, _wal(self._fresh)):
            path.unlink(missing_ok=True)
        if self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._gate.passing(), self._connection.cursor() as cursor:
                cursor.execute("USE store")
                yield cursor
        except duckdb.Error as problem:
            raise StoreError(f"{self._path}: {_first_line(problem)}") from None

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        """Run a SELECT with named parameters and return its rows; raises `AnswerTooLarge` beyond `MAX_ROWS`."""
        with self._cursor() as cursor:
            cursor.execute(_translate(sql), used(sql, parameters))
            found: list[Row] = cursor.fetchmany(MAX_ROWS + 1)
        if len(found) > MAX_ROWS:
            raise AnswerTooLarge(f"{self._path}: the answer has more than {MAX_ROWS} rows")
        return found

    @contextmanager
    def change(self) -> Iterator[StoreChange]:
        """Open a transaction: it is committed when the block ends, and rolled back when the block raises."""
        with self._write, self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            try:
                yield _Transaction(cursor, self._path)
            except BaseException:
                with suppress(duckdb.Error):  # the first problem is the one to tell
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def migrate(self) -> int:
        """Bring the tables to the form of this version."""
        with self._write, self._cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS form (version BIGINT)")
            ((now,),) = cursor.execute("SELECT coalesce(max(version), 0) FROM form").fetchall()
            return migrate(self._path, "duckdb", now, partial(_run_step, cursor))

    def backup(self, folder: Path) -> None:
        """Parquet files, one a table, all of one state."""
        with self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")  # what others write from now on is not seen
            for table in TABLES:
                target = _quoted(folder / f"{table.name}.parquet")
                cursor.execute(f"COPY {table.name} TO {target} (FORMAT parquet, COMPRESSION zstd)")
            cursor.execute("COMMIT")

    def restore(self, folder: Path) -> None:
        """Fill empty tables, all or none."""
        with self._write, self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            for table in TABLES:
                names = ", ".join(f'"{name}"' for name in table.columns)
                source = _quoted(folder / f"{table.name}.parquet")
                cursor.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM read_parquet({source})")
            cursor.execute("COMMIT")

    def compact(self) -> None:
        """Write the file anew: DuckDB gives room that was deleted back to itself, not to the disk.

        Queries go on while it is copied, and wait while it is exchanged. Killed in between, there is the old file or
        the new one. Raises `StoreError`, also where a query does not end.
        """
        with self._write:
            try:
                with self._cursor() as cursor:
                    cursor.execute(f"ATTACH {_quoted(self._fresh)} AS fresh (STORAGE_VERSION '{STORAGE_VERSION}')")
                    try:
                        cursor.execute("COPY FROM DATABASE store TO fresh")
                    finally:
                        cursor.execute("DETACH fresh")  # which brings all of it into its file
                with self._gate.alone():
                    self._exchange()
            except OSError as problem:
                raise StoreError(f"{self._path}: {problem.strerror}") from None
            except duckdb.Error as problem:
                raise StoreError(f"{self._path}: {_first_line(problem)}") from None
            finally:
                for path in (self._fresh, _wal(self._fresh)):
                    with suppress(OSError):
                        path.unlink(missing_ok=True)

    def _exchange(self) -> None:
        self._connection.execute("CHECKPOINT store")
        self._connection.execute("DETACH store")
        try:
            # A log of the old file would be played into the new one.
            if _wal(self._path).exists() or _wal(self._fresh).exists():
                raise StoreError(f"{self._path}: it has a log that DuckDB did not bring into it; nothing was changed")
            descriptor = os.open(self._fresh, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fchmod(descriptor, 0o600)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._fresh.replace(self._path)
            sync_folder(self._path.parent)
        finally:
            self._connection.execute(f"ATTACH {_quoted(self._path)} AS store")

    def size(self) -> int:
        """Of the file and what is written ahead."""
        total = 0
        for path in (self._path, _wal(self._path)):
            with suppress(OSError):
                total += path.stat().st_size
        return total

    def close(self) -> None:
        """Let go of the file, when changes and queries have ended; those that come later get `StoreError`."""
        with self._write:
            with suppress(StoreError), self._gate.alone():
                self._connection.close()
            self._connection.close()
            self._lock.release()
            shutil.rmtree(self._spill, ignore_errors=True)


class _Transaction:
    """Changes that come into force together."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._cursor = cursor
        self._path = path

    def insert(self, table: Table, files: Sequence[Path]) -> None:
        """Rows from NDJSON files; of a table without reports those that are there already are left as they are."""
        if not files:
            return
        names = ", ".join(f'"{name}"' for name in table.columns)
        longest = max(LEAST_OBJECT_OCTETS, *map(_longest_line, files))
        source = f"read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = {longest + 1})"
        types = {name: kind.value[0] for name, kind in table.columns.items()}
        paths = [_literal(file) for file in files]
        keys = ", ".join(table.key)
        once = f" QUALIFY row_number() OVER (PARTITION BY {keys}) = 1" if table in REPEATED else ""
        sql = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {source} AS fresh"
        try:
            if table in RENEWED:
                old = f"DELETE FROM {table.name} WHERE ({keys}) IN (SELECT ({keys}) FROM {source})"
                self._cursor.execute(old, [paths, types])
            elif table in REPEATED:
                same = " AND ".join(f"old.{name} = fresh.{name}" for name in table.key)
                sql += f" WHERE NOT EXISTS (SELECT 1 FROM {table.name} AS old WHERE {same})"
            self._cursor.execute(sql + once, [paths, types])
        except _OF_THE_ROWS as problem:
            raise RowsRefused(f"{self._path}: {table.name}: {_first_line(problem)}") from None

    def fill(self, table: Table, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """The rows of a query, by the names of its columns."""
        self._cursor.execute(_translate(f"INSERT INTO {table.name} BY NAME {sql}"), used(sql, parameters))

    def delete(self, table: Table, condition: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Delete the rows that meet a condition."""
        self._cursor.execute(
            _translate(f"DELETE FROM {table.name} WHERE {condition}"),
            used(condition, parameters),
        )


def _run_step(cursor: duckdb.DuckDBPyConnection, step: int, statements: Sequence[str]) -> None:
    """Run a step and write its number, in one transaction."""
    cursor.execute("BEGIN TRANSACTION")
    try:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("INSERT INTO form VALUES (?)", [step])
    except BaseException:
        with suppress(duckdb.Error):  # the first error is the one to report
            cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


class _Gate:
    """Any number pass at a time, or one is alone."""

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._inside = 0
        self._is_shut = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        with self._state:
            if not self._state.wait_for(lambda: not self._is_shut, EXCHANGE_SECONDS):
                raise StoreError("the store is being written anew; try again later")
            self._inside += 1
        try:
            yield
        finally:
            with self._state:
                self._inside -= 1
                self._state.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._state:
            self._is_shut = True
            try:
                if not self._state.wait_for(lambda: not self._inside, EXCHANGE_SECONDS):
                    raise StoreError("a query does not end; the store stays as it is")
                yield
            finally:
                self._is_shut = False
                self._state.notify_all()


def _longest_line(path: Path) -> int:
    try:
        if path.stat().st_size <= LEAST_OBJECT_OCTETS:
            return 0
        with path.open("rb") as file:
            return max(map(len, file))
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from None


def _translate(sql: str) -> str:
    return PARAMETER.sub(r"$\g<name>", sql)


def _wal(path: Path) -> Path:
    return path.parent / f"{path.name}.wal"


def _quoted(path: Path) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _literal(path: Path) -> str:
    """A path as read_json takes it: not as a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]
