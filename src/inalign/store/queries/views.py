"""The questions by name: pages, the API and `inalign reports` ask the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from inalign.store.engine import Engine
from inalign.store.queries.filters import Filters

if TYPE_CHECKING:
    from msgspec import Struct

AFTER = "Inalign-After"
"""The field of an HTTP answer that holds the cursor of the rows that follow."""


class Answer(NamedTuple):
    """Rows in their order, and the cursor of what follows; empty: that was all."""

    rows: Sequence[Struct]
    after: str = ""


class View(NamedTuple):
    """A question: what it is called, what it tells, and how it is asked."""

    name: str
    about: str
    row: type[Struct]
    ask: Callable[[Engine, Filters], Answer]
