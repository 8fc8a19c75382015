"""What is done with each outcome: it is counted, logged, and its record is written."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from inalign.flow.arc_sealer import SealStatus
from inalign.flow.decision import Disposition
from inalign.flow.log_line import message_line
from inalign.flow.outcome import MessageOutcome
from inalign.flow.send import Unsigned
from inalign.milterd.metrics import count_outcome
from inalign.milterd.recorder import Recorder
from inalign.telemetry import Counters

log = logging.getLogger("inalign.message")


@dataclass(frozen=True, slots=True)
class OutcomeObserver:
    """Counters, log and recorder of one process."""

    counters: Counters
    recorder: Recorder | None = None
    """None: no records are written."""

    def observe(self, outcome: MessageOutcome) -> None:
        """Count the outcome, log it in one line, and write its record; called before the message is answered."""
        count_outcome(self.counters, outcome)
        log_outcome(outcome)
        if self.recorder is not None and outcome.record is not None:
            self.recorder.write(outcome.record)


def log_outcome(outcome: MessageOutcome) -> None:
    """Log one line about a message: as a warning where it is discarded, or not signed for want of its key."""
    if outcome.sealed.status is SealStatus.KEY_UNAVAILABLE:
        log.warning("%s: not sealed: %s", outcome.queue_id or "-", outcome.sealed.problem)
    is_unsigned = outcome.sent is not None and outcome.sent.unsigned is Unsigned.KEY_UNAVAILABLE
    is_warning = is_unsigned or outcome.decision.disposition is Disposition.DISCARD
    level = logging.WARNING if is_warning else logging.INFO
    if log.isEnabledFor(level):
        log.log(level, message_line(outcome))
