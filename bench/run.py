"""The benchmark: Inalign beside other milters and libraries, on this machine, side by side.

    python bench/run.py            everything: about 15 minutes
    python bench/run.py --quick    a first impression: under two minutes

Figures of one run compare with each other. Those of two runs do not: the speed of a machine drifts by a fifth and more
over minutes, and the ratio is what counts. See README.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import cold
import corpus
import libraries
import postfix
import private_net
import signing
import warm
from load import SIZES, Load
from peers import DEFAULT_INALIGN, PACKAGES, Starter
from plan import PARTS, Bench, Plan
from rows import Results, progress

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "bench"
PEERS = "pair,inalign,opendkim,rspamd,dkimpy-milter"
DEBIAN = ("opendkim", "opendmarc", "rspamd", "dkimpy-milter", "postfix", "libmail-dkim-perl")
PYTHON = ("dkimpy", "pyspf", "cryptography", "uvloop")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parts = f"by comma, of {' '.join(PARTS)}, or single cases as 10k/64/new and 1m/8/abort (default all parts)"
    parser.add_argument("--quick", action="store_true", help="fewer cases, one short run of each")
    parser.add_argument("--cases", default=",".join(PARTS), help=parts)
    parser.add_argument("--peers", default=PEERS, help=f"by comma, of {' '.join(PACKAGES)} (default {PEERS})")
    parser.add_argument("--runs", type=int, default=5, help="of each peer in each case (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each run (default %(default)s)")
    parser.add_argument("--inalign", default=DEFAULT_INALIGN, help="the command; {config} is its configuration file")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for what is built (default build/bench)")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.cases, chosen.runs, chosen.seconds = "10k/8/new,1m/8/new,cold,postfix,libraries", 1, 0.8
    chosen.work = chosen.work.resolve()
    known = re.compile("|".join((*PACKAGES, *PARTS, rf"({'|'.join(SIZES)})/[1-9]\d*/(new|abort)")))
    for name in f"{chosen.peers},{chosen.cases}".split(","):
        if not known.fullmatch(name):
            parser.error(f"no such peer or case: {name}")
    return chosen


def main() -> int:
    chosen = arguments()
    if private_net.is_inside():
        private_net.prepare(chosen.work)
        return measure(chosen)
    obstacle = private_net.obstacle()
    prepare(chosen.work)
    if obstacle is None:
        build(chosen.work)
        return private_net.enter()
    print(f"Libraries alone, no milters: {obstacle}\n")
    chosen.cases = "libraries"
    return measure(chosen)


def prepare(work: Path) -> None:
    """What is made once."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "corpus" / "complete").exists():
        progress("making keys and messages, once: half a minute")
        corpus.make(work / "corpus")


def build(work: Path) -> None:
    """The C programs, where their source is newer."""
    for name, needed in (("milterload", []), ("noopmilter", ["-lcrypto"])):
        source, program = HERE / f"{name}.c", work / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            command = ["cc", "-O2", "-Wall", "-Wextra", "-pthread", "-o", str(program), str(source), *needed]
            subprocess.run(command, check=True)


def measure(chosen: argparse.Namespace) -> int:
    """Every part that was asked for; the status says whether all replies of Inalign were right."""
    work: Path = chosen.work
    plan = Plan(tuple(chosen.cases.split(",")), tuple(chosen.peers.split(",")), chosen.runs, chosen.seconds)
    results = Results(work / "results.jsonl", machine(work))
    # Not below the project: Postfix' processes run as other users and must reach the sockets.
    with tempfile.TemporaryDirectory(prefix="inalign-bench-") as folder:
        Path(folder).chmod(0o755)
        starter = Starter(Path(folder), work, chosen.inalign)
        bench = Bench(plan, work, Load(work / "milterload", work / "corpus"), starter, results)
        run_parts(bench)
    print(f"Every run: {results.path}")
    return 1 if results.wrong else 0


def run_parts(bench: Bench) -> None:
    others = {
        "signing": signing.measure,
        "memory": warm.memory,
        "cold": cold.measure,
        "dead": cold.dead,
        "postfix": postfix.measure,
        "libraries": libraries.measure,
    }
    cases = [part for part in bench.plan.parts if part not in others]
    if cases:
        warm.measure(bench, cases)
    for part in bench.plan.parts:
        if part in others:
            others[part](bench)


def machine(work: Path) -> dict[str, object]:
    """What the figures belong to."""
    cpu = Path("/proc/cpuinfo").read_text()
    cores = cpu.count("\nprocessor") + cpu.startswith("processor")
    kind = "virtual machine" if " hypervisor" in cpu else "machine"
    mailauth = work / "node" / "node_modules" / "mailauth" / "package.json"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{cores}-core {kind}",
        "kernel": platform.release().partition("-")[0],
        "Python": platform.python_version(),
        "versions": {
            **{name: _debian_version(name) for name in DEBIAN},
            **{name: importlib.metadata.version(name) for name in PYTHON if _is_installed(name)},
            **({"mailauth": json.loads(mailauth.read_text())["version"]} if mailauth.exists() else {}),
        },
    }


def _debian_version(package: str) -> str:
    command = ["dpkg-query", "-W", "-f=${Version}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout or "not installed"


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
