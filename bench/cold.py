"""Milters with cold DNS: each message from a domain not seen before, each answer 30 ms late, or none for one in ten."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import private_net
import strangers
from load import Case
from peers import Peer
from plan import FEW, Bench
from rows import Row, progress

DELAY = 0.030
SPARE = ("-G", str(strangers.COUNT - 1))
"""The stranger whose message shows that a peer is ready, and who is not met again."""
DEAD_EVERY = 10
SERVFAIL = 2
RESULT = re.compile(r"\b(?:dkim|spf|dmarc)=\w+", re.IGNORECASE)


def measure(bench: Bench) -> None:
    """A peer is started anew for each round and sees each message once."""
    few = min(500, bench.plan.scaled(160))
    many = min(strangers.COUNT - few - 1, bench.plan.scaled(1_200))
    cases = ((Case("strangers", 8), few, 0), (Case("strangers", 64), many, few))
    rows: dict[Case, dict[str, Row]] = defaultdict(dict)
    rounds = min(FEW, bench.plan.runs)
    with private_net.slow_dns(bench.work, bench.corpus, "--delay", str(DELAY)):
        for number in range(rounds):
            for name in bench.plan.peers:
                with bench.running(name, Case("strangers", 1), *SPARE) as peer:
                    if peer is None:
                        continue
                    for case, count, first in cases:
                        progress(f"cold DNS: {case}, run {number + 1} of {rounds}, {name}")
                        row = rows[case].setdefault(name, Row("cold", str(case), name))
                        row.runs.append(bench.load.run(peer, case, count, "-G", str(first), "-T", "60"))
    for by_peer in rows.values():
        if "pair" in by_peer:
            for row in by_peer.values():
                row.ratio = row.ratio_to(by_peer["pair"], "msgs_per_s")
        bench.results.add(list(by_peer.values()))


def dead(bench: Bench) -> None:
    """64 connections, 30 ms an answer, and one domain in ten whose name server is silent or broken."""
    for label, words in (("silent", ()), ("SERVFAIL", ("--rcode", str(SERVFAIL)))):
        rows = []
        with private_net.slow_dns(bench.work, bench.corpus, "--delay", str(DELAY), "--dead", str(DEAD_EVERY), *words):
            for name in bench.plan.peers:
                with bench.running(name, Case("strangers", 1), *SPARE) as peer:
                    if peer is not None:
                        progress(f"one domain in ten {label}: {name}")
                        rows.append(_dead_row(bench, peer, label))
        bench.results.add(rows)


def _dead_row(bench: Bench, peer: Peer, label: str) -> Row:
    log = bench.work / "dead.tsv"
    options = ("-n", str(bench.plan.scaled(266)), "-w", "0", "-W", "120", "-T", "240", "-L", str(log))
    run = bench.load.generate(peer, Case("strangers", 64), *options, complain=False)
    answers = list(_read_log(log))
    held = [each for each in answers if each.number % DEAD_EVERY == 0]
    others = [each for each in answers if each.number % DEAD_EVERY]
    wanted = {f"{method}=pass" for method in peer.methods.split(",")}
    times = sorted(each.seconds * 1000 for each in others)
    figures = {
        "msgs_per_s": run["msgs_per_s"],
        "dead_s": statistics.median(each.seconds for each in held),
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[len(times) * 99 // 100],
        "bad": sum(not wanted <= each.results for each in others),
        "errors": run["errors"],
    }
    told = Counter(" ".join(sorted(each.results)) or "no result" for each in held)
    return Row("dead", f"1 in 10 {label}", peer.name, [figures], note=told.most_common(1)[0][0])


class Answer(NamedTuple):
    """One line of milterload's log."""

    number: int
    seconds: float
    results: frozenset[str]


def _read_log(log: Path) -> list[Answer]:
    answers = []
    for line in log.read_text(errors="replace").splitlines():
        number, _, milliseconds, _, fields = line.split("\t", 4)
        results = frozenset(found.lower() for found in RESULT.findall(fields))
        answers.append(Answer(int(number), float(milliseconds) / 1000, results))
    return answers
