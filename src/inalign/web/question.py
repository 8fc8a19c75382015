"""A question whose answer is a table, as the pages know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from inalign.store.accounts import Domains


class Found(NamedTuple):
    """Rows, and the cursor of those that follow."""

    rows: Sequence[Struct]
    after: str = ""


class Question(NamedTuple):
    """What it is called, what its rows are, what narrows it, and how it is asked within a scope of domains."""

    name: str
    row: type[Struct]
    filters: tuple[str, ...]
    ask: Callable[[Mapping[str, str], Domains], Found]
