"""Keys in PostgreSQL, in read-only transactions: the only file that imports `psycopg`, which is optional."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urlsplit

from inalign.errors import SettingsError
from inalign.keys.sql.database import ANSWER_SECONDS, MAX_ROWS, POSTGRESQL, DatabaseError, Parameters, QueryRows

try:
    import psycopg
except ImportError as problem:  # not installed, or installed without libpq
    raise SettingsError(
        "PostgreSQL needs psycopg (pip install 'inalign[postgresql]', Debian: python3-psycopg): " + str(problem),
        key="sign.database",
    ) from None

_PARAMETER = re.compile(r"(?<![:\w]):(domain|local|address)\b")  # `::domain` is a cast


class PostgresqlDatabase:
    """A connection to PostgreSQL, made again when it is lost."""

    def __init__(self, url: str) -> None:
        """`url` as libpq reads it; a password stands better in its password file."""
        try:
            parts = urlsplit(url)
            self.name = f"{POSTGRESQL}{parts.netloc.rpartition('@')[2]}{parts.path}"
        except ValueError as problem:
            raise SettingsError(str(problem), key="sign.database") from None
        self._url = url
        self._connection: psycopg.Connection | None = None

    def ask(self, query: str, parameters: Parameters) -> QueryRows:
        """Run the query with the parameters; see `Database.ask`."""
        is_new = self._connection is None
        try:
            return self._ask(_PARAMETER.sub(r"%(\1)s", query.replace("%", "%%")), parameters)
        except psycopg.errors.QueryCanceled as problem:
            raise self._error(problem) from None
        except psycopg.OperationalError as problem:
            self.close()
            if is_new:
                raise self._error(problem) from None
        except psycopg.Error as problem:
            raise self._error(problem) from None
        return self.ask(query, parameters)  # the server had ended the connection of before

    def _ask(self, query: str, parameters: Parameters) -> QueryRows:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url, connect_timeout=int(ANSWER_SECONDS / 2), application_name="inalign", prepare_threshold=None
            )
            self._connection.read_only = True
        try:
            cursor = self._connection.execute(query.encode(), parameters)
            return QueryRows(
                len(cursor.description or ()), cursor.fetchmany(MAX_ROWS + 1) if cursor.description else []
            )
        finally:
            with suppress(psycopg.Error):  # what went wrong before is what is told
                self._connection.rollback()

    def _error(self, problem: psycopg.Error) -> DatabaseError:
        return DatabaseError(f"{self.name}: {str(problem).partition(chr(10))[0]}")

    def interrupt(self) -> None:
        """Interrupt the query that runs; see `Database.interrupt`."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=ANSWER_SECONDS)

    def close(self) -> None:
        """Close the connection; see `Database.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
