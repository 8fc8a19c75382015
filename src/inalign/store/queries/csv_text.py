"""Rows for spreadsheets: CSV that Excel reads as UTF-8, and in which no text of others becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec
from msgspec import Struct

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the country."""
_FORMULA = tuple("=+-@＝＋－＠")
"""Also in full width, which Excel takes for the same in Japan; blanks before it are dropped on some ways in."""
_BLANKS = frozenset("\t\r\n")


def as_csv(rows: Sequence[Struct], kind: type[Struct]) -> str:
    """With a head line; what a spreadsheet would run as a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(kind.__struct_fields__)
    for row in rows:
        writer.writerow([csv_cell(value) for value in msgspec.structs.astuple(row)])
    return BYTE_ORDER_MARK + text.getvalue()


def csv_cell(value: object) -> str:
    """A value as the text of a cell. Numbers stay numbers; text of reporters never becomes a formula."""
    if isinstance(value, bool | int | float):
        return f"{value}"
    text = as_text(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text[:1] in _BLANKS else text


def as_text(value: object) -> str:
    """A value as a person reads it."""
    if value is None or value is msgspec.UNSET:
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
