"""ClickHouse over HTTP: the store of many machines. Any number of processes write.

There are no transactions: tables are written in an order in which the row that says "whole" comes last, and every
table is a ReplacingMergeTree by its key, read with `final`, so that what is written again is there once.
"""

from __future__ import annotations

import http.client
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from inalign.errors import SettingsError
from inalign.store.columns import TABLES, Table
from inalign.store.engine import PARAMETER, Change, Parameter, Row, StoreError, count
from inalign.store.migrations import CLICKHOUSE, VERSION

TIMEOUT = 120.0
"""Of one exchange; an insert of a large batch takes some seconds."""
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
}


class _Answer(msgspec.Struct):
    meta: list[dict[str, str]]
    data: list[list[object]]


class ClickHouseEngine:
    """A database on a server: `clickhouse://user:password@host:8123/database`, `clickhouses://` for TLS."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises `SettingsError` for an URL that is none."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as problem:
            raise SettingsError(f"store.url: {problem}") from None
        if parts.scheme not in ("clickhouse", "clickhouses") or not host:
            raise SettingsError(
                "store.url: write clickhouse://user:password@host:8123/database, or clickhouses:// for TLS"
            )
        self._host = host
        self._is_tls = parts.scheme == "clickhouses"
        self._port = port or (8443 if self._is_tls else 8123)
        self._database = unquote(parts.path.strip("/")) or "default"
        user, password = unquote(parts.username or "default"), unquote(parts.password or "")
        self._headers = {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        """The rows, each value as Python has it."""
        text, values = _translate(sql, parameters or {})
        answer = msgspec.json.decode(self._ask(f"{text} FORMAT JSONCompact", values), type=_Answer)
        makers = [_maker(column["type"]) for column in answer.meta]
        return [tuple([make(value) for make, value in zip(makers, row, strict=True)]) for row in answer.data]

    @contextmanager
    def change(self) -> Iterator[Change]:
        """In the order of the calls."""
        yield self

    def insert(self, table: Table, files: Sequence[Path]) -> None:
        """Rows from NDJSON files."""
        for path in files:
            with path.open("rb") as file:
                self._ask(f"INSERT INTO {table.name} FORMAT JSONEachRow", {}, file)

    def delete(self, table: Table, condition: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Delete rows; returns when they are gone."""
        text, values = _translate(f"ALTER TABLE {table.name} DELETE WHERE {condition}", parameters or {})
        self._ask(text, values)

    def migrate(self) -> int:
        """Bring the tables to the form of this version; several at once do it in the same way."""
        if self._database != "default":
            self._ask(f"CREATE DATABASE IF NOT EXISTS `{self._database}`", {}, database="default")
        self._ask("CREATE TABLE IF NOT EXISTS form (version Int64) ENGINE = ReplacingMergeTree ORDER BY version", {})
        now = count(self, "SELECT max(version) FROM form")
        if now > VERSION:
            raise StoreError(f"{self}: written by a newer Inalign (form {now}, this one knows {VERSION})")
        for version in range(now + 1, VERSION + 1):
            for statement in CLICKHOUSE[version]:
                self._ask(statement, {})
            self._ask(f"INSERT INTO form VALUES ({version:d})", {})  # noqa: S608 - a number of ours
        return VERSION

    def backup(self, folder: Path) -> None:
        """Parquet files, one a table."""
        for table in TABLES:
            names = ", ".join(f"`{name}`" for name in table.columns)
            with (folder / f"{table.name}.parquet").open("wb") as file:
                file.write(self._ask(f"SELECT {names} FROM {table.name} FORMAT Parquet", {}))  # noqa: S608

    def restore(self, folder: Path) -> None:
        """Fill empty tables."""
        for table in TABLES:
            names = ", ".join(f"`{name}`" for name in table.columns)
            with (folder / f"{table.name}.parquet").open("rb") as file:
                self._ask(f"INSERT INTO {table.name} ({names}) FORMAT Parquet", {}, file)

    def compact(self) -> None:
        """Merge what is to be merged now, and not in a while."""
        for table in TABLES:
            self._ask(f"OPTIMIZE TABLE {table.name} FINAL", {})

    def size(self) -> int:
        """Of the active parts, on the disks of the server."""
        sql = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        return count(self, sql)

    def close(self) -> None:
        """There is nothing to let go of."""

    def __str__(self) -> str:
        return f"clickhouse://{self._host}:{self._port}/{self._database}"

    def _ask(self, sql: str, values: Mapping[str, str], body: IO[bytes] | None = None, *, database: str = "") -> bytes:
        """One exchange: the text in the address and the rows in the body, or the text in the body."""
        options = {"database": database or self._database, **_SETTINGS, **values}
        if body is not None:
            options["query"] = sql
        connection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=ssl.create_default_context())
            if self._is_tls
            else http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        )
        try:
            connection.request("POST", f"/?{urlencode(options)}", sql.encode() if body is None else body, self._headers)
            response = connection.getresponse()
            answer = response.read(MAX_ANSWER_OCTETS + 1)
        except (OSError, http.client.HTTPException) as problem:
            raise StoreError(f"{self}: {str(problem) or type(problem).__name__}") from None
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise StoreError(f"{self}: {answer[:MAX_PROBLEM].decode('utf-8', 'replace').strip()}")
        if len(answer) > MAX_ANSWER_OCTETS:
            raise StoreError(f"{self}: the answer is longer than {MAX_ANSWER_OCTETS} octets")
        return answer


def _translate(sql: str, parameters: Mapping[str, Parameter]) -> tuple[str, dict[str, str]]:
    """`:name` as ClickHouse has it, and the values of the names that occur."""
    values: dict[str, str] = {}

    def place(name: str) -> str:
        kind, values[f"param_{name}"] = _written(parameters[name])
        return f"{{{name}:{kind}}}"

    return PARAMETER.sub(lambda match: place(match["name"]), sql), values


def _written(value: Parameter) -> tuple[str, str]:
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
            return "String", value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


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
