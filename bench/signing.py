"""Milters that sign: our own mail of 10 kB, RSA-2048; each reply must hold the signature."""

from __future__ import annotations

import contextlib

import private_net
from load import Case
from plan import Bench
from rows import Row, progress
from warm import AGAIN, WARM_UP

SIGNERS = ("opendkim-signs", "inalign-signs", "dkimpy-milter-signs")
CASES = (Case("un10k", 8), Case("un10k", 64))
EXPECTED = ("-E", "a=rsa-sha256")


def measure(bench: Bench) -> None:
    """Those whose verifying half is among the peers, in turn."""
    named = [name for name in SIGNERS if name.removesuffix("-signs") in bench.plan.peers]
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_net.unbound(bench.work, bench.corpus / "unbound-local.conf"))
        started = [stack.enter_context(bench.running(name, Case("un10k", 1), *EXPECTED)) for name in named]
        peers = [peer for peer in started if peer is not None]
        for case in CASES:
            rows = [Row("signing", str(case), peer.name) for peer in peers]
            counts = []
            for peer in peers:
                progress(f"signing, {case}: how fast is {peer.name}?")
                trial = bench.load.run(peer, case, 100, *EXPECTED, warm_up=WARM_UP)
                counts.append(max(16, int(trial["msgs_per_s"] * bench.plan.seconds)))
            for number in range(bench.plan.runs):
                for row, peer, count in zip(rows, peers, counts, strict=True):
                    progress(f"signing, {case}: run {number + 1} of {bench.plan.runs}, {peer.name}")
                    row.runs.append(bench.load.run(peer, case, count, *EXPECTED, "-T", "60", warm_up=AGAIN))
            first = next((row for row in rows if row.peer == "opendkim-signs"), None)
            if first is not None:
                for row in rows:
                    row.ratio = row.ratio_to(first, "msgs_per_s")
            bench.results.add(rows)
