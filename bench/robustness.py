"""Asks Inalign and parsedmarc what they make of every vector of a report, and writes docs/robustness.md.

    python -m venv /tmp/parsedmarc && /tmp/parsedmarc/bin/pip install parsedmarc
    PYTHONPATH=src:. python bench/robustness.py /tmp/parsedmarc/bin/python

By hand, since the peer has its own dependencies; a test compares our column with what we read today.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec
from tests.reports.vectors import GROUPS, Answer, Told, answer, column, vectors

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "robustness.md"
BEGIN, END = "<!-- answers: bench/robustness.py -->\n", "<!-- end of answers -->\n"
SECONDS = 20.0
"""For one file."""
SHOWN = 90
"""Characters of what the peer says."""

SAME, OTHER, LESS, MORE, REFUSED, NEITHER, SLOW = (
    "the same",
    "other values",
    "less, without a word",
    "read, where we refuse",
    "refused, where we read",
    "both refuse",
    "no answer",
)
VERDICTS = (SAME, OTHER, LESS, REFUSED, MORE, NEITHER, SLOW)


class Peer:
    """parsedmarc in a process of its own, which is begun again where it does not answer."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def version(self) -> str:
        command = [self._python, "-c", "import importlib.metadata as m; print(m.version('parsedmarc'))"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def ask(self, path: Path) -> Answer | None:
        """None: it did not answer in time, or ended."""
        if self._process is None:
            self._process = subprocess.Popen(
                [self._python, str(Path(__file__).with_name("parsedmarc_answers.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={"TZ": "UTC", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._end()
            return None
        return msgspec.json.decode(line, type=Answer, strict=False)


def compare(ours: Answer, theirs: Answer | None) -> tuple[str, str]:
    """A verdict, and what is behind it."""
    if theirs is None:
        return SLOW, f"none in {SECONDS:.0f} s"
    said = theirs.refused[0].replace("|", "/").replace("\n", " ")[:SHOWN] if theirs.refused else ""
    if not ours.reports:
        return (MORE, "") if theirs.reports else (NEITHER, said)
    if not theirs.reports:
        return REFUSED, said
    found = theirs.reports[0]
    reports = [one for place, one in enumerate(ours.reports) if one not in ours.reports[:place]]
    messages = sum(one.messages for one in reports)
    same = next((one for one in ours.reports if (one.kind, one.id) == (found.kind, found.id)), ours.reports[0])
    if found.messages < messages:
        return LESS, f"{found.messages} of {messages} messages"
    if len(reports) > 1:
        return LESS, f"1 of {len(reports)} reports"
    others = list(_others(same, found))
    return (OTHER, "; ".join(others)) if others else (SAME, "")


def _others(ours: Told, theirs: Told) -> Iterable[str]:
    if ours.kind != theirs.kind:
        yield f"taken for a report of kind {theirs.kind}"
        return
    for name, value in ours.values.items():
        other = theirs.values.get(name)
        if (value or "") != (other or ""):
            yield f"{name} {_shown(other)}, ours {_shown(value)}"
    if Counter(map(repr, ours.rows)) != Counter(map(repr, theirs.rows)):
        mine = [row for row in ours.rows if row not in theirs.rows]
        hers = [row for row in theirs.rows if row not in ours.rows]
        if len(mine) == len(hers) == 1:
            yield "; ".join(f"{_shown(b)}, ours {_shown(a)}" for a, b in zip(mine[0], hers[0], strict=True) if a != b)
        else:
            yield f"{len(theirs.rows)} row{'s' * (len(theirs.rows) != 1)}, ours {len(ours.rows)}"


def _shown(value: object) -> str:
    text = repr(value).replace("|", "/")
    return f"`{text[:40]}{'…' if len(text) > 40 else ''}`"


def main() -> None:
    rows: dict[str, list[tuple[str, str, str, str]]] = {}
    with Peer(sys.argv[1]) as peer, tempfile.TemporaryDirectory() as folder:
        version = peer.version()
        for group in GROUPS:
            rows[group] = []
            for name, octets in vectors(group).items():
                path = Path(folder) / name
                path.write_bytes(octets)
                ours = answer(octets, name)
                rows[group].append((name, column(ours), *compare(ours, peer.ask(path))))
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{page(rows, version)}{END}{after}", "utf-8")


def page(rows: Mapping[str, list[tuple[str, str, str, str]]], version: str) -> str:
    """The generated part."""
    lines = [
        "",
        f"parsedmarc {version}, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        f"| vectors | files | Inalign reads | parsedmarc: {' | '.join(VERDICTS)} |",
        "| --- | --- | --- |" + " --- |" * len(VERDICTS),
    ]
    for group, (title, _) in GROUPS.items():
        lines.append(_sum(title, rows[group]))
    lines.append(_sum("all", [row for group in rows.values() for row in group]))
    for group, (title, sentence) in GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            sentence,
            "",
            "| vector | Inalign | parsedmarc | |",
            "| --- | --- | --- | --- |",
        ]
        lines += [f"| `{name}` | {ours} | {verdict} | {detail} |" for name, ours, verdict, detail in rows[group]]
    return "\n".join(lines) + "\n\n"


def _sum(title: str, rows: list[tuple[str, str, str, str]]) -> str:
    verdicts = Counter(verdict for _, _, verdict, _ in rows)
    read = sum(not ours.startswith("refused") for _, ours, _, _ in rows)
    return f"| {title} | {len(rows)} | {read} | {' | '.join(str(verdicts[each]) for each in VERDICTS)} |"


if __name__ == "__main__":
    main()
