"""What `keys/sql` asks of a database, whichever it is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from inalign.errors import Error

POSTGRESQL = "postgresql://"
MAX_ROWS = 8  # for one author: each of them signs
ANSWER_SECONDS = 5.0  # the MTA waits

Parameters = dict[str, str]


class DatabaseError(Error):
    """The database does not answer, or does not like the query. The text holds no password."""


class QueryRows(NamedTuple):
    """An answer, MAX_ROWS and one more at most."""

    columns: int
    rows: list[tuple[object, ...]]


class Database(Protocol):
    """A database that is opened when it is first asked; all calls but `interrupt` come from one thread."""

    name: str
    """The file or URL without password, for log lines and errors."""

    def ask(self, query: str, parameters: Parameters) -> QueryRows:
        """The answer to a query with :domain, :local and :address in it. Raises `DatabaseError`."""
        ...

    def interrupt(self) -> None:
        """End the query that runs; from another thread."""
        ...

    def close(self) -> None:
        """Close it; it may be asked again."""
        ...
