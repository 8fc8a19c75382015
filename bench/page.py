"""Writes the figures of docs/benchmarks.md from a results file; the words around them stay.

python bench/page.py [build/bench/results.jsonl]
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rows import Row, cells, markdown, read

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: python bench/page.py -->\n", "<!-- end of figures -->\n"

PARTS = {
    "connections": (
        "Connections",
        "10 kB, RSA-2048, DNS warm; a new milter connection for each message stands for SMTP sessions of one mail, "
        "kept ones for sessions of many.",
    ),
    "sizes": ("Sizes", "DNS warm, 8 connections, a new one for each message."),
    "signatures": (
        "Signatures",
        "The same with 10 kB; mixed is 70 % RSA, 10 % Ed25519, 10 % both, 10 % unsigned.",
    ),
    "signing": (
        "Signing",
        "Our own mail, 10 kB, RSA-2048, one signature a message; no results are written and nothing is looked up.",
    ),
    "memory": (
        "Memory",
        "All processes of a peer, freshly started and alone, shared pages counted by share; the most that was seen.",
    ),
    "cold": ("Cold DNS", "Each message from a domain not seen before, each DNS answer 30 ms after its question."),
    "dead": (
        "Dead DNS",
        "The same, 64 connections, and the name servers of one domain in ten are silent or answer SERVFAIL: how long "
        "its messages are held, what they are told (the commonest answer), and how the others fare.",
    ),
    "postfix": (
        "Postfix, end to end",
        "smtpd, milter, cleanup, queue on disk, discard; 20 sessions at a time of one message each, 10 kB.",
    ),
    "libraries": ("Libraries", "Function calls, one core, DNS from memory, every result checked."),
}


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "bench" / "results.jsonl"
    machine, rows = read(source)
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{figures(machine, rows)}{END}{after}", "utf-8")


def figures(machine: Mapping[str, object], rows: list[Row]) -> str:
    """The generated part of the page."""
    by_part: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_part[row.part].append(row)
    sections = [
        f"### {title}\n\n{sentence}\n\n{markdown(cells(by_part[part]))}\n"
        for part, (title, sentence) in PARTS.items()
        if part in by_part
    ]
    wrong = sum(row.wrong() for row in rows)
    checked = "Every reply was as expected." if not wrong else f"{wrong} replies were not as expected; they are marked."
    return f"\n{provenance(machine)}\n{checked}\n\n" + "\n".join(sections) + "\n"


def provenance(machine: Mapping[str, object]) -> str:
    """When, on what, and against what."""
    versions = machine["versions"]
    assert isinstance(versions, dict)
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Measured on {machine['date']} on a {machine['machine']}, which generator, name server and peer share; "
        f"Linux {machine['kernel']}, Python {machine['Python']}.\nPeers: {named}."
    )


if __name__ == "__main__":
    main()
