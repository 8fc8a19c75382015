"""What one benchmark is made of: the parts that are measured, how long, and against whom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from load import Case, Load
from peers import MissingPartError, Peer, Starter
from rows import Results, progress

CASES = {
    "connections": (Case("10k", 8), Case("10k", 1), Case("10k", 64), Case("10k", 8, "abort")),
    "sizes": (Case("1k", 8), Case("100k", 8), Case("1m", 8)),
    "signatures": (Case("mix10k", 8), Case("ed10k", 8), Case("dual10k", 8), Case("un10k", 8)),
}
"""DNS warm; the other parts have cases of their own."""
PARTS = (*CASES, "signing", "memory", "cold", "dead", "postfix", "libraries")
FEW = 3
"""The most runs where one takes long, or where DNS and not the machine sets the pace."""


@dataclass(frozen=True)
class Plan:
    """What the command line asks for."""

    parts: tuple[str, ...]
    """Names of PARTS, or single cases such as 10k/64/abort."""
    peers: tuple[str, ...]
    runs: int
    seconds: float
    """Of a run at full speed; everything else is as much shorter or longer."""

    def scaled(self, messages_a_second: int) -> int:
        return max(1, int(messages_a_second * self.seconds))


@dataclass(frozen=True)
class Bench:
    """A plan, and everything that carries it out."""

    plan: Plan
    work: Path
    load: Load
    starter: Starter
    results: Results

    @property
    def corpus(self) -> Path:
        return self.load.corpus

    @contextlib.contextmanager
    def running(self, name: str, case: Case, *options: str) -> Iterator[Peer | None]:
        """A peer that has answered one message of a case rightly; None, and said so, where that cannot be had."""
        with contextlib.ExitStack() as stack:
            progress(f"starting {name}")
            try:
                peer = stack.enter_context(self.starter.running(name))
                self.load.wait_ready(peer, case, *options)
            except MissingPartError as missing:
                progress("")
                print(f"{name}: left out; {missing}")
                yield None
                return
            yield peer
