"""Assess domains in a process of its own, so that pages do not wait while Python computes.

The process has the control state open for itself and asks DNS by itself; what the store tells comes to it through a
pipe, since the store has one owner. It ends with whoever started it, and when there is nothing to do for a while.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from inalign.assessment.assess import Assessor
from inalign.assessment.cache import Assessment, assess_rows
from inalign.errors import Error
from inalign.store.engine.interface import Row
from inalign.store.facts import DomainRows

NICE = 5
"""Whoever waits for a page comes first."""
POLL_SECONDS = 0.2
IDLE_SECONDS = 300.0
"""Then the process ends, and its memory is free; it is started again in a second."""
PARENT_SECONDS = 1.0
LONGEST_SECONDS = 3_600.0
"""Of one domain; a process that takes longer hangs."""


class AssessmentError(Error):
    """The process that judges ended, or met a bug, which is told."""


class AssessmentProcess:
    """Judges one domain after another, over there."""

    def __init__(self, make: Callable[[], Assessor], is_ending: Callable[[], bool]) -> None:
        """`make` is called in the new process."""
        self._make = make
        self._is_ending = is_ending
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._used = 0.0

    def __call__(self, told: DomainRows) -> Assessment | None:
        """Raises `AssessmentError`, and what asking the store raises."""
        try:
            answer = self._judged(told)
        except (EOFError, OSError):
            self.close()
            raise AssessmentError(f"{told.domain}: the process that judges it ended") from None
        except BaseException:
            self.close()  # it waits for what does not come
            raise
        self._used = time.monotonic()
        if isinstance(answer, str):
            raise AssessmentError(f"{told.domain}: {answer}")
        return answer

    def _judged(self, told: DomainRows) -> Assessment | str | None:
        pipe = self._running()
        pipe.send(told._replace(seen=(), mail=()))
        for answer in (told.seen, told.mail):  # as they come: those of a large domain are never here all at once
            for rows in answer:
                self._go_on(told.domain)
                pipe.send(rows)
            pipe.send(None)
        begun = time.monotonic()
        while not pipe.poll(POLL_SECONDS):
            self._go_on(told.domain, begun)
        judged: Assessment | str | None = pipe.recv()
        return judged

    def _go_on(self, domain: str, begun: float | None = None) -> None:
        """Raises `AssessmentError` where it is not worth while."""
        if self._is_ending() or (begun is not None and time.monotonic() - begun > LONGEST_SECONDS):
            raise AssessmentError(f"{domain}: given up before it is judged")

    def rest(self) -> None:
        """There is nothing to do now."""
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        """End it, whatever it does."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None

    def _running(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_work, args=(theirs, self._make), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe


def _work(pipe: Connection, make: Callable[[], Assessor]) -> None:
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent ends us
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with suppress(OSError):
        os.nice(NICE)
    assessor: Assessor | None = None
    with suppress(EOFError, OSError):
        while True:
            told: DomainRows = pipe.recv()
            seen: Iterator[list[Row]] = iter(pipe.recv, None)
            mail: Iterator[list[Row]] = iter(pipe.recv, None)
            try:
                assessor = assessor or make()
                answer: Assessment | str | None = assess_rows(assessor, told._replace(seen=seen, mail=mail))
            except Error as problem:
                answer = str(problem)
            except Exception:  # noqa: BLE001 - the traceback is sent to the parent, which logs it
                answer = traceback.format_exc()
            for _ in chain(seen, mail):  # what was not looked at is on its way all the same
                pass
            pipe.send(answer)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)
