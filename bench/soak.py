"""Does the memory stay flat? Full load for half an hour, with messages and DNS names of every kind.

    python bench/soak.py [--minutes 30]

One generator keeps two workers busy: 1 kB to 1 MB, all kinds of signatures, warm names and names that nobody asked for
before, so that the DNS cache turns over; connections in turn kept and new. A second one sends mail of domains whose
name servers are silent. Every reply is checked. Memory and open files of each process are read every few seconds.

Exit status 1 when memory or open files grow between the second and the last quarter of the time (the first one fills
the cache), when a process was replaced, or when a reply was wrong. Every sample is in build/bench/soak.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import private_net
from load import Case, Load
from peers import DEFAULT_INALIGN, Peer, Starter
from processes import family, memory_mb, open_files
from rows import aligned, progress
from run import WORK, build, prepare

CONNECTIONS = 8
DEAD_CONNECTIONS = 4
DELAY = 0.002
"""Of each DNS answer: long enough to be waited for, short enough for full load."""
DEAD_EVERY = 10
CHUNK_SECONDS = 20.0
"""Of one generator; then the next one, with the other use of connections."""
GROWTH_PARTS, GROWTH_MB, GROWTH_FILES = 0.05, 5.0, 16
"""What is still called flat."""
LOG_OCTETS = 64 << 20
"""The log is cut off there: half an hour of it is a gigabyte."""


class Sample(NamedTuple):
    """What one process had at one time."""

    seconds: float
    pid: int
    pss_mb: float
    rss_mb: float
    files: int


class Generator:
    """A thread that keeps milterload running on one manifest until the time is over."""

    def __init__(self, load: Load, peer: Peer, label: str, connections: int, deadline: float) -> None:
        self.messages = 0
        self.wrong = 0
        self._load = load
        self._peer = peer
        self._cases = [Case(label, connections, "new"), Case(label, connections, "abort")]
        self._deadline = deadline
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while (left := self._deadline - time.monotonic()) > 0:
            seconds = min(CHUNK_SECONDS, left)
            options = ("-n", "1000000", "-w", "0", "-W", "60", "-G", str(self.messages), "-T", f"{seconds:.1f}")
            run = self._load.generate(self._peer, self._cases[0], *options)
            self.messages += int(run["msgs"])
            self.wrong += int(run["bad"] + run["errors"])
            self._cases.reverse()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="default %(default)s")
    parser.add_argument("--inalign", default=DEFAULT_INALIGN, help="the command; {config} is its configuration file")
    chosen = parser.parse_args()
    if not private_net.is_inside():
        obstacle = private_net.obstacle()
        if obstacle is not None:
            print(f"No soak: {obstacle}", file=sys.stderr)
            return 1
        prepare(WORK)
        build(WORK)
        return private_net.enter()
    private_net.prepare(WORK)
    write_manifests(WORK / "corpus")
    dns = ("--delay", str(DELAY), "--dead", str(DEAD_EVERY))
    with (
        tempfile.TemporaryDirectory(prefix="inalign-soak-") as folder,
        private_net.slow_dns(WORK, WORK / "corpus", *dns),
        Starter(Path(folder), WORK, chosen.inalign).running("inalign") as peer,
    ):
        load = Load(WORK / "milterload", WORK / "corpus")
        load.wait_ready(peer, Case("10k", 1))
        deadline = time.monotonic() + chosen.minutes * 60
        busy = Generator(load, peer, "soak", CONNECTIONS, deadline)
        dead = Generator(load, peer, "soak-dead", DEAD_CONNECTIONS, deadline)
        for generator in (busy, dead):
            generator.thread.start()
        samples = list(watch(peer, chosen.minutes * 60, Path(folder) / "inalign.log"))
        for generator in (busy, dead):
            generator.thread.join()
    lines = [json.dumps(sample._asdict()) + "\n" for sample in samples]
    (WORK / "soak.jsonl").write_text("".join(lines))
    rate = busy.messages / (chosen.minutes * 60)
    print(f"{busy.messages:,} messages ({rate:,.0f}/s), {dead.messages:,} of dead domains, in {chosen.minutes:g} min\n")
    failures = judge(samples)
    if busy.wrong or dead.wrong:
        failures.append(f"{busy.wrong} and {dead.wrong} replies were wrong")
    print("\n".join(failures) or "flat")
    return 1 if failures else 0


def write_manifests(corpus: Path) -> None:
    """`soak`, of all sets and with client names that change, and `soak-dead`, whose domains have no name server."""
    sets = {label: (corpus / f"{label}.manifest").read_text().splitlines() for label in ("1k", "mix10k", "100k", "1m")}
    strangers = (corpus / "strangers.manifest").read_text().splitlines()[: 10 * 64]
    lines = []
    for number in range(64):
        alive = strangers[10 * number + 1]
        lines += [sets["1k"][number], sets["mix10k"][number], _renamed(alive, "x#7")]
        if number % 4 == 0:
            lines.append(sets["100k"][number // 4])
        if number % 32 == 0:
            lines.append(sets["1m"][number // 32])
    (corpus / "soak.manifest").write_text("\n".join(lines) + "\n")
    dead = [_renamed(line, "x#0").replace("=pass", "=temperror") for line in strangers[::DEAD_EVERY]]
    (corpus / "soak-dead.manifest").write_text("\n".join(dead) + "\n")


def _renamed(line: str, name: str) -> str:
    """A stranger's line with an envelope of its own in each message (`#`); dead are numbers that end with 0.

    On a kept connection the client is that of the first message, so it must be one that all may send from.
    """
    path, _, _, _, _, recipient, expected = line.split("\t")
    host = f"mail.m.{name}-cold.net"
    return "\t".join((path, private_net.CLIENT, host, host, f"bounce@m.{name}-cold.net", recipient, expected))


def watch(peer: Peer, seconds: float, log: Path) -> Iterator[Sample]:
    """A sample of each process, some 400 times in all, but not more often than once a second."""
    start = time.monotonic()
    interval = max(1.0, seconds / 400)
    while (elapsed := time.monotonic() - start) < seconds:
        pids = family(peer.pids)
        for pid in pids:
            yield Sample(round(elapsed, 1), pid, memory_mb(pid, "Pss:"), memory_mb(pid, "Rss:"), open_files(pid))
        progress(f"{elapsed:,.0f} of {seconds:,.0f} s, {sum(memory_mb(pid, 'Pss:') for pid in pids):.1f} MB")
        if log.stat().st_size > LOG_OCTETS:
            os.truncate(log, 0)
        time.sleep(interval)
    progress("")


def judge(samples: Sequence[Sample]) -> list[str]:
    """Print the medians of the quarters, and say what grew."""
    times = sorted({sample.seconds for sample in samples})
    quarters = [times[len(times) * number // 4 : len(times) * (number + 1) // 4] for number in range(4)]
    by_time = {moment: [sample for sample in samples if sample.seconds == moment] for moment in times}
    pids = [sample.pid for sample in by_time[times[0]]]
    table = [["", "1st quarter", "2nd", "3rd", "last", "slope an hour"]]

    def medians(label: str, figures: dict[float, float]) -> tuple[float, float]:
        middles = [statistics.median(figures[moment] for moment in quarter) for quarter in quarters]
        later = [moment for quarter in quarters[1:] for moment in quarter]
        slope = statistics.linear_regression(later, [figures[moment] for moment in later]).slope * 3600
        table.append([label, *(f"{middle:,.1f}" for middle in middles), f"{slope:+,.1f}"])
        return middles[1], middles[3]

    second, last = medians(
        "PSS of all, MB", {when: sum(one.pss_mb for one in found) for when, found in by_time.items()}
    )
    files = medians("open files", {when: sum(one.files for one in found) for when, found in by_time.items()})
    failures = []
    if all([sample.pid for sample in found] == pids for found in by_time.values()):
        for place, pid in enumerate(pids):
            name = f"worker {place}" if place else "supervisor"
            medians(f"RSS of {name} ({pid}), MB", {when: found[place].rss_mb for when, found in by_time.items()})
    else:
        failures.append("processes were replaced")
    print(aligned(table) + "\n")
    if last > second + min(GROWTH_MB, second * GROWTH_PARTS):
        failures.append(f"memory grew from {second:.1f} to {last:.1f} MB")
    if files[1] > files[0] + GROWTH_FILES:
        failures.append(f"open files grew from {files[0]:.0f} to {files[1]:.0f}")
    return failures


if __name__ == "__main__":
    sys.exit(main())
