"""Rows for a person (a table that fits the terminal), for programs (JSON) and for spreadsheets (CSV)."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
from msgspec import Struct

from inalign.store.queries.spreadsheet import as_csv, as_text


def print_json(rows: Sequence[Struct]) -> None:
    """One array."""
    click.echo(msgspec.json.encode(rows).decode())


def print_csv(rows: Sequence[Struct], kind: type[Struct]) -> None:
    """With a head line; what a spreadsheet would run as a formula begins with an apostrophe."""
    click.echo(as_csv(rows, kind), nl=False)


def print_table(rows: Sequence[Struct], kind: type[Struct]) -> None:
    """As wide as the terminal; control characters are shown, not obeyed."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, and JSON does not need it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in kind.__struct_fields__:
        numbers = all(
            isinstance(getattr(row, name), int | float) and not isinstance(getattr(row, name), bool) for row in rows
        )
        table.add_column(name.replace("_", " "), justify="right" if numbers and rows else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(visible(as_text(value))) for value in msgspec.structs.astuple(row)])
    console = Console(highlight=False, soft_wrap=False)
    console.print(table)


def visible(text: str) -> str:
    """Text of others for a terminal: control characters as what they are called."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
