"""A generation: the worker processes that serve one configuration, which never changes, from their fork to their end.

It knows which of its workers are there, how they are, and when one that is missing is started again. Watching it is
the supervisor's.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

from inalign.backoff import Backoff
from inalign.milterd.acceptor import Shares
from inalign.milterd.worker import RETIRE, read_report
from inalign.net.listen import Address
from inalign.telemetry import Counters

log = logging.getLogger("inalign")

GRACE_SECONDS = 2.0
"""After the time to drain; then what is left is killed."""
SOON_DEAD_SECONDS = 5.0
"""A worker that lived no longer has died at once."""
RESTART = Backoff(first=0.1, longest=10.0)
"""Pauses before a process that ends at once, several times in a row, is started again."""
REPORT_OCTETS = 1 << 18
OOM_SCORE = 100
"""Of a thousand: where memory is short, the kernel ends a worker and not the supervisor, which replaces it."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""Those that the supervisor handles."""
_BLOCKED = (*SIGNALS, RETIRE)
"""While a worker is made, so that none is handled in it before it is itself, and none is lost."""


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """What a worker gets from the supervisor."""

    number: int
    shares: Shares
    channel: socket.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """One configuration, ready to be run."""

    workers: int
    sockets: Mapping[Address, socket.socket]
    """All listening sockets, that of the monitor too."""
    monitor: Address | None
    drain_seconds: float
    work: Callable[[WorkerSlot], None]
    """What a worker does, in its own process, until it is told to end."""
    keep: Callable[[], None] | None = None
    """What the report process does likewise; None: there is no store."""
    in_force: Callable[[], None]
    """Called in the supervisor when this plan is the one that counts."""


@dataclass(slots=True, eq=False)
class Child:
    """One worker, as the supervisor sees it."""

    generation: Generation
    number: int
    pid: int
    channel: socket.socket
    started: float
    heard: float
    serves: bool = False
    gauges: dict[str, float] = field(default_factory=dict)
    """How it said that things stand with it."""

    def hear(self) -> dict[str, float] | None:
        """Its next report: what it has counted since the last one. None where its channel has ended; raises
        `BlockingIOError` where there is no report now."""
        try:
            octets = self.channel.recv(REPORT_OCTETS)
        except BlockingIOError:
            raise
        except OSError:
            octets = b""
        if not octets:
            return None
        counted, self.gauges = read_report(octets)
        self.heard = time.monotonic()
        self.serves = True
        return counted

    def hear_last(self) -> Counters:
        """What it counted in the reports that are still on their way."""
        counters = Counters()
        with contextlib.suppress(BlockingIOError):
            while (counted := self.hear()) is not None:
                counters.add_all(counted)
        return counters


class Generation:
    """The workers of a plan."""

    def __init__(self, plan: ProcessPlan) -> None:
        self.plan = plan
        self.shares = Shares(plan.workers)
        self.started = time.monotonic()
        self.children: dict[int, Child] = {}
        self.kill_at: float | None = None
        """When what is left of it is killed: it has been told to end."""
        self._due: dict[int, float] = {}  # when those that are missing are started; absent: now
        self._failures: dict[int, int] = {}  # how many times in a row a worker ended at once

    @property
    def serving(self) -> int:
        """How many workers serve."""
        return sum(child.serves for child in self.children.values())

    def next_start(self) -> float:
        """When the next missing worker is due."""
        missing = range(self.plan.workers) if self.kill_at is None else ()
        return min((self._due.get(each, 0.0) for each in missing if each not in self.children), default=math.inf)

    def start_missing(self, let_go: Callable[[ProcessPlan], None]) -> list[Child]:
        """Start those that are due. In the child, `let_go` closes what is the supervisor's and not in the plan."""
        now = time.monotonic()
        if self.next_start() > now:
            return []
        gc.collect()
        gc.freeze()  # so that the collectors of the workers leave the shared pages as they are
        due = [each for each in range(self.plan.workers) if each not in self.children and self._due.get(each, 0) <= now]
        return [child for child in (self._start(number, let_go) for number in due) if child is not None]

    def lose(self, child: Child) -> float:
        """A worker has ended; returns the seconds after which it is started again."""
        self.shares.leave(child.number)
        child.channel.close()
        del self.children[child.number]
        now = time.monotonic()
        failures = self._failures.get(child.number, 0) + 1 if now - child.started < SOON_DEAD_SECONDS else 0
        self._failures[child.number] = failures
        delay = RESTART.seconds(failures)
        self._due[child.number] = now + delay
        return delay

    def end(self, number: signal.Signals) -> None:
        """Let the workers finish: those of a generation that is replaced are told RETIRE, else SIGTERM."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + self.plan.drain_seconds + GRACE_SECONDS
        self.signal(number)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every worker."""
        for child in self.children.values():
            os.kill(child.pid, number)

    def _start(self, number: int, let_go: Callable[[ProcessPlan], None]) -> Child | None:
        try:
            channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as problem:
            self._not_started(number, problem)
            return None
        channel.setblocking(False)
        place = WorkerSlot(number, self.shares, far_end)

        def close_ours() -> None:
            channel.close()
            let_go(self.plan)

        try:
            pid = fork(partial(self.plan.work, place), close_ours)
        except OSError as problem:
            channel.close()
            self._not_started(number, problem)
            return None
        finally:
            far_end.close()
        now = time.monotonic()
        self._due.pop(number, None)
        child = self.children[number] = Child(self, number, pid, channel, now, now)
        return child

    def _not_started(self, number: int, problem: OSError) -> None:
        log.error("no worker can be started: %s", problem.strerror)
        self._due[number] = time.monotonic() + RESTART.longest


def fork(work: Callable[[], None], let_go: Callable[[], None]) -> int:
    """A process of ours that works and ends; `let_go` closes in it what is the supervisor's. Raises `OSError`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        pid = os.fork()
        if pid == 0:
            _be_child(work, let_go)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)


def _be_child(work: Callable[[], None], let_go: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for default in (signal.SIGTERM, signal.SIGCHLD, RETIRE):
            signal.signal(default, signal.SIG_DFL)
        for ignored in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all; we are told by TERM
            signal.signal(ignored, signal.SIG_IGN)
        let_go()
        _die_first()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
        work()
        status = 0
    except BaseException:  # the process ends here, and says why; the supervisor sees its status
        log.exception("a process fails")
    finally:
        os._exit(status)


def _die_first() -> None:
    score = Path("/proc/self/oom_score_adj")
    with contextlib.suppress(OSError):  # of a process that was root once, it is root's
        score.write_text(str(min(1000, int(score.read_text()) + OOM_SCORE)))
