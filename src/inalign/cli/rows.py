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
GAP = 2
"""Blanks between columns."""
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
    """As wide as the terminal: columns that do not fit are left out from the right, and it says so. Into a file or a
    pipe goes all of it. Control characters are shown, not obeyed."""
    from rich.cells import cell_len  # noqa: PLC0415 - slow to import, and JSON does not need it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    names = [name.replace("_", " ") for name in kind.__struct_fields__]
    lines = [[visible(_text(value)) for value in msgspec.structs.astuple(row)] for row in rows]
    widths = [max(cell_len(text) for text in column) for column in zip(names, *lines, strict=True)]
    console = Console(highlight=False)
    room = console.width if console.is_terminal else sum(widths) + GAP * len(widths)
    shown = len(names)
    while shown > 1 and sum(widths[:shown]) + GAP * (shown - 1) > room:
        shown -= 1
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    values = [msgspec.structs.astuple(row) for row in rows]
    for place, name in enumerate(names[:shown]):
        is_number = all(
            isinstance(value[place], int | float) and not isinstance(value[place], bool) for value in values
        )
        table.add_column(name, justify="right" if is_number else "left", no_wrap=place > 0 or shown > 1)
    for line in lines:
        table.add_row(*map(Text, line[:shown]))
    Console(highlight=False, width=max(room, 20)).print(table)
    if shown < len(names):
        click.echo(f"Not shown for want of room: {', '.join(names[shown:])} (--csv and --json have all).", err=True)


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
