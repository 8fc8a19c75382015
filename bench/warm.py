"""Milters with warm DNS: how fast, at how many connections, with which messages; and how much memory."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import private_net
from load import Case
from peers import Peer
from plan import CASES, Bench
from processes import Peak, pss_mb
from rows import Row, progress

TRIAL = {"100k": 60, "1m": 16}
"""Messages that show how many make a run long enough; 200 of smaller ones."""
WARM_UP = 64
"""Messages before those that count: each of the 64 domains once, so that DNS is warm."""
AGAIN = 8
"""Before each further run: connections and processes are there, but the peer had slept."""


def measure(bench: Bench, parts: Sequence[str]) -> None:
    """All peers up at once, their runs in turn: A B C A B C ..., since the speed of a machine drifts over minutes."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_net.unbound(bench.work, bench.corpus / "unbound-local.conf"))
        started = [stack.enter_context(bench.running(name, Case("10k", 1))) for name in bench.plan.peers]
        peers = [peer for peer in started if peer is not None]
        for part in parts:
            for case in CASES.get(part) or (_parsed(part),):
                bench.results.add(_case(bench, peers, part if part in CASES else "connections", case))


def _parsed(text: str) -> Case:
    label, connections, mode = text.split("/")
    return Case(label, int(connections), mode)


def _case(bench: Bench, peers: Sequence[Peer], part: str, case: Case) -> list[Row]:
    rows = [Row(part, str(case), peer.name) for peer in peers]
    counts = []
    for peer in peers:
        progress(f"{case}: how fast is {peer.name}?")
        trial = bench.load.run(
            peer, case, TRIAL.get(case.label, 200), warm_up=min(WARM_UP, TRIAL.get(case.label, WARM_UP))
        )
        counts.append(max(16, min(60_000, int(trial["msgs_per_s"] * bench.plan.seconds))))
    for number in range(bench.plan.runs):
        for row, peer, count in zip(rows, peers, counts, strict=True):
            progress(f"{case}: run {number + 1} of {bench.plan.runs}, {peer.name}")
            row.runs.append(bench.load.run(peer, case, count, "-T", "60", warm_up=AGAIN))
    pair = next((row for row in rows if row.peer == "pair"), None)
    if pair is not None:
        for row in rows:
            row.ratio = row.ratio_to(pair, "msgs_per_s")
    return rows


def memory(bench: Bench) -> None:
    """One peer after the other, fresh and alone: at rest, with many connections, with huge messages."""
    rows = []
    with private_net.unbound(bench.work, bench.corpus / "unbound-local.conf"):
        for name in bench.plan.peers:
            with bench.running(name, Case("10k", 1)) as peer:
                if peer is None:
                    continue
                rest = pss_mb(peer.pids)
                progress(f"memory: {name}")
                with Peak(peer.pids) as busy:
                    first = bench.load.run(peer, Case("10k", 64), bench.plan.scaled(1000), "-T", "60")
                with Peak(peer.pids) as huge:
                    second = bench.load.run(peer, Case("50m", 2), 2, "-T", "60", "-W", "60")
                wrong = {word: first[word] + second[word] for word in ("bad", "errors")}
                rows.append(
                    Row("memory", "", name, [{"rest_mb": rest, "busy_mb": busy.mb, "huge_mb": huge.mb, **wrong}])
                )
    bench.results.add(rows)
