"""The one process beside the workers, as the supervisor sees it: the report process, which alone has the store open.

There is never more than one, since the store has one owner: a new configuration's keeper starts when the old one's has
ended. It is replaced when it dies, ever more slowly when it keeps dying. Mail does not wait for it.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from collections.abc import Callable

from inalign.process.generation import RESTART, SOON_DEAD_SECONDS, fork

log = logging.getLogger("inalign")

END_SECONDS = 30.0
"""For the batch that it is loading; what is not loaded then stays in the spool."""


class SupervisedChild:
    """Starts, replaces and ends the report process."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self._work: Callable[[], None] | None = None
        self._started = 0.0
        self._due = 0.0
        self._failures = 0
        self._kill_at = math.inf

    def follow(self, work: Callable[[], None] | None) -> None:
        """Let this be what it does, from now on; None: nothing. One that runs is told to end first."""
        self._work = work
        self._due = 0.0
        self.end_now()

    def end(self) -> None:
        """End the process and start no other in its place."""
        self.follow(None)

    def end_now(self) -> None:
        """Tell the process to end; another takes its place if there is work."""
        if self.pid is not None and self._kill_at == math.inf:
            os.kill(self.pid, signal.SIGTERM)
            self._kill_at = time.monotonic() + END_SECONDS

    def next_start(self) -> float:
        """When a process is due that is not there."""
        return self._due if self.pid is None and self._work is not None else math.inf

    def tick(self, let_go: Callable[[], None]) -> None:
        """Start it when it is due; kill it when it does not end. `let_go` closes in the child what is not its own."""
        now = time.monotonic()
        if self.pid is not None and now >= self._kill_at:
            log.error("the report process (process %d) does not end and is killed", self.pid)
            os.kill(self.pid, signal.SIGKILL)
            self._kill_at = now + END_SECONDS
        if self._work is None or self.next_start() > now:
            return
        try:
            self.pid = fork(self._work, let_go)
        except OSError as problem:
            log.error("the report process cannot be started: %s", problem.strerror)
            self._due = now + RESTART.longest
            return
        self._started = now
        self._kill_at = math.inf

    def reap(self) -> None:
        """Notice that it has ended."""
        if self.pid is None:
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return
        was_ended = self._kill_at < math.inf
        self.pid, self._kill_at = None, math.inf
        if was_ended or self._work is None:
            return
        now = time.monotonic()
        if now - self._started >= SOON_DEAD_SECONDS:
            self._failures = 0
        self._failures += 1
        delay = RESTART.seconds(self._failures)
        self._due = now + delay
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        log.error("the report process (process %d) ended %s; it is replaced in %g s", pid, how, delay)

    def kill(self) -> None:
        """At once, and wait for it."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
