"""The control state: what is small, changes often and is asked by more than one process. SQLite, in both set-ups."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from inalign.errors import Error
from inalign.store.schema.migrations import newer_form
from inalign.store.state.intake_sources import SourceRecord

VERSION = 9
BUSY_SECONDS = 10.0
RESULT_SECONDS = 86_400
"""How long what became of an item may be asked; whoever waits for it asks within seconds."""

_STEPS = {
    1: (
        "CREATE TABLE sources (name TEXT PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE receipts (id TEXT PRIMARY KEY, at REAL NOT NULL, outcome BLOB NOT NULL)",
        "CREATE INDEX receipts_at ON receipts (at)",
    ),
    2: (
        "CREATE TABLE answers (origin TEXT, name TEXT, answer BLOB NOT NULL, at REAL NOT NULL, "
        "PRIMARY KEY (origin, name))",
        "CREATE INDEX answers_name ON answers (name)",
        "CREATE TABLE hosts (address TEXT PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE reputation (address TEXT PRIMARY KEY, word TEXT NOT NULL)",
        "CREATE TABLE overrides (domain TEXT, source TEXT, class TEXT NOT NULL, service TEXT NOT NULL, "
        "at REAL NOT NULL, PRIMARY KEY (domain, source))",
    ),
    3: (
        "CREATE TABLE users (name TEXT PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE sessions (id TEXT PRIMARY KEY, user TEXT NOT NULL, at REAL NOT NULL, record BLOB NOT NULL)",
        "CREATE INDEX sessions_user ON sessions (user)",
        "CREATE TABLE tokens (id TEXT PRIMARY KEY, user TEXT NOT NULL, record BLOB NOT NULL)",
        "CREATE TABLE links (id TEXT PRIMARY KEY, user TEXT NOT NULL, record BLOB NOT NULL)",
        "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL)",
    ),
    4: ("CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL)",),
    5: ("ALTER TABLE overrides ADD COLUMN who TEXT NOT NULL DEFAULT ''",),
    6: (
        "CREATE TABLE changes (what TEXT, domain TEXT, number INTEGER NOT NULL, PRIMARY KEY (what, domain))",
        "CREATE TABLE look_ups (domain TEXT PRIMARY KEY, at REAL NOT NULL)",
    ),
    7: (
        "CREATE TABLE incidents (number INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, domain TEXT NOT NULL, "
        "subject TEXT NOT NULL, closed REAL NOT NULL, record BLOB NOT NULL)",
        "CREATE UNIQUE INDEX incidents_open ON incidents (code, domain, subject) WHERE closed = 0",
        "CREATE INDEX incidents_closed ON incidents (closed)",
        "CREATE TABLE watched (domain TEXT PRIMARY KEY, at REAL NOT NULL, known BLOB NOT NULL)",
        "CREATE TABLE outbox (channel TEXT, incident INTEGER, event TEXT, at REAL NOT NULL, "
        "PRIMARY KEY (channel, incident, event))",
        "CREATE TABLE channels (name TEXT PRIMARY KEY, record BLOB NOT NULL)",
    ),
    8: (
        "CREATE TABLE summaries (recipient TEXT, subject TEXT, record BLOB NOT NULL, PRIMARY KEY (recipient, subject))",
    ),
    9: (
        "CREATE TABLE listings (list TEXT, address TEXT, listed INTEGER NOT NULL, at REAL NOT NULL, "
        "PRIMARY KEY (list, address))",
        "CREATE INDEX listings_address ON listings (address)",
    ),
}
"""The statements that lead from each form to the next one. The text of a released step never changes."""


class ControlError(Error):
    """The control state cannot be read or written."""


class Control:
    """The file; it is made where there is none. May be used from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, or create it with its tables; raises `ControlError`."""
        self._path = path
        self._lock = threading.Lock()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except (OSError, sqlite3.Error) as problem:
            raise ControlError(f"{path}: {problem}") from None
        with self.change() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise ControlError(newer_form(path, version, VERSION))
            for step in range(version + 1, VERSION + 1):
                for statement in _STEPS[step]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {step:d}")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Changes that come into force together, or not at all. Raises `ControlError`."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    with suppress(sqlite3.Error):  # the first problem is the one to tell
                        self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as problem:
                raise ControlError(f"{self._path}: {problem}") from None

    def ask(self, sql: str, values: Sequence[str | float] = ()) -> list[Any]:  # Any: what columns hold is SQL's word
        """The rows of a question. Raises `ControlError`."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as problem:
                raise ControlError(f"{self._path}: {problem}") from None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def backup(self, target: Path) -> None:
        """A copy in a new file, of one state. Raises `ControlError`."""
        with self._lock:
            try:
                copy = sqlite3.connect(target)
                try:
                    self._connection.backup(copy)
                finally:
                    copy.close()
            except sqlite3.Error as problem:
                raise ControlError(f"{target}: {problem}") from None

    # Sources of reports

    def read_source(self, name: str) -> SourceRecord | None:
        """What was written last of a source."""
        found = self.ask("SELECT name, record FROM sources WHERE name = ?", [name])
        return msgspec.json.decode(found[0][1], type=SourceRecord) if found else None

    def write_source(self, record: SourceRecord) -> None:
        """Keep this in place of what was there of that name."""
        with self.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sources VALUES (?, ?)", (record.name, msgspec.json.encode(record))
            )

    def sources(self) -> list[SourceRecord]:
        """Return the state of all intake sources, ordered by name."""
        rows = self.ask("SELECT name, record FROM sources ORDER BY name")
        return [msgspec.json.decode(record, type=SourceRecord) for _, record in rows]

    # What became of items of the spool

    def write_results(self, outcomes: Mapping[str, bytes], now: float) -> None:
        """Outcomes (JSON) by the names of items; old ones are forgotten."""
        with self.change() as connection:
            connection.execute("DELETE FROM receipts WHERE at < ?", (now - RESULT_SECONDS,))
            connection.executemany(
                "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)",
                [(name, now, outcome) for name, outcome in outcomes.items()],
            )

    def read_results(self, names: Sequence[str]) -> dict[str, bytes]:
        """Those that are there."""
        found: dict[str, bytes] = {}
        for start in range(0, len(names), 500):
            some = names[start : start + 500]
            marks = ", ".join("?" * len(some))
            found |= dict(self.ask(f"SELECT id, outcome FROM receipts WHERE id IN ({marks})", some))
        return found
