"""Running milterload against a peer, and what the peer's processes cost meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from peers import MissingPartError, Peer
from processes import cpu_seconds, pss_mb

READY_SECONDS = 60.0


class Case(NamedTuple):
    """What is sent: a set of the corpus, over so many connections, each anew for a message or kept."""

    label: str
    connections: int
    mode: str = "new"

    def __str__(self) -> str:
        size = SIZES.get(self.label, self.label)
        at_a_time = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{size}, {at_a_time}" + ("" if self.mode == "new" else ", kept")


SIZES = {
    "1k": "1 kB",
    "10k": "10 kB",
    "100k": "100 kB",
    "1m": "1 MB",
    "50m": "50 MB",
    "ed10k": "10 kB Ed25519",
    "dual10k": "10 kB RSA and Ed25519",
    "un10k": "10 kB unsigned",
    "mix10k": "10 kB mixed",
    "strangers": "10 kB from strangers",
}


class Load:
    """The generator and its corpus."""

    def __init__(self, milterload: Path, corpus: Path) -> None:
        self.milterload = milterload
        self.corpus = corpus

    def run(self, peer: Peer, case: Case, count: int, *options: str, warm_up: int = 0) -> dict[str, float]:
        """So many messages that count, and what they cost the peer; `options` are others of milterload."""
        before = cpu_seconds(peer.pids)
        run = self.generate(peer, case, "-n", str(count), "-w", str(warm_up), *options)
        thousands = max(1, run["msgs"] + warm_up) / 1000
        run["cpu_s_per_1000"] = (cpu_seconds(peer.pids) - before) / thousands
        run["generator_cpu_s_per_1000"] = run["generator_cpu_s"] / thousands
        run["pss_mb"] = pss_mb(peer.pids)
        return run

    def generate(self, peer: Peer, case: Case, *options: str, complain: bool = True) -> dict[str, float]:
        """What milterload says; to be complained of is a reply that is not as expected."""
        targets = [word for target in peer.targets for word in ("-t", target)]
        command = [
            str(self.milterload),
            *targets,
            *("-m", str(self.corpus / f"{case.label}.manifest"), "-C", peer.methods),
            *("-c", str(case.connections), "-r", case.mode, *options),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout:
            raise SystemExit(f"{peer.name}: {done.stderr[-2000:]}")
        if done.returncode and complain:
            print(f"{peer.name}, {case}: {done.stderr[:1500]}", file=sys.stderr)
        result: dict[str, float] = json.loads(done.stdout)
        return result

    def wait_ready(self, peer: Peer, case: Case, *options: str) -> None:
        """Until a message comes back with what is expected: a socket is there before its server is ready."""
        deadline = time.monotonic() + READY_SECONDS
        while self.generate(peer, case, "-n", "1", "-w", "0", *options, complain=False)["ok"] != 1:
            if time.monotonic() > deadline:
                raise MissingPartError(f"no right answer within {READY_SECONDS:.0f} s")
            time.sleep(0.2)
