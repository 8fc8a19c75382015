"""What the alert rules find: a code, a subject and values. The rules are in the alerts, the incidents in the store."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from inalign.insight.result import Value

EVENT_DAYS = 14
"""An event is reported as new for so many days."""


class AlertCode(StrEnum):
    """What an incident is about."""

    NEW_SOURCE = "new_source"
    """A `sender` that was not known makes `percent` of the mail: `messages` in a week."""
    RATE_FALLS = "rate_falls"
    """Of the mail of a known `sender`, `percent` passes, and `before` did."""
    SPOOF_WAVE = "spoof_wave"
    """`messages` of suspected spoofers in three days; `usual` would be usual."""
    SENDER_QUIET = "sender_quiet"
    """A known `sender` has sent nothing for `days`."""
    NEW_SELECTOR = "new_selector"
    """Mail passes with the key `name`, which was not seen before."""
    NEW_NAME = "new_name"
    """`messages` pass with `name` in From, which was not seen before."""
    RECORD_CHANGED = "record_changed"
    """The record `name` was changed on `day` from `old` to `new`."""
    OTHER_POLICY = "other_policy"
    """Reporters see p=`seen`, while p=`published` is published."""
    REPORTER_SILENT = "reporter_silent"
    """A `reporter` that reported regularly has not reported for `days`."""
    INTAKE_FAILS = "intake_fails"
    """The `source` of reports fails: `error`."""
    STORE_FAILS = "store_fails"
    """The store takes nothing: `error`."""
    NOTHING_ARRIVES = "nothing_arrives"
    """No report came for `days` days."""

    @property
    def is_event(self) -> bool:
        """Whether it happened, and does not last: it has no end worth telling."""
        return self in (AlertCode.NEW_SOURCE, AlertCode.NEW_SELECTOR, AlertCode.NEW_NAME, AlertCode.RECORD_CHANGED)


class Detection(Struct, frozen=True):
    """One thing that is worth telling, or that is not over yet."""

    code: AlertCode
    subject: str
    """What tells it from others of the code: a sender, a selector, a name, a record; may be empty."""
    firm: bool
    values: dict[str, Value] = {}

    @property
    def key(self) -> str:
        return f"{self.code} {self.subject}"
