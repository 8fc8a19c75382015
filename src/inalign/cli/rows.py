"""Rows for a person (a table that fits the terminal), for programs (JSON) and for spreadsheets (CSV)."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
from msgspec import Struct

from inalign.store.queries.csv_text import as_csv, as_text

GAP = 2
"""Number of blanks between two columns of a table."""
FIRST = ("source_ip", "class", "service", "messages", "passed_percent", "none", "quarantine", "reject", "next", "why")
"""Columns that are shown before others where there is little room."""
LEAST_COLUMNS = 3
"""That are shown in the narrowest terminal; then texts are folded."""


def print_json(rows: Sequence[Struct]) -> None:
    """Print rows as one JSON array."""
    click.echo(msgspec.json.encode(rows).decode())


def print_csv(rows: Sequence[Struct], kind: type[Struct]) -> None:
    """With a head line; what a spreadsheet would run as a formula begins with an apostrophe."""
    click.echo(as_csv(rows, kind), nl=False)


def print_table(rows: Sequence[Struct], kind: type[Struct]) -> None:
    """As wide as the terminal: columns that do not fit are left out, and it says so. A file or a pipe gets all of them.
    Control characters are shown, not obeyed."""
    from rich.cells import cell_len  # noqa: PLC0415 - slow to import, and JSON does not need it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    names = [name.replace("_", " ") for name in kind.__struct_fields__]
    values = [msgspec.structs.astuple(row) for row in rows]
    lines = [[visible(as_text(value)) for value in row] for row in values]
    widths = [max(cell_len(text) for text in column) for column in zip(names, *lines, strict=True)]
    console = Console(highlight=False)
    room = console.width if console.is_terminal else sum(widths) + GAP * len(widths)
    shown = _fitting(kind.__struct_fields__, widths, room)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for place in shown:
        is_number = bool(rows) and all(
            isinstance(row[place], int | float) and not isinstance(row[place], bool) for row in values
        )
        table.add_column(names[place], justify="right" if is_number else "left", overflow="fold")
    for line in lines:
        table.add_row(*[Text(line[place]) for place in shown])
    Console(highlight=False, width=max(room, 40)).print(table)
    left = [name for place, name in enumerate(names) if place not in shown]
    if left:
        click.echo(f"No room for: {', '.join(left)} (a wider window, --csv and --json have all).", err=True)


def _fitting(names: Sequence[str], widths: Sequence[int], room: int) -> list[int]:
    """The places of the columns that fit: the first one, those that matter most, then the others from the left."""
    order = sorted(range(len(names)), key=lambda place: (place > 0, names[place] not in FIRST, place))
    shown: list[int] = []
    used = 0
    for place in order:
        if len(shown) >= LEAST_COLUMNS and used + widths[place] > room:
            continue
        shown.append(place)
        used += widths[place] + GAP
    return sorted(shown)


def visible(text: str) -> str:
    """Text of others for a terminal: control characters as what they are called."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
