"""The supervisor: one small process that owns the listening sockets and sees to it that the workers run.

It forks before any event loop exists, shares nothing, and keeps no state that a message needs.

* Workers are forked in generations; a generation serves one configuration, which never changes. SIGHUP makes a plan of
  the new one. Only when all workers of the new generation serve, those of the old one are told to end; what goes wrong
  before that leaves everything as it was.
* A worker that dies is replaced at once, and one that keeps dying ever more slowly. A worker that is silent hangs, and
  is killed.
* SIGTERM and SIGINT: workers finish what is under way, within the plan's time; told again, they end at once.

Signals become octets on a socket pair, and everything happens in one select loop, between which nothing waits.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json import dumps
from typing import NoReturn

from inalign.acceptor import Shares
from inalign.errors import Error, TransportError
from inalign.milterd.listen import Address, forget
from inalign.monitor import Monitor, Page
from inalign.notify import notify, reloading
from inalign.telemetry import Counters, exposition
from inalign.worker import read_report

log = logging.getLogger("inalign")

START_SECONDS = 15.0
"""Within which a new generation must serve. A fork and an event loop take 50 ms."""
SILENT_SECONDS = 30.0
"""A worker reports every second; one that is silent for so long hangs."""
GRACE_SECONDS = 2.0
"""After the time to drain; then what is left is killed."""
SOON_DEAD_SECONDS = 5.0
"""A worker that lived no longer has died at once."""
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
"""Before the next try with a worker that dies at once; doubled each time in between."""
TICK_SECONDS = 1.0
REPORT_OCTETS = 1 << 18

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker gets from the supervisor."""

    number: int
    shares: Shares
    channel: socket.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One configuration, ready to be run."""

    workers: int
    sockets: Mapping[Address, socket.socket]
    """All listening sockets, that of the monitor too."""
    monitor: Address | None
    drain_seconds: float
    work: Callable[[Place], None]
    """What a worker does, in its own process, until it is told to end."""
    in_force: Callable[[], None]
    """Called in the supervisor when this plan is the one that counts."""


@dataclass(slots=True, eq=False)
class _Worker:
    generation: _Generation
    number: int
    pid: int
    channel: socket.socket
    started: float
    heard: float
    serves: bool = False
    standing: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Generation:
    plan: Plan
    shares: Shares
    started: float
    workers: dict[int, _Worker] = field(default_factory=dict)
    due: dict[int, float] = field(default_factory=dict)
    """When the workers that are missing are started."""
    delay: dict[int, float] = field(default_factory=dict)
    kill_at: float | None = None
    """When it is told to end: when what is left of it is killed."""


class Supervisor:
    """Runs a plan, and those that follow it. `next_plan` makes one of the configuration as it is now, given the sockets
    that listen already; what it raises says why the configuration cannot be used."""

    def __init__(
        self,
        plan: Plan,
        next_plan: Callable[[Mapping[Address, socket.socket]], Plan],
        ready: Callable[[], None],
    ) -> None:
        self._next_plan = next_plan
        self._ready = ready
        self._current: _Generation | None = None
        self._coming: _Generation | None = _Generation(plan, Shares(plan.workers), time.monotonic())
        self._draining: list[_Generation] = []
        self._should_reload = False
        self._is_stopping = False
        self._plans = [plan]  # the one in force, or coming to be
        self._counters = Counters({"inalign_worker_restarts_total": 0})
        self._monitor: Monitor | None = None
        self._selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._signals, self._signals_in = socket.socketpair()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises `TransportError` when the first workers do not come to serve."""
        before = self._watch_signals()
        try:
            self._complete(self._coming)
            while self._generations:
                for key, _ in self._selector.select(self._time_to_wait()):
                    # What was done for one of them may have closed another, whose number may have a new meaning.
                    if self._selector.get_map().get(key.fd) is key:
                        key.data()
                self._tick()
        finally:
            self._kill_all()
            self._close(before)

    @property
    def _generations(self) -> list[_Generation]:
        return [each for each in (self._current, self._coming, *self._draining) if each is not None]

    # Signals

    def _watch_signals(self) -> dict[signal.Signals, object]:
        self._signals.setblocking(False)
        self._signals_in.setblocking(False)
        signal.set_wakeup_fd(self._signals_in.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._signals, selectors.EVENT_READ, self._signalled)
        return {number: signal.signal(number, _note) for number in _SIGNALS}

    def _signalled(self) -> None:
        for number in sorted(set(self._signals.recv(256))):  # what comes at the same time is one
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGHUP:
                self._should_reload = True
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop()

    # Workers

    def _complete(self, generation: _Generation | None) -> None:
        """Start the workers that a generation lacks and that are due."""
        if generation is None or generation.kill_at is not None:
            return
        now = time.monotonic()
        missing = [
            number
            for number in range(generation.plan.workers)
            if number not in generation.workers and generation.due.get(number, 0.0) <= now
        ]
        if missing:
            gc.collect()
            gc.freeze()  # so that the collectors of the workers leave the shared pages as they are
            for number in missing:
                self._start(generation, number)

    def _start(self, generation: _Generation, number: int) -> None:
        channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel.setblocking(False)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # no handler of ours runs in the child
        try:
            pid = os.fork()
            if pid == 0:
                channel.close()
                self._be_worker(generation, number, far_end)
        except OSError as problem:
            log.error("no worker can be started: %s", problem.strerror)
            channel.close()
            generation.due[number] = time.monotonic() + LONGEST_DELAY_SECONDS
            return
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            far_end.close()
        now = time.monotonic()
        worker = generation.workers[number] = _Worker(generation, number, pid, channel, now, now)
        generation.due.pop(number, None)
        self._selector.register(channel, selectors.EVENT_READ, lambda: self._hear(worker))

    def _be_worker(self, generation: _Generation, number: int, channel: socket.socket) -> NoReturn:
        """In the child: let go of what is the supervisor's, and work."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number_ignored in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all; we are told by TERM
                signal.signal(number_ignored, signal.SIG_IGN)
            plan = generation.plan
            for each in self._generations:
                for worker in each.workers.values():
                    worker.channel.close()
                for address, listener in each.plan.sockets.items():
                    if address not in plan.sockets or address == plan.monitor:
                        listener.close()
            if self._monitor is not None:
                self._monitor.drop()
            self._selector.close()
            self._signals.close()
            self._signals_in.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            plan.work(Place(number, generation.shares, channel))
            status = 0
        except BaseException:  # the process ends here, and says why; the supervisor sees its status
            log.exception("a worker fails")
        finally:
            os._exit(status)

    def _hear(self, worker: _Worker) -> None:
        """Take a report, or the end of the channel, which the end of the process follows."""
        try:
            octets = worker.channel.recv(REPORT_OCTETS)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self._selector.unregister(worker.channel)
            return
        counted, worker.standing = read_report(octets)
        self._counters.add_all(counted)
        worker.heard = time.monotonic()
        if not worker.serves:
            worker.serves = True
            self._promote(worker.generation)

    def _reap(self) -> None:
        for generation in self._generations:
            for worker in tuple(generation.workers.values()):
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._bury(worker, os.waitstatus_to_exitcode(status))

    def _bury(self, worker: _Worker, status: int) -> None:
        generation = worker.generation
        while worker.channel in self._selector.get_map():
            self._hear(worker)  # its last report, and then the end
            if not _has_more(worker.channel):
                break
        if worker.channel in self._selector.get_map():
            self._selector.unregister(worker.channel)
        worker.channel.close()
        generation.shares.leave(worker.number)
        del generation.workers[worker.number]
        if generation.kill_at is not None:
            self._forget_empty(generation)
            return
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        if generation is self._coming:
            self._give_up(generation, f"a worker ended {how} before it served")
            return
        now = time.monotonic()
        delay = 0.0
        if now - worker.started < SOON_DEAD_SECONDS:
            delay = generation.delay.get(worker.number, FIRST_DELAY_SECONDS)
            generation.delay[worker.number] = min(2 * delay, LONGEST_DELAY_SECONDS)
        else:
            generation.delay.pop(worker.number, None)
        generation.due[worker.number] = now + delay
        self._counters.add("inalign_worker_restarts_total")
        log.error("worker %d (process %d) ended %s; it is replaced in %g s", worker.number, worker.pid, how, delay)

    # Generations

    def _promote(self, generation: _Generation) -> None:
        """Let a new generation take over once all its workers serve."""
        if generation is not self._coming or not _serves(generation):
            return
        old, self._current, self._coming = self._current, generation, None
        plan = generation.plan
        self._plans = [plan]
        if old is not None:
            self._end(old)
            self._leave(old.plan, plan)
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        if plan.monitor is not None:
            pages = {"/metrics": self._metrics, "/health": self._health}
            self._monitor = Monitor(self._selector, plan.sockets[plan.monitor], pages)
        plan.in_force()
        if old is None:
            self._ready()
        else:
            self._counters.add('inalign_reloads_total{result="done"}')
            log.info("the new configuration is in force; old workers end when their messages are done")
        notify("READY=1", f"STATUS={plan.workers} workers serve")

    def _reload(self) -> None:
        """Start a generation with the configuration as it is now, or say why not."""
        self._should_reload = False
        current = self._current
        if current is None or self._is_stopping:
            return
        reloading()
        log.info("SIGHUP: the configuration is read again")
        try:
            plan = self._next_plan(current.plan.sockets)
        except Error as problem:
            self._keep_old(str(problem))
            return
        self._coming = _Generation(plan, Shares(plan.workers), time.monotonic())
        self._complete(self._coming)

    def _give_up(self, generation: _Generation, problem: str) -> None:
        """A generation does not come to serve."""
        if self._current is None:
            raise TransportError(f"{problem}; the log says more")
        self._coming = None
        generation.kill_at = 0.0
        self._draining.append(generation)
        self._leave(generation.plan, self._current.plan)
        self._forget_empty(generation)
        self._keep_old(problem)

    def _keep_old(self, problem: str) -> None:
        log.error("the new configuration is not used, the old one stays in force: %s", problem)
        self._counters.add('inalign_reloads_total{result="refused"}')
        notify("READY=1", "STATUS=the new configuration was refused; the old one is in force")

    def _leave(self, old: Plan, new: Plan) -> None:
        """Close what only the old plan listens on."""
        self._stop_listening(old, *new.sockets)

    def _stop_listening(self, plan: Plan, *but: Address | None) -> None:
        for address, listener in plan.sockets.items():
            if address not in but and listener.fileno() >= 0:
                forget(address)
                listener.close()

    def _end(self, generation: _Generation) -> None:
        """Let the workers of a generation finish."""
        generation.kill_at = time.monotonic() + generation.plan.drain_seconds + GRACE_SECONDS
        self._draining.append(generation)
        for worker in generation.workers.values():
            os.kill(worker.pid, signal.SIGTERM)
        self._forget_empty(generation)

    def _forget_empty(self, generation: _Generation) -> None:
        if generation in self._draining and not generation.workers:
            self._draining.remove(generation)

    def _stop(self) -> None:
        """End everything: the first time gently, the second time at once."""
        if self._is_stopping:
            log.warning("told again: what is under way is cut off")
            for generation in self._generations:
                for worker in generation.workers.values():
                    os.kill(worker.pid, signal.SIGTERM)
            return
        self._is_stopping = True
        notify("STOPPING=1")
        log.info("stopping: messages under way are finished first")
        for generation in self._generations:
            self._stop_listening(generation.plan, generation.plan.monitor)  # which tells of the end, too
        current, coming = self._current, self._coming
        self._current = self._coming = None
        for each in (current, coming):
            if each is not None:
                self._end(each)

    # Time

    def _time_to_wait(self) -> float:
        now = time.monotonic()
        due = [at - now for generation in self._generations for at in generation.due.values()]
        return max(0.0, min([TICK_SECONDS, *due]))

    def _tick(self) -> None:
        now = time.monotonic()
        if self._should_reload and self._coming is None:
            self._reload()
        if self._coming is not None and now - self._coming.started > START_SECONDS:
            self._give_up(self._coming, f"its workers do not serve within {START_SECONDS:g} s")
        self._complete(self._current)
        for generation in self._generations:
            if generation.kill_at is not None and now >= generation.kill_at:
                self._kill(generation)
            elif generation.kill_at is None:
                for worker in generation.workers.values():
                    if now - worker.heard > SILENT_SECONDS:
                        log.error("worker %d (process %d) hangs and is killed", worker.number, worker.pid)
                        os.kill(worker.pid, signal.SIGKILL)
        if self._monitor is not None:
            self._monitor.end_slow()
        notify("WATCHDOG=1")

    def _kill(self, generation: _Generation) -> None:
        for worker in generation.workers.values():
            os.kill(worker.pid, signal.SIGKILL)

    def _kill_all(self) -> None:
        """What still runs when the supervisor ends by an error."""
        for generation in self._generations:
            self._kill(generation)
            for worker in generation.workers.values():
                os.waitpid(worker.pid, 0)
                worker.channel.close()

    def _close(self, before: Mapping[signal.Signals, object]) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler if callable(handler) or isinstance(handler, int) else signal.SIG_DFL)
        if self._monitor is not None:
            self._monitor.close()
        self._selector.close()
        self._signals.close()
        self._signals_in.close()
        for plan in self._plans:
            self._stop_listening(plan)

    # What the monitor asks

    def _metrics(self) -> Page:
        samples = dict(self._counters)
        workers = [worker for generation in self._generations for worker in generation.workers.values()]
        samples["inalign_workers"] = sum(worker.serves and worker.generation.kill_at is None for worker in workers)
        samples["inalign_connections_open"] = sum(
            worker.standing.get("inalign_connections_open", 0.0) for worker in workers
        )
        for worker in workers:
            resident = worker.standing.get("inalign_worker_resident_bytes")
            if worker.generation is self._current and resident is not None:
                samples[f'inalign_worker_resident_bytes{{worker="{worker.number}"}}'] = resident
        return Page(exposition(samples))

    def _health(self) -> Page:
        """200 while anybody serves, though it be fewer than wanted; 503 else, also while stopping."""
        current = self._current
        serving = 0 if current is None else sum(worker.serves for worker in current.workers.values())
        wanted = 0 if current is None else current.plan.workers
        status = "stopping" if self._is_stopping else "ok" if serving == wanted else "degraded" if serving else "down"
        body = dumps({"status": status, "workers": serving, "workers_wanted": wanted}) + "\n"
        code = "200 OK" if status in ("ok", "degraded") else "503 Service Unavailable"
        return Page(body, code, "application/json")


def _note(_number: int, _frame: object) -> None:
    """Python has written the number of the signal to the socket pair already."""


def _serves(generation: _Generation) -> bool:
    serving = sum(worker.serves for worker in generation.workers.values())
    return serving == generation.plan.workers


def _has_more(channel: socket.socket) -> bool:
    try:
        return bool(channel.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
