"""The benchmark: Inalign beside OpenDKIM and OpenDMARC on this machine, side by side, and as a library.

    python bench/run.py [options]        everything: about four minutes
    python bench/run.py --quick          a first impression: one minute

Figures of one run compare with each other. Those of two runs do not: the speed of a machine drifts by a fifth and more
over minutes, and the ratio is what counts. See README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import corpus
import libraries
import private_net
from load import Case, Figures, Load, aligned, as_json, table
from peers import DEFAULT_INALIGN, MissingPartError, Peer, Starter

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "bench"
PEERS = ["opendkim", "opendmarc", "pair", "inalign", "floor", "floor-rsa"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="10 kB at 8 connections alone, three short runs")
    parser.add_argument("--connections", default="8,1,64", help="at a time, by comma (default %(default)s)")
    parser.add_argument("--sets", default="10k", help="1k 10k 100k 1m ed10k dual10k un10k mix10k, by comma")
    parser.add_argument("--mode", default="new", choices=["new", "abort"], help="a connection a message, or kept")
    parser.add_argument("--runs", type=int, default=5, help="runs of each peer in each case (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each run (default %(default)s)")
    parser.add_argument("--peers", default=",".join(PEERS), help="by comma (default %(default)s)")
    parser.add_argument("--inalign", default=DEFAULT_INALIGN, help="the command; {config} is its configuration file")
    parser.add_argument("--only", choices=["milters", "libraries"], help="half of it")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for what is built (default build/bench)")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.connections, chosen.runs, chosen.seconds = "8", 3, 1.0
    chosen.work = chosen.work.resolve()
    return chosen


def main() -> int:
    chosen = arguments()
    if private_net.is_inside():
        run_milters(chosen)
        return 0
    prepare(chosen.work)
    status = 0
    if chosen.only != "libraries":
        obstacle = private_net.obstacle()
        if obstacle is None:
            build(chosen.work)
            status = private_net.enter()
        else:
            print(f"Milters: left out; {obstacle}\n")
    if chosen.only != "milters":
        run_libraries(chosen)
    return status


def prepare(work: Path) -> None:
    """The corpus, made once; its keys are the only thing that differs between two of them."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "corpus" / "complete").exists():
        progress("making keys and messages")
        corpus.make(work / "corpus")


def build(work: Path) -> None:
    """The C programs, where their source is newer."""
    for name, libraries_needed in (("milterload", []), ("noopmilter", ["-lcrypto"])):
        source, program = HERE / f"{name}.c", work / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            command = ["cc", "-O2", "-Wall", "-Wextra", "-pthread", "-o", str(program), str(source), *libraries_needed]
            subprocess.run(command, check=True)


def run_milters(chosen: argparse.Namespace) -> None:
    """Inside the private network: the name server, every peer at once, and their runs in turn."""
    work: Path = chosen.work
    private_net.prepare(work)
    starter = Starter(work / "run", work / "noopmilter", chosen.inalign)
    load = Load(work / "milterload", work / "corpus", chosen.seconds)
    cases = [
        Case(label, int(connections), chosen.mode)
        for label in chosen.sets.split(",")
        for connections in chosen.connections.split(",")
    ]
    results = []
    with contextlib.ExitStack() as stack:
        unbound = private_net.start_unbound(work, work / "corpus" / "unbound-local.conf")
        stack.callback(unbound.wait)
        stack.callback(unbound.terminate)
        peers = start_peers(starter, chosen.peers.split(","), stack)
        print(f"Milters on {machine()}; {chosen.runs} runs each, in turn; DNS warm\n")
        for case in cases:
            figures = load.measure(peers, case, chosen.runs, progress)
            results.append(as_json(case, figures))
            show(case, figures)
    (work / "milters.json").write_text(json.dumps(results, indent=1))


def start_peers(starter: Starter, names: list[str], stack: contextlib.ExitStack) -> list[Peer]:
    """Those that can be had; the others are named with what is missing."""
    peers = []
    for name in names:
        progress(f"starting {name}")
        try:
            peer = starter.start(name)
        except MissingPartError as missing:
            progress("")
            print(f"{name}: left out; {missing}")
            continue
        stack.callback(peer.stop)
        peers.append(peer)
    return peers


def show(case: Case, figures: list[Figures]) -> None:
    progress("")
    print(f"{case}\n{table(figures)}\n", flush=True)


def run_libraries(chosen: argparse.Namespace) -> None:
    rows = libraries.measure(chosen.work / "corpus", 1.5 if chosen.quick else 3.0, progress)
    progress("")
    print(f"Libraries on {machine()}; a second of one core\n{aligned(libraries.as_rows(rows))}")
    (chosen.work / "libraries.json").write_text(json.dumps(libraries.as_json(rows), indent=1))


def machine() -> str:
    """What the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    cores = sum(line.startswith("processor") for line in lines)
    return f"{cores} cores of {model}, Python {platform.python_version()}"


def progress(text: str) -> None:
    """The line of what is being done, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
