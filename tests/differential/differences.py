"""What docs/differences.md tells of: where another implementation answers otherwise, and will go on to do so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tests.house.citations import ROOT

PAGE = ROOT / "docs" / "differences.md"
CASES = int(os.environ.get("INALIGN_DIFFERENTIAL_CASES", "400"))
"""How many cases each peer is asked; for a long run, tens of thousands."""
SEED = int(os.environ.get("INALIGN_DIFFERENTIAL_SEED", "1"))

ExampleT = TypeVar("ExampleT")
CaseT = TypeVar("CaseT")


@dataclass(frozen=True, kw_only=True)
class Difference(Generic[CaseT, ExampleT]):
    """One way in which peers depart; its row in docs/differences.md has the same name."""

    name: str
    peers: tuple[str, ...]
    shows: Callable[[CaseT], bool]
    """Whether a case in which the answers differ is one of this kind."""
    example: Callable[[], ExampleT]
    """What makes a case in which they do."""


class Row(NamedTuple):
    """One row of the page."""

    name: str
    peers: str
    ours: str
    theirs: str
    source: str


_ROW = re.compile(r"\| `([a-z0-9-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")


def rows() -> list[Row]:
    """The rows of the tables of the page."""
    return [Row(*found) for found in _ROW.findall(PAGE.read_text("utf-8"))]


def unexplained(name: str, cases: list[CaseT], known: list[Difference[CaseT, ExampleT]]) -> list[CaseT]:
    """The cases in which a peer departs in a way that the page does not tell of."""
    mine = [difference for difference in known if name in difference.peers]
    return [case for case in cases if not any(difference.shows(case) for difference in mine)]
