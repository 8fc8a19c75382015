"""ClickHouse over HTTP: the store of many machines. Any number of processes write.

There are no transactions: tables are written in an order in which the row that says "whole" comes last, and every
table is a ReplacingMergeTree by its key, read with `final`, so that what is written again is there once.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Literal
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from inalign.errors import SettingsError
from inalign.store.engine.interface import (
    MAX_ROWS,
    PARAMETER,
    AnswerTooLarge,
    Parameter,
    Row,
    RowsRefused,
    StoreChange,
    StoreError,
    count,
    used,
)
from inalign.store.schema.migrations import migrate
from inalign.store.schema.tables import OF_AN_ASSESSMENT, REPORTS, TABLES, Table

TIMEOUT = 120.0
"""Seconds without an octet from the server; an insert of a large batch takes some."""
LONG_TIMEOUT = 6 * 3600.0
"""Of what works through whole tables: merging them, deleting in them, copying them."""
BLOCK_OCTETS = 1 << 18
MAX_PROBLEM = 500
"""Characters of what the server says that are shown."""
MAX_ANSWER_OCTETS = 256 << 20

_SETTINGS = {
    "final": "1",
    "do_not_merge_across_partitions_select_final": "1",
    "output_format_json_quote_64bit_integers": "0",
    "date_time_input_format": "best_effort",
    "mutations_sync": "1",
    "max_partitions_per_insert_block": "0",
    # A problem that shows late must not come after "200 OK".
    "wait_end_of_query": "1",
    # What the map of columns does not know is a mistake; what a line leaves out is empty.
    "input_format_skip_unknown_fields": "0",
}
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OF_THE_ROWS = re.compile(
    r"Code: (6|26|27|33|38|41|53|69|72|117|321|467|691)\b"  # parsing of texts, numbers, dates, JSON; unknown fields
)


STEP_ATTEMPTS = 5
STEP_PAUSE = 0.2
"""Seconds, times the number of attempts of a step that failed."""


class _QueryResult(msgspec.Struct):
    meta: list[dict[str, str]]
    data: list[list[object]]


class ClickHouseEngine:
    """A database on a server: `clickhouse://user:password@host:8123/database`, `clickhouses://` for TLS."""

    is_atomic = False

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises `SettingsError` for an URL that is none."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as problem:
            raise SettingsError(str(problem), key="store.url") from None
        if parts.scheme not in ("clickhouse", "clickhouses") or not host:
            raise SettingsError(
                "expected clickhouse://user:password@host:8123/database, or clickhouses:// for TLS", key="store.url"
            )
        self._host = host
        self._is_tls = parts.scheme == "clickhouses"
        self._port = port or (8443 if self._is_tls else 8123)
        self._database = unquote(parts.path.strip("/")) or "default"
        if not _DATABASE.fullmatch(self._database):
            raise SettingsError("a database name holds letters, digits and underscores only", key="store.url")
        self._tls = ssl.create_default_context() if self._is_tls else None
        user, password = unquote(parts.username or "default"), unquote(parts.password or "")
        self._headers = {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        """The rows, each value as Python has it."""
        text, values = _translate(sql, parameters)
        try:
            answer = msgspec.json.decode(self._ask(f"{text} FORMAT JSONCompact", values), type=_QueryResult)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise StoreError(f"{self}: what answers there is no ClickHouse: {problem}") from None
        if len(answer.data) > MAX_ROWS:
            raise AnswerTooLarge(f"{self}: the answer has more than {MAX_ROWS} rows")
        makers = [_maker(column["type"]) for column in answer.meta]
        return [tuple([make(value) for make, value in zip(makers, row, strict=True)]) for row in answer.data]

    @contextmanager
    def change(self) -> Iterator[StoreChange]:
        """In the order of the calls."""
        yield self

    def insert(self, table: Table, files: Sequence[Path]) -> None:
        """Rows from NDJSON files."""
        for path in files:
            with path.open("rb") as file:
                try:
                    self._ask(f"INSERT INTO {table.name} FORMAT JSONEachRow", {}, file)
                except StoreError as problem:
                    if _OF_THE_ROWS.search(str(problem)):
                        raise RowsRefused(str(problem)) from None
                    raise

    def fill(self, table: Table, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """The rows of a query, by the names of its columns."""
        names = ", ".join(f"`{name}`" for name in table.columns)
        text, values = _translate(
            f"INSERT INTO {table.name} ({names}) SELECT {names} FROM ({sql}) AS found", parameters
        )
        self._ask(text, values, is_long=True)

    def delete(self, table: Table, condition: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Delete rows; returns when they are gone."""
        text, values = _translate(f"ALTER TABLE {table.name} DELETE WHERE {condition}", parameters)
        self._ask(text, values, is_long=True)

    def migrate(self) -> int:
        """Bring the tables to the form of this version; several at once do it in the same way."""
        found = self._ask(f"EXISTS DATABASE {self._database}", {}, database="default")
        if found.strip() != b"1":
            self._ask(f"CREATE DATABASE IF NOT EXISTS {self._database}", {}, database="default")
        self._ask("CREATE TABLE IF NOT EXISTS form (version Int64) ENGINE = ReplacingMergeTree ORDER BY version", {})
        return migrate(self, "clickhouse", count(self, "SELECT max(version) FROM form"), self._run_step)

    def _run_step(self, step: int, statements: Sequence[str]) -> None:
        """Run a step, then write its number: an interrupted step runs again.

        Another process that runs the step at the same time can drop a table between two statements: then it is run
        again from its first statement.
        """
        for attempt in range(1, STEP_ATTEMPTS + 1):
            try:
                for statement in statements:
                    self._ask(statement, {}, is_long=True)
                break
            except StoreError:
                if attempt == STEP_ATTEMPTS:
                    raise
                time.sleep(attempt * STEP_PAUSE)
        self._ask(f"INSERT INTO form VALUES ({step:d})", {})

    def backup(self, folder: Path) -> None:
        """Parquet files, one a table. Reports come first: the rows of each are older than itself, so all are there."""
        for table in (REPORTS, *(table for table in TABLES if table is not REPORTS)):
            names = ", ".join(f"`{name}`" for name in table.columns)
            with (folder / f"{table.name}.parquet").open("wb") as file:
                self._ask(f"SELECT {names} FROM {table.name} FORMAT Parquet", {}, into=file, is_long=True)

    def restore(self, folder: Path) -> None:
        """Fill empty tables; reports come last."""
        for table in (*(table for table in TABLES if table is not REPORTS), REPORTS):
            names = ", ".join(f"`{name}`" for name in table.columns)
            with (folder / f"{table.name}.parquet").open("rb") as file:
                self._ask(f"INSERT INTO {table.name} ({names}) FORMAT Parquet", {}, file, is_long=True)

    def compact(self) -> None:
        """Merge what is to be merged now, and not in a while."""
        for table in (*TABLES, *OF_AN_ASSESSMENT):
            self._ask(f"OPTIMIZE TABLE {table.name} FINAL", {}, is_long=True)

    def size(self) -> int:
        """Of the active parts, on the disks of the server."""
        sql = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        return count(self, sql)

    def close(self) -> None:
        """There is nothing to let go of."""

    def __str__(self) -> str:
        return f"clickhouse://{self._host}:{self._port}/{self._database}"

    def _ask(
        self,
        sql: str,
        values: Mapping[str, str],
        body: IO[bytes] | None = None,
        *,
        database: str = "",
        into: IO[bytes] | None = None,
        is_long: bool = False,
    ) -> bytes:
        """One exchange: the text in the address and the rows in the body, or the text in the body."""
        options = {"database": database or self._database, **_SETTINGS, **values}
        if body is not None:
            options["query"] = sql
        timeout = LONG_TIMEOUT if is_long else TIMEOUT
        connection = (
            http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout, context=self._tls, blocksize=BLOCK_OCTETS
            )
            if self._is_tls
            else http.client.HTTPConnection(self._host, self._port, timeout=timeout, blocksize=BLOCK_OCTETS)
        )
        try:
            connection.request("POST", f"/?{urlencode(options)}", sql.encode() if body is None else body, self._headers)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise StoreError(f"{self}: {_shown(response.status, response.read(MAX_PROBLEM * 4))}")
            if into is not None:
                while block := response.read(BLOCK_OCTETS):
                    into.write(block)
                return b""
            answer = response.read(MAX_ANSWER_OCTETS + 1)
        except (OSError, http.client.HTTPException) as problem:
            raise StoreError(f"{self}: {str(problem) or type(problem).__name__}") from None
        finally:
            connection.close()
        if len(answer) > MAX_ANSWER_OCTETS:
            raise StoreError(f"{self}: the answer is longer than {MAX_ANSWER_OCTETS} octets")
        return answer


def _shown(status: int, answer: bytes) -> str:
    """What a server says, for one line of a log."""
    text = " ".join(answer.decode("utf-8", "replace").split())
    return "".join(letter for letter in text if letter.isprintable())[:MAX_PROBLEM] or f"HTTP status {status}"


def _translate(sql: str, parameters: Mapping[str, Parameter] | None) -> tuple[str, dict[str, str]]:
    """`:name` as ClickHouse has it, and the values of the names that occur."""
    kinds: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in used(sql, parameters).items():
        kinds[name], values[f"param_{name}"] = _written(value)
    return PARAMETER.sub(lambda match: f"{{{match['name']}:{kinds[match['name']]}}}", sql), values


def _written(value: Parameter) -> tuple[Literal["Bool", "Int64", "Float64", "Date32", "String"], str]:
    """The type of a parameter, and its text: tab-separated, so with escapes."""
    match value:
        case bool():
            return "Bool", "true" if value else "false"
        case int():
            return "Int64", str(value)
        case float():
            return "Float64", repr(value)
        case date():
            return "Date32", value.isoformat()
        case _:
            return "String", value.translate(_ESCAPES)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def _maker(kind: str) -> Callable[[object], Parameter]:
    """What makes a value of JSON one of Python, by the type of its column."""
    kind = kind.removeprefix("LowCardinality(").removeprefix("Nullable(").rstrip(")")
    if kind.startswith("Date"):
        return lambda value: date.fromisoformat(str(value))
    if kind.startswith("Float"):
        return lambda value: float(str(value))
    if kind.startswith(("Int", "UInt")):
        return lambda value: int(str(value))
    if kind == "Bool":
        return bool
    return str
