"""The steps that bring a store of an older form to the current form, for each engine.

A step is a file of SQL text: `migrations/NNN.duckdb.sql` or `migrations/NNN.clickhouse.sql`. The text of a step never
changes after its release, and nothing in it is generated from the current tables (`tables.py`). A new store runs every
step, so that it equals a migrated one. A step of ClickHouse can be interrupted, and several processes can run it at
once: each of its statements can run again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Literal

from inalign.store.engine.interface import StoreError

FORM = 5
"""The form that the steps lead to: the number of the last one."""

_END = re.compile(r";[ \t]*(?:\n|\Z)")
"""A statement ends with a semicolon at the end of a line."""


def migrate(
    where: object, engine: Literal["duckdb", "clickhouse"], found: int, run: Callable[[int, Sequence[str]], None]
) -> int:
    """Run the steps after form `found` in their order, each by one call `run(step, statements)`; return the new form.

    `where` is the file or address of the store. Raises `StoreError` for a form newer than `FORM`.
    """
    if found > FORM:
        raise StoreError(newer_form(where, found, FORM))
    for step in range(found + 1, FORM + 1):
        run(step, statements(step, engine))
    return FORM


def statements(step: int, engine: Literal["duckdb", "clickhouse"]) -> list[str]:
    """Read the SQL statements of a step from its file; comment lines are left out."""
    text = (files(__package__) / "migrations" / f"{step:03d}.{engine}.sql").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [statement for part in _END.split("\n".join(lines)) if (statement := part.strip())]


def newer_form(where: object, found: int, known: int) -> str:
    """Return the message for a store or control state that a newer version of Inalign wrote."""
    return (
        f"{where}: found form {found}, expected form {known} or older: a newer version of Inalign wrote it. "
        "Install that version, or restore a backup that this version made"
    )
