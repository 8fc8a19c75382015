"""Rows for a person (a table that fits the terminal), for programs (JSON) and for spreadsheets (CSV)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import click
import msgspec
from msgspec import Struct

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the country."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def print_json(rows: Sequence[Struct]) -> None:
    """One array."""
    click.echo(msgspec.json.encode(rows).decode())


def print_csv(rows: Sequence[Struct], kind: type[Struct]) -> None:
    """With a head line; what a spreadsheet would run as a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(kind.__struct_fields__)
    for row in rows:
        writer.writerow([csv_cell(value) for value in msgspec.structs.astuple(row)])
    click.echo(BYTE_ORDER_MARK + text.getvalue(), nl=False)


def csv_cell(value: object) -> str:
    """A value as the text of a cell. Numbers stay numbers; text of reporters never becomes a formula."""
    if isinstance(value, bool | int | float):
        return f"{value}"
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


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
        table.add_row(*[Text(visible(_text(value))) for value in msgspec.structs.astuple(row)])
    console = Console(highlight=False, soft_wrap=False)
    console.print(table)


def visible(text: str) -> str:
    """Text of others for a terminal: control characters as what they are called."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, str | int):
        return f"{value}"
    built = msgspec.to_builtins(value)
    if isinstance(built, str):
        return built
    if isinstance(built, list) and all(isinstance(each, str | int) for each in built):
        return ", ".join(map(str, built))
    return msgspec.json.encode(built).decode()
