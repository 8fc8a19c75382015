"""Reports in: how fast they are parsed, how fast files and mails become stored rows, and what that takes of memory.

    python bench/reports.py [--peer /tmp/parsedmarc/bin/python] [--runs 3] [--quick]

Writes the figures of docs/benchmarks.md. The peer is parsedmarc in an environment of its
own (`bench/README.md`); it parses a tenth of the corpus only, whose reports have the same mixture of sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from processes import Peak, launch
from report_corpus import make

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: python bench/reports.py -->\n", "<!-- end of report figures -->\n"
BUDGETS = {
    "parse": (60_000, 3_000),
    "huge": (25_000, None),
    "files": (40_000, None),
    "mails": (None, 1_000),
}
"""Records and reports a second of design; of the huge report, 8 s for 200 MB."""

PARSE = """
import json, sys, time
from pathlib import Path
from inalign.reports.read import read_pieces
number = 0
def sink(records):
    global number
    number += len(records)
paths = sorted(Path(sys.argv[1]).iterdir())
def pieces(path):
    with path.open("rb") as file:
        while piece := file.read(1 << 16):
            yield piece
begun, cpu = time.perf_counter(), time.process_time()
for path in paths:
    read_pieces(pieces(path), None, lambda: sink)
took = time.perf_counter() - begun
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
told = {"records": number, "reports": len(paths), "seconds": took, "cpu": time.process_time() - cpu}
print(json.dumps(told | {"mb": int(peak.split()[1]) / 1024}))
"""
PEER_PARSE = """
import json, logging, sys, time
from pathlib import Path
logging.disable(logging.CRITICAL)
import parsedmarc
number = 0
paths = sorted(Path(sys.argv[1]).iterdir())
begun, cpu = time.perf_counter(), time.process_time()
for path in paths:
    found = parsedmarc.parse_report_file(str(path), offline=True, always_use_local_files=True)
    number += len(found["report"]["records"])
took = time.perf_counter() - begun
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
told = {"records": number, "reports": len(paths), "seconds": took, "cpu": time.process_time() - cpu}
print(json.dumps(told | {"mb": int(peak.split()[1]) / 1024}))
"""


class Run(NamedTuple):
    """One measurement."""

    records: int
    reports: int
    seconds: float
    cpu: float
    """Seconds of processor time of all its processes."""
    mb: float


class Case(NamedTuple):
    """Something that is measured."""

    name: str
    title: str
    who: str
    measure: Callable[[], Run]


def parse(python: str, code: str, folder: Path) -> Run:
    """In one process that does nothing else; its own memory."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [python, "-c", code, str(folder)], capture_output=True, text=True, check=True, env=environment, timeout=1_200
    )
    return Run(**json.loads(done.stdout))


def _cpu() -> float:
    """Of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ingest(folder: Path, work: Path) -> Run:
    """`inalign ingest` into a fresh store; all its processes, from the command to its end."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "inalign.toml").write_text(f'[store]\nfolder = "{work / "store"}"\n')
    log = work / "log"
    command = [sys.executable, "-m", "inalign", "ingest", "--json", "--offline"]
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    begun, cpu = time.perf_counter(), _cpu()
    process = launch([*command, "--config", str(work / "inalign.toml"), str(folder)], log)
    with Peak([process.pid]) as peak:
        process.wait(1_200)
    took = time.perf_counter() - begun
    told = json.loads(log.read_text().splitlines()[-1])
    assert process.returncode == 0, told
    return Run(told["records"], told["reports"]["aggregate"], took, _cpu() - cpu, peak.mb)


def peer_command(python: str, folder: Path, work: Path) -> Run:
    """The command of the peer, to JSON and CSV files, both cores."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "peer.ini").write_text(
        f"[general]\nsave_aggregate = True\noutput = {work}\noffline = True\nalways_use_local_files = True\n"
        "silent = True\nn_procs = 2\n"
    )
    command = [str(Path(python).with_name("parsedmarc")), "-c", str(work / "peer.ini")]
    begun, cpu = time.perf_counter(), _cpu()
    process = launch([*command, *map(str, sorted(folder.iterdir()))], work / "log")
    with Peak([process.pid]) as peak:
        process.wait(1_200)
    took = time.perf_counter() - begun
    used = _cpu() - cpu
    stored = json.loads((work / "aggregate.json").read_text())
    return Run(sum(len(one["records"]) for one in stored), len(stored), took, used, peak.mb)


def cases(folder: Path, peer: str | None) -> list[Case]:
    """In the order in which they are taken, in turn."""
    own, work = sys.executable, folder / "work"
    found = [
        Case("parse", "parsing alone, one core", "inalign", lambda: parse(own, PARSE, folder / "files")),
        Case("huge", "one report of 200 MB", "inalign", lambda: parse(own, PARSE, folder / "huge")),
        Case("files", "files to stored rows, both cores", "inalign", lambda: ingest(folder / "files", work)),
        Case("mails", "mails of 5 records to stored rows", "inalign", lambda: ingest(folder / "mails", work)),
    ]
    if peer is None:
        return found
    theirs = {
        "parse": lambda: parse(peer, PEER_PARSE, folder / "files-tenth"),
        "huge": lambda: parse(peer, PEER_PARSE, folder / "huge"),
        "files": lambda: peer_command(peer, folder / "files-tenth", work),
        "mails": lambda: peer_command(peer, folder / "mails-tenth", work),
    }
    both = [[each, each._replace(who="parsedmarc", measure=theirs[each.name])] for each in found]
    return [case for pair in both for case in pair]


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--peer", help="the Python of an environment with parsedmarc")
    given.add_argument("--runs", type=int, default=3)
    given.add_argument("--quick", action="store_true", help="a twentieth of the corpus, and nothing is written")
    options = given.parse_args()
    folder = BUILD / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    make(folder, scale=0.05 if options.quick else 1)
    todo = cases(folder, options.peer)
    runs: dict[tuple[str, str], list[Run]] = {(case.name, case.who): [] for case in todo}
    busy = [os.getloadavg()[0]]
    for number in range(options.runs):
        for case in todo:
            if case.name == "huge" and case.who != "inalign" and number:
                continue  # more than a minute each
            runs[case.name, case.who].append(case.measure())
            print(number, case.name, case.who, runs[case.name, case.who][-1], flush=True)
        busy.append(os.getloadavg()[0])
    shutil.rmtree(folder)
    if not options.quick:
        text = page(todo, runs, options.peer, busy)
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}", "utf-8")


def page(todo: list[Case], runs: dict[tuple[str, str], list[Run]], peer: str | None, busy: list[float]) -> str:
    """The table: medians, with the lowest and the highest rate."""
    after = ", ".join(f"{each:.1f}" for each in busy[1:])
    lines = [
        f"\nMeasured on {datetime.now(UTC):%Y-%m-%d} on a {os.cpu_count()}-core virtual machine; "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
        + (f", parsedmarc {_version(peer)}" if peer else "")
        + f".\nLoad average before the first run {busy[0]:.1f}, after each {after}.\n",
        "| case | who | records/s | reports/s | records a CPU second | seconds | peak MB | ratio | budget |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in todo:
        done, theirs = runs[case.name, case.who], runs.get((case.name, "parsedmarc"), [])
        ratio, budget = "", ""
        if case.who == "inalign":
            pairs = zip(done, theirs if len(theirs) == len(done) else theirs * len(done), strict=False)
            ratios = [(a.records / a.seconds) / (b.records / b.seconds) for a, b in pairs]
            ratio = f"{statistics.median(ratios):.1f}" if ratios else ""
            words = zip(BUDGETS[case.name], ("records/s", "reports/s"), strict=True)
            budget = ", ".join(f"{number:,} {word}" for number, word in words if number)
        lines.append(
            f"| {case.title} | {case.who} | {_rate([run.records / run.seconds for run in done])} "
            f"| {_rate([run.reports / run.seconds for run in done])} "
            f"| {_rate([run.records / run.cpu for run in done])} "
            f"| {statistics.median(run.seconds for run in done):.1f} | {max(run.mb for run in done):.0f} "
            f"| {ratio} | {budget} |"
        )
    return "\n".join(lines) + "\n\n"


def _rate(values: list[float]) -> str:
    spread = f" ({min(values):,.0f}-{max(values):,.0f})" if len(values) > 1 else ""
    return f"{statistics.median(values):,.0f}{spread}"


def _version(python: str) -> str:
    command = [python, "-c", "import importlib.metadata as m; print(m.version('parsedmarc'))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
