"""The answers of one request: a statement that several views ask with the same parameters is executed once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from inalign.store.engine.interface import Engine, Parameter, Row, StoreChange

MAX_SHARED_ROWS = 100_000
"""Rows that one request holds for later views; an answer beyond them is executed again where it is needed again."""


class Snapshot:
    """An engine for one request (a page, a call of the API, a command) that remembers the answers to its queries.

    It is used by one thread. A change through it discards the answers; changes by others in the meantime are not seen,
    so that all parts of a page agree. `fresh` holds the domains whose assessments the request has ensured to be fresh.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.fresh: set[str] = set()
        self._answers: dict[tuple[str, tuple[tuple[str, Parameter], ...]], list[Row]] = {}
        self._rows = 0

    @property
    def is_atomic(self) -> bool:
        """Whether a change of the engine comes into force as a whole."""
        return self.engine.is_atomic

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        """Return the rows of a query, from memory where the request has executed it before. Raises `StoreError`."""
        key = sql, tuple(sorted((parameters or {}).items()))
        rows = self._answers.get(key)
        if rows is None:
            rows = self.engine.query(sql, parameters)
            if self._rows + len(rows) <= MAX_SHARED_ROWS:
                self._rows += len(rows)
                self._answers[key] = rows
        return list(rows)

    def forget(self) -> None:
        """Discard the answers, because the tables have changed."""
        self._answers.clear()
        self._rows = 0

    def change(self) -> AbstractContextManager[StoreChange]:
        """Change the tables through the engine; queries after it are executed again."""
        self.forget()
        return self.engine.change()

    def migrate(self) -> int:
        """Bring the tables of the engine to the form of this version."""
        self.forget()
        return self.engine.migrate()

    def backup(self, folder: Path) -> None:
        """Copy all tables of the engine to a folder."""
        self.engine.backup(folder)

    def restore(self, folder: Path) -> None:
        """Fill the empty tables of the engine from such a copy."""
        self.forget()
        self.engine.restore(folder)

    def compact(self) -> None:
        """Give back unused space of the engine's file."""
        self.engine.compact()

    def size(self) -> int:
        """Return the octets that the engine takes on disk."""
        return self.engine.size()

    def close(self) -> None:
        """Discard the answers; the engine stays open, because other requests use it."""
        self.forget()
