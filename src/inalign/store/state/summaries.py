"""Which reports for people were sent to whom, over restarts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inalign.store.state.control import Control


class SentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the reports of one kind to one person."""

    recipient: str
    subject: str
    """Which ones: how often, in which language, about what. With the recipient it is the key."""
    period: str = ""
    """The newest one that was sent; empty: none yet."""
    sent_at: float = 0.0
    problem: str = ""
    """Why the last attempt failed; empty after one that did not."""
    failures: int = 0
    """Number of attempts that failed since the last one that did not."""
    due_at: float = 0.0
    """When it is tried again."""


def read_sent(control: Control, recipient: str, subject: str) -> SentSummary:
    """As it was written last. Raises `ControlError`."""
    found = control.ask("SELECT record FROM summaries WHERE recipient = ? AND subject = ?", [recipient, subject])
    if not found:
        return SentSummary(recipient=recipient, subject=subject)
    return msgspec.json.decode(found[0][0], type=SentSummary)


def write_sent(control: Control, record: SentSummary) -> None:
    """Keep it. Raises `ControlError`."""
    with control.change() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?)",
            (record.recipient, record.subject, msgspec.json.encode(record)),
        )


def sent_summaries(control: Control) -> Iterable[SentSummary]:
    """Return what was sent to every recipient, ordered by recipient and subject; raises `ControlError`."""
    rows = control.ask("SELECT record FROM summaries ORDER BY recipient, subject")
    return [msgspec.json.decode(record, type=SentSummary) for (record,) in rows]
