"""Keys in an SQLite file, which is only read."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from inalign.keys.file_value import Stamp, stamp
from inalign.keys.sql.database import ANSWER_SECONDS, MAX_ROWS, DatabaseError, Parameters, QueryRows


class SqliteDatabase:
    """An SQLite file, opened again when another takes its place."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode: Stamp = None

    def ask(self, query: str, parameters: Parameters) -> QueryRows:
        """Run the query with the parameters; see `Database.ask`."""
        try:
            cursor = self._current().execute(query, parameters)
            try:
                return QueryRows(len(cursor.description or ()), cursor.fetchmany(MAX_ROWS + 1))
            finally:
                cursor.close()  # a reader that stays open would keep writers from a checkpoint
        except sqlite3.Error as problem:
            raise DatabaseError(f"{self.name}: {problem}") from None

    def _current(self) -> sqlite3.Connection:
        there = stamp(self._path)
        inode = there and there[:2]
        if self._connection is None or inode != self._inode:
            self.close()
            self._connection, self._inode = _connect(self._path), inode
        return self._connection

    def interrupt(self) -> None:
        """Interrupt the query that runs; see `Database.interrupt`."""
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # its thread has closed it in the meantime
                connection.interrupt()

    def close(self) -> None:
        """Close the connection; see `Database.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=ANSWER_SECONDS / 2, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA query_only = 1")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
