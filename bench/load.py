"""Running milterload against several peers in turn, and what their processes cost meanwhile."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from peers import Peer

TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 64
"""Messages before those that count: each of the 64 domains once, so that DNS is warm."""


class Case(NamedTuple):
    """What is sent: a set of the corpus, over so many connections, each anew for a message or kept."""

    label: str
    connections: int
    mode: str

    def __str__(self) -> str:
        kept = "a new connection for each message" if self.mode == "new" else "connections kept"
        return f"{self.label}, {self.connections} at a time, {kept}"


@dataclass
class Figures:
    """All runs of one peer in one case."""

    peer: Peer
    runs: list[dict[str, float]] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(run[name] for run in self.runs)

    def ratio(self, other: Figures) -> float:
        """Messages a second against another peer's run that was next to ours, the median of it."""
        pairs = zip(self.runs, other.runs, strict=True)
        return statistics.median(ours["msgs_per_s"] / theirs["msgs_per_s"] for ours, theirs in pairs)

    def summary(self) -> dict[str, object]:
        rates = [run["msgs_per_s"] for run in self.runs]
        names = ("p50_ms", "p99_ms", "cpu_s_per_1000", "generator_cpu_s_per_1000", "round_trips_per_msg")
        return {
            "msgs_per_s": self.median("msgs_per_s"),
            "min": min(rates),
            "max": max(rates),
            **{name: round(self.median(name), 3) for name in names},
            "pss_mb": round(max(run["pss_mb"] for run in self.runs), 1),
            "bad": sum(run["bad"] + run["errors"] for run in self.runs),
        }


class Load:
    """The generator, its corpus, and how long a run takes."""

    def __init__(self, milterload: Path, corpus: Path, seconds: float) -> None:
        self.milterload = milterload
        self.corpus = corpus
        self.seconds = seconds

    def measure(self, peers: Sequence[Peer], case: Case, runs: int, progress: Callable[[str], None]) -> list[Figures]:
        """All peers in turn, A B C A B C ..., since the speed of a machine drifts over minutes."""
        figures = [Figures(peer) for peer in peers]
        counts = {peer.name: self._count(peer, case) for peer in peers}
        for number in range(runs):
            for each in figures:
                progress(f"{case}: run {number + 1} of {runs}, {each.peer.name}")
                each.runs.append(self._run(each.peer, case, counts[each.peer.name]))
        return figures

    def _count(self, peer: Peer, case: Case) -> int:
        """How many messages make a run long enough."""
        trial = self._generate(peer, case, 200, WARM_UP)
        return max(60, min(60_000, int(trial["msgs_per_s"] * self.seconds)))

    def _run(self, peer: Peer, case: Case, count: int) -> dict[str, float]:
        before = _cpu_seconds(peer)
        run = self._generate(peer, case, count, 16)
        sent = run["msgs"] + 16
        run["cpu_s_per_1000"] = (_cpu_seconds(peer) - before) / sent * 1000
        run["generator_cpu_s_per_1000"] = run["generator_cpu_s"] / sent * 1000
        run["pss_mb"] = sum(_pss_kilobytes(pid) for pid in _processes(peer)) / 1024
        return run

    def _generate(self, peer: Peer, case: Case, count: int, warm_up: int) -> dict[str, float]:
        targets = [word for target in peer.targets for word in ("-t", target)]
        command = [
            str(self.milterload),
            *targets,
            *("-m", str(self.corpus / f"{case.label}.manifest"), "-C", peer.methods),
            *("-c", str(case.connections), "-r", case.mode, "-n", str(count), "-w", str(warm_up), "-T", "60"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout:
            raise SystemExit(f"{peer.name}: {done.stderr[-2000:]}")
        if done.returncode:
            print(f"{peer.name}: {done.stderr[:1500]}", file=sys.stderr)
        result: dict[str, float] = json.loads(done.stdout)
        return result


def _processes(peer: Peer) -> list[int]:
    """The peer's processes with all their children."""
    found: list[int] = []
    waiting = [process.pid for process in peer.processes]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += [int(child) for child in _read(children).split()]
    return found


def _cpu_seconds(peer: Peer) -> float:
    """User and system time so far, of children that have ended, too."""
    ticks = 0
    for pid in _processes(peer):
        fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def _pss_kilobytes(pid: int) -> int:
    """Memory with shared pages counted by share."""
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""


HEADINGS = ("", "msgs/s", "(min-max)", "p50 ms", "p99 ms", "CPU s/1000", "round trips", "PSS MB", "x pair", "checked")


def table(figures: Sequence[Figures]) -> str:
    """One case as a table for people; `x pair` is the ratio to opendkim and opendmarc together."""
    pair = next((each for each in figures if each.peer.name == "pair"), None)
    rows = [HEADINGS]
    for each in figures:
        summary = each.summary()
        rows.append(
            (
                each.peer.name,
                f"{summary['msgs_per_s']:,.0f}",
                f"({summary['min']:,.0f}-{summary['max']:,.0f})",
                f"{summary['p50_ms']:.2f}",
                f"{summary['p99_ms']:.2f}",
                f"{summary['cpu_s_per_1000']:.2f}",
                f"{summary['round_trips_per_msg']:.1f}",
                f"{summary['pss_mb']:.0f}",
                f"{each.ratio(pair):.2f}" if pair is not None else "",
                "all as expected" if summary["bad"] == 0 else f"{summary['bad']:.0f} WRONG",
            )
        )
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other: the first and the last to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        cells[-1] = row[-1]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_json(case: Case, figures: Sequence[Figures]) -> Mapping[str, object]:
    """One case as data, every run of it."""
    return {
        "case": case._asdict(),
        "peers": {each.peer.name: {**each.summary(), "runs": each.runs} for each in figures},
    }
