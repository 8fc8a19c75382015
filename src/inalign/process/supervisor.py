"""The supervisor: one small process that owns the listening sockets and sees to it that the workers run.

It forks before any event loop exists, shares nothing, and keeps no state that a message needs.

* Workers are forked in generations. SIGHUP makes a plan of the configuration as it is now. Only when all workers of
  the new generation serve, those of the old one are told to retire; what goes wrong before that leaves everything as
  it was.
* A worker that dies is replaced at once, and one that keeps dying ever more slowly. A worker that is silent hangs, and
  is killed.
* SIGTERM and SIGINT: workers finish what is under way, within the plan's time; told again, they end at once.

Signals become octets on a socket pair, and everything happens in one select loop, between which nothing waits.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping
from json import dumps

from inalign.errors import Error, TransportError
from inalign.milterd.worker import RETIRE
from inalign.net.listen import Address, forget
from inalign.process.child import SupervisedChild
from inalign.process.generation import SIGNALS, Child, Generation, ProcessPlan
from inalign.process.status_server import Monitor, Page
from inalign.process.systemd import notify, reloading
from inalign.telemetry import Counters, exposition

log = logging.getLogger("inalign")

START_SECONDS = 15.0
"""Within which a new generation must serve. A fork and an event loop take 50 ms."""
SILENT_SECONDS = 20.0
"""A worker reports every second; one that is silent for so long hangs. Postfix waits 300 s at the end of a message, so
what the worker holds gets the default action when it is killed, and not minutes later."""
MOST_RETIRING = 2
"""Generations that finish their sessions at the same time; a further SIGHUP waits, so that many cannot fill memory."""
TICK_SECONDS = 1.0


class Supervisor:
    """Runs a plan, and those that follow it. `next_plan` makes one of the configuration as it is now, given the sockets
    that listen already; what it raises says why the configuration cannot be used."""

    def __init__(
        self,
        plan: ProcessPlan,
        next_plan: Callable[[Mapping[Address, socket.socket]], ProcessPlan],
        ready: Callable[[], None],
    ) -> None:
        self._next_plan = next_plan
        self._ready = ready
        self._current: Generation | None = None
        self._coming: Generation | None = Generation(plan)
        self._ending: list[Generation] = []
        self._should_reload = False
        self._is_stopping = False
        self._last_plan = plan  # the one in force, or coming to be
        self._counters = Counters({"inalign_worker_restarts_total": 0})
        self._reportd = SupervisedChild()
        self._monitor: Monitor | None = None
        self._selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._signals, self._signals_in = socket.socketpair()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises `TransportError` when the first workers do not come to serve."""
        before = self._watch_signals()
        try:
            while self._generations or self._reportd.pid is not None:
                self._tick()
                for key, _ in self._selector.select(self._time_to_wait()):
                    # What was done for one of them may have closed another, whose number may have a new meaning.
                    if self._selector.get_map().get(key.fd) is key:
                        key.data()
        finally:
            self._kill_all()
            self._close(before)

    @property
    def _generations(self) -> list[Generation]:
        return [each for each in (self._current, self._coming, *self._ending) if each is not None]

    # Signals

    def _watch_signals(self) -> dict[signal.Signals, object]:
        self._signals.setblocking(False)
        self._signals_in.setblocking(False)
        signal.set_wakeup_fd(self._signals_in.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._signals, selectors.EVENT_READ, self._signalled)
        before = {number: signal.signal(number, _note) for number in SIGNALS}
        # A signal among ourselves; to others it means that logs are opened anew, which is no reason to end.
        return {**before, RETIRE: signal.signal(RETIRE, signal.SIG_IGN)}

    def _signalled(self) -> None:
        for number in sorted(set(self._signals.recv(256))):  # what comes at the same time is one
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGHUP:
                self._should_reload = True
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop()

    # Workers

    def _complete(self, generation: Generation | None) -> None:
        """Start the workers that a generation lacks and that are due."""
        if generation is not None:
            for child in generation.start_missing(self._let_go):
                self._watch(child)

    def _watch(self, child: Child) -> None:
        self._selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(child))

    def _let_go(self, plan: ProcessPlan | None) -> None:
        """Close in a child what the workers of this plan do not need; the report process needs none of it."""
        for generation in self._generations:
            for child in generation.children.values():
                child.channel.close()
            for address, listener in generation.plan.sockets.items():
                if plan is None or address not in plan.sockets or address == plan.monitor:
                    listener.close()
        if self._monitor is not None:
            self._monitor.drop()
        self._selector.close()
        self._signals.close()
        self._signals_in.close()

    def _hear(self, child: Child) -> None:
        """Take a report, or the end of the channel, which the end of the process follows."""
        try:
            counted = child.hear()
        except BlockingIOError:
            return
        if counted is None:
            self._selector.unregister(child.channel)
            return
        self._counters.add_all(counted)
        self._promote(child.generation)

    def _reap(self) -> None:
        self._reportd.reap()
        for generation in self._generations:
            for child in tuple(generation.children.values()):
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, status: int) -> None:
        generation = child.generation
        self._counters.add_all(child.hear_last())
        if child.channel in self._selector.get_map():
            self._selector.unregister(child.channel)
        delay = generation.lose(child)
        if generation in self._ending:
            self._forget_empty(generation)
            return
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        if generation is self._coming:
            self._give_up(generation, f"a worker ended {how} before it served")
            return
        self._counters.add("inalign_worker_restarts_total")
        log.error("worker %d (process %d) ended %s; it is replaced in %g s", child.number, child.pid, how, delay)

    # Generations

    def _promote(self, generation: Generation) -> None:
        """Let a new generation take over once all its workers serve."""
        if generation is not self._coming or generation.serving < generation.plan.workers:
            return
        old, self._current, self._coming = self._current, generation, None
        plan = self._last_plan = generation.plan
        self._monitor_at(None if plan.monitor is None else plan.sockets[plan.monitor])
        if old is not None:
            self._end(old, RETIRE)
            self._stop_listening(old.plan, *plan.sockets)
        plan.in_force()
        self._reportd.follow(plan.keep)
        if old is None:
            self._ready()
        else:
            self._counters.add('inalign_reloads_total{result="done"}')
            log.info("the new configuration is in force; old workers end when their sessions are done")
        notify("READY=1", f"STATUS={plan.workers} workers serve")

    def _monitor_at(self, listener: socket.socket | None) -> None:
        """Answer there and nowhere else; a monitor that stays is not disturbed."""
        if self._monitor is not None and self._monitor.listener is not listener:
            self._monitor.close()
            self._monitor = None
        if self._monitor is None and listener is not None:
            self._monitor = Monitor(self._selector, listener, {"/metrics": self._metrics, "/health": self._health})

    def _reload(self, current: Generation) -> None:
        """Start a generation with the configuration as it is now, or say why not."""
        self._should_reload = False
        reloading()
        log.info("SIGHUP: the configuration is read again")
        try:
            self._coming = Generation(self._next_plan(current.plan.sockets))
        except Error as problem:
            self._keep_old(str(problem))
        except Exception as problem:  # what a strange file leads to must not end what serves
            log.exception("the configuration cannot be read")
            self._keep_old(repr(problem))

    def _give_up(self, generation: Generation, problem: str) -> None:
        """A generation does not come to serve. Some of its workers may have taken messages already."""
        if self._current is None:
            raise TransportError(f"{problem}; the log says more")
        self._coming = None
        self._stop_listening(generation.plan, *self._current.plan.sockets)
        self._end(generation, RETIRE)
        self._keep_old(problem)

    def _keep_old(self, problem: str) -> None:
        log.error("the new configuration is not used, the old one stays in force: %s", problem)
        self._counters.add('inalign_reloads_total{result="refused"}')
        notify("READY=1", "STATUS=the new configuration was refused; the old one is in force")

    def _stop_listening(self, plan: ProcessPlan, *but: Address | None) -> None:
        """Close what this plan listens on; the workers that share it close theirs."""
        for address, listener in plan.sockets.items():
            if address not in but and listener.fileno() >= 0:
                forget(address)
                listener.close()

    def _end(self, generation: Generation, number: signal.Signals) -> None:
        generation.end(number)
        self._ending.append(generation)
        self._forget_empty(generation)

    def _forget_empty(self, generation: Generation) -> None:
        if generation in self._ending and not generation.children:
            self._ending.remove(generation)

    def _stop(self) -> None:
        """End everything: the first time gently, the second time at once."""
        if self._is_stopping:
            log.warning("told again: what is under way is cut off")
            for generation in self._ending:
                generation.signal(signal.SIGTERM)
            return
        self._is_stopping = True
        notify("STOPPING=1")
        log.info("stopping: messages under way are finished first")
        for generation in self._generations:
            self._stop_listening(generation.plan, self._last_plan.monitor)  # which tells of the end, too
        self._reportd.end()
        for retiring in self._ending:
            retiring.signal(signal.SIGTERM)
        current, coming = self._current, self._coming
        self._current = self._coming = None
        for each in (current, coming):
            if each is not None:
                self._end(each, signal.SIGTERM)

    # Time

    def _time_to_wait(self) -> float:
        now = time.monotonic()
        due = [self._reportd.next_start(), *(generation.next_start() for generation in self._generations)]
        return max(0.0, min(TICK_SECONDS, min(due) - now))

    def _tick(self) -> None:
        now = time.monotonic()
        is_free = self._coming is None and len(self._ending) < MOST_RETIRING
        if self._should_reload and is_free and self._current is not None:
            self._reload(self._current)
        coming = self._coming
        if coming is not None and now - coming.started > START_SECONDS:
            self._give_up(coming, f"its workers do not serve within {START_SECONDS:g} s")
        self._complete(self._current)
        self._complete(self._coming)
        self._reportd.tick(lambda: self._let_go(None))
        for generation in self._generations:
            if generation.kill_at is not None:
                if now >= generation.kill_at:
                    generation.signal(signal.SIGKILL)
                continue
            for child in generation.children.values():
                if now - child.heard > SILENT_SECONDS:
                    log.error("worker %d (process %d) hangs and is killed", child.number, child.pid)
                    os.kill(child.pid, signal.SIGKILL)
        if self._monitor is not None:
            self._monitor.end_slow()
        notify("WATCHDOG=1")

    def _kill_all(self) -> None:
        """What still runs when the supervisor ends by an error."""
        self._reportd.kill()
        for generation in self._generations:
            generation.signal(signal.SIGKILL)
            for child in generation.children.values():
                os.waitpid(child.pid, 0)
                child.channel.close()

    def _close(self, before: Mapping[signal.Signals, object]) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler if callable(handler) or isinstance(handler, int) else signal.SIG_DFL)
        if self._monitor is not None:
            self._monitor.close()
        self._selector.close()
        self._signals.close()
        self._signals_in.close()
        self._stop_listening(self._last_plan)

    # What the monitor asks

    def _metrics(self) -> Page:
        samples = dict(self._counters)
        children = [child for generation in self._generations for child in generation.children.values()]
        samples["inalign_workers"] = 0 if self._current is None else self._current.serving
        samples["inalign_connections_open"] = sum(
            child.gauges.get("inalign_connections_open", 0.0) for child in children
        )
        for child in children:
            resident = child.gauges.get("inalign_worker_resident_bytes")
            if child.generation is self._current and resident is not None:
                samples[f'inalign_worker_resident_bytes{{worker="{child.number}"}}'] = resident
        return Page(exposition(samples))

    def _health(self) -> Page:
        """200 while anybody serves, though it be fewer than wanted; 503 else, also while stopping."""
        current = self._current
        serving = 0 if current is None else current.serving
        wanted = 0 if current is None else current.plan.workers
        status = "stopping" if self._is_stopping else "ok" if serving == wanted else "degraded" if serving else "down"
        body = dumps({"status": status, "workers": serving, "workers_wanted": wanted}) + "\n"
        code = "200 OK" if status in ("ok", "degraded") else "503 Service Unavailable"
        return Page(body, code, "application/json")


def _note(_number: int, _frame: object) -> None:
    """Python has written the number of the signal to the socket pair already."""
