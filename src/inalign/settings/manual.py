"""The settings described: every key with what it takes, its default and its meaning; the sample file made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from inalign.errors import ParseError
from inalign.settings.tables import Settings


def describe(kind: type[msgspec.Struct] = Settings, prefix: str = "") -> Iterator[tuple[str, str, object, str]]:
    """Every setting in order: its key, what it takes, its default, its meaning; of `[[lists]]` behind their table."""
    defaults = kind()
    hints = get_type_hints(kind, include_extras=True)
    tables: list[tuple[type[msgspec.Struct], str]] = []
    for attribute, name in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        hint = hints[attribute]
        default = getattr(defaults, attribute)
        if isinstance(default, msgspec.Struct):
            yield from describe(type(default), f"{prefix}{name}.")
            continue
        meta = next((part for part in get_args(hint)[1:] if isinstance(part, Meta)), Meta())
        kind_of_value = get_args(hint)[0]
        yield f"{prefix}{name}", _kind(kind_of_value), default, meta.description or ""
        item = _item(kind_of_value)
        if item is not None:
            tables.append((item, f"{prefix}{name}[]."))
    for item, of_table in tables:
        yield from describe(item, of_table)


def meaning_of(table: str) -> str:
    """What a table is about, of `milter` or `milter.gateways[]`."""
    kind: type[msgspec.Struct] = Settings
    for name in table.removesuffix("[]").split("."):
        hint = get_type_hints(kind)[name]
        kind = _item(hint) or hint
    return " ".join((kind.__doc__ or "").split())


def header_of(table: str) -> str:
    """The line above a table in the file."""
    return f"[[{table.removesuffix('[]')}]]" if table.endswith("[]") else f"[{table}]"


def _item(hint: Any) -> type[msgspec.Struct] | None:
    """The table that a list has many of; None for everything else."""
    item = get_args(hint)[0] if get_origin(hint) is list else None
    return item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(get_args(hint))
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        return "list of tables" if _item(hint) else f"list of {_kind(item)}{'s' if item is str else ''}"
    return {str: "string", bool: "true | false", int: "whole number", float: "number"}[hint]


def sample() -> str:
    """The sample file: every setting with its meaning and its default, commented out."""
    lines = ["# Inalign. Every setting stands here with its default, commented out.", ""]
    table = ""
    for key, kind, default, meaning in describe():
        head, _, name = key.rpartition(".")
        if head.endswith("[]"):
            continue  # a table of a list: a sample of it would be one, and docs/settings.md has its keys
        if head != table:
            table = head
            lines += [f"# {meaning_of(head)}", header_of(head), ""]
        lines += [f"# {meaning}", f"# ({kind})", f"# {name} = {toml(default)}", ""]
    return "\n".join(lines)


def toml(value: object) -> str:
    """A value as TOML writes it. Raises `ParseError` for text that is not UTF-8."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if not isinstance(value, str):
        return str(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParseError(f"{value!r} is not UTF-8") from None
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
