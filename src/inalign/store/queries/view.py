"""A question, how it is asked, and how its rows become typed values, page by page."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from types import UnionType
from typing import Generic, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from inalign.errors import ParseError
from inalign.store.engine.interface import Engine, Parameter, Row
from inalign.store.queries.filters import MAX_PAGE_ROWS, NARROWING, SPELLED, Filters
from inalign.store.time_zone import Zone, zone_of

MAX_CURSOR = 8_192
"""Characters: the sort keys of one row."""
_CURSOR = re.compile(r"[A-Za-z0-9_-]*")
R = TypeVar("R", bound=Struct)
R_co = TypeVar("R_co", bound=Struct, covariant=True)


AFTER = "Inalign-After"
"""The field of an HTTP answer that holds the cursor of the rows that follow."""


class ViewAnswer(NamedTuple, Generic[R_co]):
    """Rows in their order, and the cursor of what follows; empty: that was all."""

    rows: Sequence[R_co]
    after: str = ""


class View(NamedTuple):
    """A question: what it is called, what it tells, what it can be narrowed by, and how it is asked."""

    name: str
    about: str
    row: type[Struct]
    filters: tuple[str, ...]
    function: Callable[[Engine, Filters], ViewAnswer[Struct]]

    @property
    def needs_key(self) -> bool:
        """Whether it is of one report."""
        return "key" in self.filters and "domain" not in self.filters

    def ask(self, engine: Engine, filters: Filters) -> ViewAnswer[Struct]:
        """The answer. Raises `ParseError` for a filter that it does not know, and what the engine raises."""
        self.check(filters)
        return self.function(engine, filters)

    def check(self, filters: Filters) -> None:
        """Raises `ParseError` for what cannot be honoured: nothing is left out silently."""
        zone_of(filters.zone)
        for name in NARROWING:
            if getattr(filters, name) and name not in self.filters:
                others = ", ".join(SPELLED[each] for each in self.filters)
                raise ParseError(f"{SPELLED[name]}: {self.name} cannot be narrowed by it, but by {others}")
        if not 1 <= filters.limit <= MAX_PAGE_ROWS:
            raise ParseError(f"limit: from 1 to {MAX_PAGE_ROWS}")
        if len(filters.after) > MAX_CURSOR or not _CURSOR.fullmatch(filters.after):
            raise ParseError("after: no cursor of an answer")
        if self.needs_key and not filters.key:
            raise ParseError(f"key: {self.name} is of one report; reports lists their keys")


class Order(NamedTuple):
    """A column that rows are sorted by; together they tell every two rows apart."""

    column: str
    descending: bool = False


class ViewQuery(NamedTuple, Generic[R_co]):
    """An SQL text with a column for each field of its rows, and what these are sorted by.

    Where a row has a day, the text has a slot of it.
    """

    sql: str
    parameters: Mapping[str, Parameter]
    row: type[R_co]
    order: Sequence[Order]


def page(engine: Engine, filters: Filters, question: ViewQuery[R]) -> ViewAnswer[R]:
    """The rows behind the cursor, at most as many as asked for."""
    kind, order = question.row, question.order
    names = kind.__struct_fields__
    where, more = _behind(filters.after, kind, order) if filters.after else ("1 = 1", {})
    by = ", ".join(f"{each.column} DESC" if each.descending else each.column for each in order)
    part = f"WHERE {where} ORDER BY {by} LIMIT {filters.limit + 1:d}"
    sql = f"SELECT {', '.join(names)} FROM ({question.sql}) AS found {part}"
    found = engine.query(sql, {**question.parameters, **more})
    rows = found[: filters.limit]
    after = ""
    if len(found) > filters.limit:
        last = dict(zip(names, rows[-1], strict=True))
        after = encode_cursor(kind, [last[each.column] for each in order])
    return ViewAnswer(typed_rows(rows, kind, zone_of(filters.zone)), after)


def columns(kind: type[Struct], without: Sequence[str] = ()) -> str:
    """The columns of `t` of which rows are made; for its day the slot."""
    hints = get_type_hints(kind)
    names = [name for name in kind.__struct_fields__ if name not in without]
    return ", ".join(f"t.{'slot' if hints[name] is date else name} AS {name}" for name in names)


def page_of(
    rows: Sequence[R], order: Callable[[R], tuple[str | int, ...]], kind: type[R], filters: Filters
) -> ViewAnswer[R]:
    """A page of rows that are all there; `order` gives keys that sort ascending."""
    chosen = sorted(rows, key=order)
    if filters.after:
        behind = decode_cursor(filters.after, kind, tuple(type(key) for key in order(rows[0])) if rows else ())
        chosen = [row for row in chosen if order(row) > behind]
    part = chosen[: filters.limit]
    return ViewAnswer(part, encode_cursor(kind, order(part[-1])) if len(chosen) > filters.limit else "")


def _behind(after: str, kind: type[Struct], order: Sequence[Order]) -> tuple[str, dict[str, Parameter]]:
    hints = get_type_hints(kind)
    kinds = tuple(int if _is_whole(hints[each.column]) else str for each in order)
    keys = decode_cursor(after, kind, kinds)
    parameters: dict[str, Parameter] = {f"after_{place}": key for place, key in enumerate(keys)}
    sql = ""
    for place, each in reversed(list(enumerate(order))):
        name, sign = f":after_{place}", "<" if each.descending else ">"
        beyond = f"{each.column} {sign} {name}"
        sql = f"({beyond} OR ({each.column} = {name} AND {sql}))" if sql else f"({beyond})"
    return sql, parameters


def _is_whole(hint: object) -> bool:
    """Times are whole numbers in the tables, and days are slots."""
    return hint in (int, date) or datetime in get_args(hint)


def typed_rows(rows: Sequence[Row], kind: type[R], zone: Zone) -> list[R]:
    """Rows as structs: a day is that of a slot (or one of UTC, as it is), a time None where it was not told, a list is
    read from its JSON.
    """
    hints = get_type_hints(kind)
    makers = [_maker(hints[name], zone) for name in kind.__struct_fields__]
    changed = [(place, make) for place, make in enumerate(makers) if make is not None]
    made = []
    for row in rows:
        values: list[object] = list(row)
        for place, make in changed:
            values[place] = make(values[place])
        made.append(kind(*values))
    return made


def _maker(hint: object, zone: Zone) -> Callable[[object], object] | None:
    if hint is date:
        return lambda slot: slot if isinstance(slot, date) else zone.day(int(str(slot)))
    if isinstance(hint, UnionType) and datetime in get_args(hint):
        return moment
    if get_origin(hint) is tuple:
        decoder = msgspec.json.Decoder(hint)
        return lambda text: decoder.decode(str(text) or "[]")
    if hint is float:
        return lambda number: float(str(number))
    return None


def moment(seconds: object) -> datetime | None:
    """A time of the tables; one that calendars do not have was not told."""
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def encode_cursor(kind: type[Struct], keys: Sequence[object]) -> str:
    """The sort keys of the last row as a word that fits a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode([kind.__name__, *keys])).decode().rstrip("=")


def decode_cursor(text: str, kind: type[Struct], kinds: Sequence[type]) -> tuple[str | int | date, ...]:
    """The sort keys again; raises `ParseError` for what is no cursor of this question."""
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        name, *keys = msgspec.json.decode(octets, type=list[str | int])
        wanted: Sequence[type | UnionType] = kinds if name == kind.__name__ else [str | int] * len(keys)
        values: tuple[str | int | date, ...] = tuple(
            msgspec.convert(key, want) for key, want in zip(keys, wanted, strict=True)
        )
    except (ValueError, binascii.Error):
        raise ParseError("after: no cursor of an answer") from None
    if name != kind.__name__:
        raise ParseError("after: a cursor of another question")
    return values
