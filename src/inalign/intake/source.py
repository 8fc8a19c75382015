"""What a source of reports is, and what it is given: a desk where it hands in and where its state is noted.

A source runs until it is cancelled. It raises whatever keeps it from going on; the runner (`sources`) notes that, waits
and starts it again. What it took it may only let go of (a 250, a deletion) after `Desk.take` returned.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from inalign.backoff import Backoff
from inalign.spool.deliveries import Delivery
from inalign.store.state.intake_sources import Phase, SourceRecord

log = logging.getLogger(__name__)

MAX_ERROR = 500
"""Characters of an error that are kept; servers say much."""

Accept = Callable[[Delivery], Awaitable[str]]
"""Hands a delivery to the spool, and returns its name there once it is on disk.

Raises `SpoolFull`, `SpoolUnavailable`: come again later.
"""


class SourceState(Protocol):
    """Where the records of sources outlive the process; both block, and are called in a thread."""

    def read_source(self, name: str) -> SourceRecord | None:
        """The record that was written last."""

    def write_source(self, record: SourceRecord) -> None:
        """Keep this record in place of the one with its name."""


class IntakeSource(Protocol):
    """Something that reports come from."""

    @property
    def name(self) -> str:
        """Unique among the sources."""

    @property
    def kind(self) -> str:
        """listener, imap or folder."""

    async def run(self, desk: Desk) -> None:
        """Take what comes until cancelled, or until something is wrong; it is called again then."""

    async def test(self) -> list[str]:
        """Look without taking anything, and say what was seen, a line each. Raises what is wrong."""


class Desk:
    """What one source is given; its methods belong to the event loop."""

    def __init__(self, record: SourceRecord, accept: Accept, state: SourceState) -> None:
        self.record = record
        self._accept = accept
        self._state = state
        self._saved = record

    async def take(self, delivery: Delivery) -> str:
        """Hand in one mail or file; when this returns it is safe. Raises `SpoolFull`, `SpoolUnavailable`."""
        name = await self._accept(delivery)
        self.record = msgspec.structs.replace(self.record, taken=self.record.taken + 1, last_success=now())
        return name

    def begin(self) -> None:
        """A run begins."""
        self._note(phase="running", last_run=now(), next_run=None)

    def end(self, *, left: int = 0, next_in: float | None = None) -> None:
        """A run came to its end; the next one is in so many seconds, or when somebody comes."""
        self._note(phase="waiting", last_success=now(), failures=0, left=left, next_run=_after(next_in))

    def complain(self, error: str) -> None:
        """Something is wrong that does not end the run: of one mail, one client. The same again is not logged again."""
        if error[:MAX_ERROR] != self.record.last_error:
            log.warning("source %s: %s", self.record.name, error[:MAX_ERROR])
        self.record = msgspec.structs.replace(self.record, last_error=error[:MAX_ERROR], last_error_at=now())

    def fail(self, error: str, next_in: float) -> None:
        """The run ended with this error."""
        self.complain(error)
        self._note(phase="failed", failures=self.record.failures + 1, next_run=_after(next_in))

    def stop(self) -> None:
        """It does not run any more."""
        self._note(phase="stopped", next_run=None)

    def move(self, cursor: str) -> None:
        """From here it goes on the next time."""
        self.record = msgspec.structs.replace(self.record, cursor=cursor)

    async def save(self) -> None:
        """Write the record, if there is something new in it."""
        record = self.record
        if record != self._saved:
            await asyncio.to_thread(self._state.write_source, record)
            self._saved = record

    def _note(
        self,
        *,
        phase: Phase,
        next_run: datetime | None,
        last_run: datetime | None = None,
        last_success: datetime | None = None,
        failures: int | None = None,
        left: int | None = None,
    ) -> None:
        old = self.record
        self.record = msgspec.structs.replace(
            old,
            phase=phase,
            next_run=next_run,
            last_run=last_run or old.last_run,
            last_success=last_success or old.last_success,
            failures=old.failures if failures is None else failures,
            left=old.left if left is None else left,
        )


def now() -> datetime:
    """The time, as records have it."""
    return datetime.now(UTC)


def _after(seconds: float | None) -> datetime | None:
    return None if seconds is None else now() + timedelta(seconds=seconds)


FIRST_DELAY = 5.0
MOST_DELAY = 900.0
"""Seconds after the first failure, doubled with each one, and at most: mail waits on its server for days."""

_chance = random.SystemRandom()


def delay_after(failures: int) -> float:
    """How long to wait after so many failed runs in a row, with jitter: half of it is chance."""
    longest = Backoff(FIRST_DELAY, MOST_DELAY).seconds(failures)
    return longest * (0.5 + 0.5 * _chance.random())
