"""Alerts: what is judged is looked at, incidents are opened and closed, and channels are told, a few at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from inalign.alerts.intake_rules import IntakeKnown, IntakeNow, ReporterNow, SourceNow, watch_intake
from inalign.alerts.rules import Known, watch_domain
from inalign.alerts.snapshot import domain_now
from inalign.errors import Error
from inalign.insight.classify import Judgement
from inalign.insight.result import Plan
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.queries.health import health
from inalign.store.queries.upkeep import last_arrival
from inalign.store.state.answers import load_answers
from inalign.store.state.control import Control
from inalign.store.state.incidents import (
    IncidentChange,
    close_calm,
    mark_reported,
    note_findings,
    read_known,
    write_known,
)
from inalign.store.state.outbox import (
    Reach,
    Waiting,
    due_reminders,
    keep_channels,
    note_failed,
    note_sent,
    note_trouble,
    queue,
    take,
)

log = logging.getLogger("inalign")

ALL = ""
"""The domain of what concerns all of them."""


class PartlyToldError(Error):
    """The message is out, but not to all of its recipients."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Who is told, and how."""

    reach: Reach
    send: Callable[[Sequence[Waiting]], Awaitable[None]]
    """Raises `Error` where nobody was told, `PartlyToldError` where some were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """All that alerts need. All but `deliver` blocks, and may be called in any thread."""

    control: Control
    channels: Sequence[Channel] = ()
    nothing_days: int = 3
    clock: Callable[[], float] = field(default=time.time)

    def on_assessed(self, judgement: Judgement, _plan: Plan | None = None) -> None:
        """A domain was judged, on all that is known of it. Raises `ControlError`."""
        now = self.clock()
        domain = judgement.facts.domain
        answers = load_answers(self.control, judgement.facts)
        watched = watch_domain(read_known(self.control, domain, Known), domain_now(judgement, answers), _ordinal(now))
        self._tell(note_findings(self.control, domain, watched.findings, now), now)
        write_known(self.control, domain, watched.known, now)

    def look_at_intake(self, engine: Engine, trouble: str = "") -> None:
        """Sources, reporters, and whether anything comes. Raises `ControlError`."""
        now = self.clock()
        try:
            seen = self._intake_now(engine, trouble)
        except Error as problem:
            # What the store does not tell is not known: all that is open stays so, and this is trouble of its own.
            log.warning("alerts cannot look at the intake: %s", problem)
            return
        before = read_known(self.control, ALL, IntakeKnown)
        findings, known = watch_intake(before, seen, _ordinal(now), nothing_days=self.nothing_days)
        self._tell(note_findings(self.control, ALL, findings, now), now)
        write_known(self.control, ALL, known, now)

    def tidy(self) -> None:
        """Close what is over, remind of what is not, forget what is old. Raises `ControlError`."""
        now = self.clock()
        self._tell(close_calm(self.control, now), now)
        self._tell(due_reminders(self.control, now), now)
        keep_channels(self.control, [channel.reach.name for channel in self.channels], now)

    async def deliver(self) -> None:
        """Tell what is due; what cannot be told waits. Raises `ControlError`."""
        for channel in self.channels:
            name, now = channel.reach.name, self.clock()
            waiting = take(self.control, name, now)
            if not waiting:
                continue
            try:
                await channel.send(waiting)
            except PartlyToldError as problem:
                note_sent(self.control, name, waiting, now)
                note_trouble(self.control, name, str(problem), now)
                log.warning("alerts to %s: %s", name, problem)
            except Error as problem:
                record = note_failed(self.control, name, waiting, str(problem), now)
                log.warning("alerts to %s wait, after %d attempts: %s", name, record.tries, problem)
            else:
                note_sent(self.control, name, waiting, now)
                told = ",".join(f"{each.incident.number}:{each.event}" for each in waiting)
                log.info("alerts=%d channel=%s incidents=%s", len(waiting), name, told)

    def _tell(self, changed: Sequence[IncidentChange], now: float) -> None:
        for incident, event in changed:
            log.info("incident=%d event=%s code=%s domain=%s", incident.number, event, incident.code, incident.domain)
        told = queue(self.control, [channel.reach for channel in self.channels], changed, now)
        if told:
            mark_reported(self.control, told, now)

    def _intake_now(self, engine: Engine, trouble: str) -> IntakeNow:
        arrived = last_arrival(engine)
        rows = health(engine, Filters(limit=MAX_PAGE_ROWS)).rows
        return IntakeNow(
            # One that was stopped was taken out of the settings, or Inalign is ending.
            sources=tuple(
                SourceNow(each.name, 0 if each.phase == "stopped" else each.failures, each.last_error)
                for each in self.control.sources()
            ),
            reporters=tuple(
                ReporterNow(
                    row.reporter, row.kind, row.days, row.rhythm_days, row.last_day.toordinal(), row.silent_days
                )
                for row in rows
            ),
            trouble=trouble,
            arrived=_ordinal(arrived) if arrived else 0,
        )


def _ordinal(seconds: float) -> int:
    return datetime.fromtimestamp(seconds, UTC).date().toordinal()
