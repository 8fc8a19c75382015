"""What `inalign config check` finds wrong with keys and rules."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One thing, with its place; a fault that `is_fatal` keeps us from starting, another is told."""

    place: str
    text: str
    is_fatal: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"
