"""What the store needs of a database: two engines have it, and one SQL text is right for both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from inalign.errors import Error
from inalign.store.schema.tables import Table

Parameter = str | int | float | bool | date
Row = tuple[Parameter, ...]
R = TypeVar("R", bound=msgspec.Struct)

PARAMETER = re.compile(r"(?<![:\w]):(?P<name>[a-z][a-z_0-9]*)")
"""`:name` in an SQL text; `::` is a cast of DuckDB, and in no text of ours."""


class StoreError(Error):
    """The database refuses, or cannot be reached: which, and what it said."""


class StoreBusy(StoreError):  # noqa: N818 - a state, as the user meets it
    """Another process has the store open."""


class AnswerTooLarge(StoreError):  # noqa: N818 - what became of a question
    """The database is well, and the answer is not for one piece of memory."""


class RowsRefused(StoreError):  # noqa: N818 - what became of rows
    """The database is well, and these rows it will never take: trying again is of no use, trying fewer is."""


class Engine(Protocol):
    """A database. All of it blocks; queries may run in several threads, changes in one at a time."""

    @property
    def is_atomic(self) -> bool:
        """Whether a change comes into force as a whole, so that sums can take the place of what was summed."""

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        """The rows, with values as the columns say."""

    def change(self) -> AbstractContextManager[StoreChange]:
        """Changes that come into force together at the end of `with`, or not at all (ClickHouse: in their order)."""

    def migrate(self) -> int:
        """Bring the tables to the form of this version; returns its number. Raises `StoreError` for a newer form."""

    def backup(self, folder: Path) -> None:
        """A copy of all tables in a folder, one Parquet file each; both engines read those of the other."""

    def restore(self, folder: Path) -> None:
        """Fill empty tables from such a copy."""

    def compact(self) -> None:
        """Return the room of deleted rows to the file system."""

    def size(self) -> int:
        """Return the octets that the store has on disk."""

    def close(self) -> None:
        """Let go of the store."""


class StoreChange(Protocol):
    """What is done inside `Engine.change`."""

    def insert(self, table: Table, files: Sequence[Path]) -> None:
        """Rows from files of NDJSON; those whose key is there already take the place of the old ones."""

    def fill(self, table: Table, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """The rows of a query, by the names of its columns."""

    def delete(self, table: Table, condition: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Delete the rows that meet a condition."""


MAX_ROWS = 1_000_000
"""Of an answer; pages ask for some hundred, and what is larger is asked for in parts."""
_WHOLE = (-(1 << 63), (1 << 63) - 1)
_DAYS = (date(1900, 1, 1), date(2299, 12, 31))


def used(sql: str, parameters: Mapping[str, Parameter] | None) -> dict[str, Parameter]:
    """The parameters that occur in a text, as both engines can hold them: whatever a user asks for, it is an answer."""
    given = parameters or {}
    return {name: _holdable(given[name]) for name in {match["name"] for match in PARAMETER.finditer(sql)}}


def _holdable(value: Parameter) -> Parameter:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool() | float():
            return value
        case int():
            return max(_WHOLE[0], min(value, _WHOLE[1]))
        case _:
            return max(_DAYS[0], min(value, _DAYS[1]))


def count(engine: Engine, sql: str, parameters: Mapping[str, Parameter] | None = None) -> int:
    """The whole number that a query gives; 0 where it gives none."""
    ((value,),) = engine.query(sql, parameters)
    return value if isinstance(value, int) else 0


def whole(value: Parameter) -> int:
    """A whole number of an answer: sums are Decimal in one engine."""
    return value if isinstance(value, int) else int(str(value))


def typed(rows: Sequence[Row], kind: type[R]) -> list[R]:
    """Rows as structs whose fields are the columns, in their order."""
    names = kind.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), kind, strict=False) for row in rows]


def same_or_below(column: str, name: str = "domain") -> str:
    """That a column is a domain or below it; `domain_parameters` has the values.

    Not LIKE: domain names have underscores, and the engines differ in how these are escaped. length() is characters
    for DuckDB and octets for ClickHouse, and so is right().
    """
    return f"({column} = :{name} OR right({column}, length(:{name}_below)) = :{name}_below)"


def domain_parameters(domain: str, name: str = "domain") -> dict[str, Parameter]:
    """The parameters of `same_or_below`."""
    return {name: domain, f"{name}_below": f".{domain}"}


def in_list(keys: Iterable[str]) -> str:
    """Digests of ours as a list for IN. Raises `ValueError` for anything else: nothing foreign gets into SQL."""
    words = list(keys)
    if not all(word.isascii() and word.isalnum() for word in words):
        raise ValueError("no digest")
    return ", ".join(f"'{word}'" for word in words) or "''"
