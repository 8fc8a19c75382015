"""A row of the results: one peer in one case; a line of the JSON file, and of a table."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple


@dataclass
class Row:
    """All runs of one peer in one case."""

    part: str
    case: str
    peer: str
    runs: list[dict[str, float]] = field(default_factory=list)
    ratio: float | None = None
    """To the peer that the part compares with."""
    note: str = ""

    def median(self, figure: str) -> float | None:
        values = [run[figure] for run in self.runs if figure in run]
        return statistics.median(values) if values else None

    def wrong(self) -> int:
        """Replies that were not as expected, or none at all."""
        return int(sum(run.get("bad", 0) + run.get("errors", 0) for run in self.runs))

    def ratio_to(self, other: Row, figure: str) -> float | None:
        """Against the run of the other that was next to ours: the speed of a machine drifts over minutes."""
        pairs = zip(self.runs, other.runs, strict=False)
        ratios = [ours[figure] / theirs[figure] for ours, theirs in pairs if theirs[figure]]
        return statistics.median(ratios) if ratios else None


class Column(NamedTuple):
    """A figure of a table: its heading, its name in the runs and its decimals; with `spread` the lowest and highest."""

    heading: str
    figure: str
    decimals: int = 0
    spread: bool = False


SPEED = (
    Column("msgs/s", "msgs_per_s", 0, spread=True),
    Column("p50 ms", "p50_ms", 2),
    Column("p99 ms", "p99_ms", 2),
    Column("CPU s/1000", "cpu_s_per_1000", 2),
)
MILTER = (*SPEED, Column("round trips", "round_trips_per_msg"), Column("PSS MB", "pss_mb"))
DEAD = (
    Column("dead: held s", "dead_s", 1),
    Column("others: p50 ms", "p50_ms"),
    Column("others: p99 ms", "p99_ms"),
    Column("msgs/s, all", "msgs_per_s"),
)
COLUMNS: Mapping[str, Sequence[Column]] = {
    "connections": MILTER,
    "sizes": MILTER,
    "signatures": MILTER,
    "signing": MILTER,
    "memory": (
        Column("PSS MB at rest", "rest_mb"),
        Column("10 kB, 64 connections", "busy_mb"),
        Column("50 MB, 2 connections", "huge_mb"),
    ),
    "cold": SPEED,
    "dead": DEAD,
    "postfix": (
        Column("msgs/s", "msgs_per_s", 0, spread=True),
        Column("Postfix CPU s/1000", "postfix_cpu_s_per_1000", 2),
        Column("milter CPU s/1000", "cpu_s_per_1000", 2),
    ),
    "libraries": (Column("a CPU second", "per_cpu_s", 0, spread=True),),
}
RATIOS = {"signing": "x opendkim", "postfix": "x none", "libraries": "inalign / this", "memory": "", "dead": ""}
"""What the ratio is called; it is to the pair elsewhere."""


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """One part as a table, its heading first."""
    part = rows[0].part
    ratio = RATIOS.get(part, "x pair")
    table = [["case", "peer", *(column.heading for column in COLUMNS[part]), ratio, "remarks"]]
    for row in rows:
        figures = [_cell(row, column) for column in COLUMNS[part]]
        wrong = f"{row.wrong()} WRONG" if row.wrong() else ""
        remarks = ", ".join(remark for remark in (row.note, wrong) if remark)
        table.append([row.case, row.peer, *figures, "" if row.ratio is None else f"{row.ratio:.2f}", remarks])
    used = [column for column in range(len(table[0])) if any(line[column] for line in table[1:])]
    return [[line[column] for column in used] for line in table]


def _cell(row: Row, column: Column) -> str:
    middle = row.median(column.figure)
    if middle is None:
        return ""
    text = f"{middle:,.{column.decimals}f}"
    if column.spread and len(row.runs) > 1:
        values = [run[column.figure] for run in row.runs]
        text += f" ({min(values):,.{column.decimals}f}-{max(values):,.{column.decimals}f})"
    return text


def aligned(table: Sequence[Sequence[str]]) -> str:
    """For a terminal: words to the left, numbers to the right."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = []
    for line in table:
        padded = [
            text.ljust(width) if column < 2 or column == len(widths) - 1 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def markdown(table: Sequence[Sequence[str]]) -> str:
    heading, *lines = table
    rule = ["---"] * len(heading)
    return "\n".join("| " + " | ".join(line) + " |" for line in (heading, rule, *lines))


class Results:
    """Rows as they come: each to the JSON file at once, each case to the terminal."""

    def __init__(self, path: Path, machine: Mapping[str, object]) -> None:
        self.path = path
        self.wrong = 0
        """Replies of Inalign that were not as expected."""
        path.write_text(json.dumps(machine) + "\n")

    def add(self, rows: Sequence[Row]) -> None:
        progress("")
        if rows:
            print(f"{aligned(cells(rows))}\n", flush=True)
        with self.path.open("a") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
        self.wrong += sum(row.wrong() for row in rows if row.peer == "inalign")


def read(path: Path) -> tuple[dict[str, object], list[Row]]:
    """The machine and the rows of a JSON file."""
    machine, *lines = path.read_text().splitlines()
    return json.loads(machine), [Row(**json.loads(line)) for line in lines]


def progress(text: str) -> None:
    """The line of what is being done, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
