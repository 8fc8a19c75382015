"""What is known of a source of reports: how it stands, what it took, what went wrong last."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

Phase = Literal["starting", "running", "waiting", "failed", "stopped"]


class SourceRecord(Struct, frozen=True, kw_only=True):
    """The state of one source, written by whoever runs it; shown, and read again at the next start."""

    name: str
    """Of the settings; unique."""
    kind: str
    """listener, imap or folder."""
    phase: Phase = "stopped"
    """waiting is well: nothing to do until `next_run`. failed: it tries again at `next_run`."""
    last_run: datetime | None = None
    last_success: datetime | None = None
    """When it last came to the end of a run, or took a mail, without an error."""
    next_run: datetime | None = None
    """None where it waits for others to come (a listener, IDLE)."""
    taken: int = 0
    """Mails and files that are in the spool, of all runs."""
    left: int = 0
    """What it could not take and left where it was, of the last run."""
    last_error: str = ""
    """Kept until the next one; it is in the past where `last_success` is later than `last_error_at`."""
    last_error_at: datetime | None = None
    failures: int = 0
    """Failed runs in a row."""
    cursor: str = ""
    """Where it goes on, in words of its own (JSON)."""
