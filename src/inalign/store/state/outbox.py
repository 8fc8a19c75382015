"""What waits to be told, by channel; and how each channel fares. It outlives a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inalign.store.state.control import Control
from inalign.store.state.incidents import DAY, Event, Incident, IncidentChange, incidents, is_in

BATCH_SECONDS = 300.0
"""So long more is waited for, so that what happens together is one message; and so long between two messages."""
MAX_REPORTED = 50
"""Incidents in one message; the rest goes with the next."""
RETRY_SECONDS = (60.0, 300.0, 900.0, 3_600.0, 4 * 3_600.0)
"""After the first, second … failure in a row; the last again and again."""
GIVE_UP_SECONDS = 3 * DAY
"""What could not be told in this time is old news: it is dropped and counted; the page has it."""
REMIND_SECONDS = 14 * DAY
"""Between two messages about what is open and nobody acknowledged."""


class Reach(NamedTuple):
    """A channel, as far as it matters who hears what."""

    name: str
    domains: tuple[str, ...] | None
    """Of these and names below; None: everything."""


class ChannelRecord(Struct, frozen=True, kw_only=True):
    """How a channel fares."""

    name: str
    sent: int = 0
    """Messages that the other side took."""
    failed: int = 0
    """Attempts that it did not."""
    lost: int = 0
    """Notes about incidents that were given up."""
    last_sent: float = 0.0
    last_error: str = ""
    last_error_at: float = 0.0
    tries: int = 0
    """Failed attempts in a row."""
    next_try: float = 0.0

    @property
    def is_failing(self) -> bool:
        return self.tries > 0


class Waiting(NamedTuple):
    """An event of an incident that is not yet reported in an alert."""

    incident: Incident
    event: Event
    at: float


def queue(control: Control, reaches: Sequence[Reach], changed: Iterable[IncidentChange], now: float) -> list[int]:
    """Put what changed on its way; returns the numbers of the incidents that are told. Raises `ControlError`.

    What ends before it was told is not told at all, and the end of an event is none.
    """
    told: list[int] = []
    with control.change() as change:
        for incident, event in changed:
            if incident.is_muted(now):
                continue
            hearing = [reach.name for reach in reaches if is_in(incident.domain, reach.domains)]
            put = [_put(change, name, incident, event, now) for name in hearing]
            if any(put):
                told.append(incident.number)
    return told


def _put(change: sqlite3.Connection, channel: str, incident: Incident, event: Event, now: float) -> bool:
    if event is Event.CLOSED:
        before = change.execute(
            "DELETE FROM outbox WHERE channel = ? AND incident = ? AND event <> ?", (channel, incident.number, event)
        )
        if before.rowcount or incident.code.is_event:
            return False
    at = now if event is Event.REMINDER else now + BATCH_SECONDS
    change.execute("INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?)", (channel, incident.number, event, at))
    return True


def due_reminders(control: Control, now: float) -> list[IncidentChange]:
    """Conditions that are open, were told long ago, and nobody acknowledged. Raises `ControlError`."""
    return [
        IncidentChange(each, Event.REMINDER)
        for each in incidents(control, only_open=True)
        if each.state(now) == "open" and not each.code.is_event and each.told and now - each.told >= REMIND_SECONDS
    ]


def take(control: Control, channel: str, now: float) -> list[Waiting]:
    """What to tell now, all that waits together; nothing while it is too early. Raises `ControlError`."""
    record = read_channel(control, channel)
    if now < record.next_try or (not record.tries and now < record.last_sent + BATCH_SECONDS):
        return []
    rows = control.ask("SELECT incident, event, at FROM outbox WHERE channel = ? ORDER BY at, incident", [channel])
    if not rows or rows[0][2] > now:
        return []
    known = {each.number: each for each in incidents(control)}
    found = [Waiting(known[number], Event(event), at) for number, event, at in rows if number in known]
    return [each for each in found if not each.incident.is_muted(now)][:MAX_REPORTED]


def note_sent(control: Control, channel: str, waiting: Sequence[Waiting], now: float) -> None:
    """They are told. Raises `ControlError`."""
    record = read_channel(control, channel)
    with control.change() as change:
        _forget(change, channel, waiting)
        _write(change, replace(record, sent=record.sent + 1, last_sent=now, tries=0, next_try=0.0))


def note_failed(control: Control, channel: str, waiting: Sequence[Waiting], error: str, now: float) -> ChannelRecord:
    """The other side took nothing: later again, and not for ever. Raises `ControlError`."""
    record = read_channel(control, channel)
    old = [each for each in waiting if now - each.at > GIVE_UP_SECONDS]
    pause = RETRY_SECONDS[min(record.tries, len(RETRY_SECONDS) - 1)]
    record = replace(
        record,
        failed=record.failed + 1,
        lost=record.lost + len(old),
        last_error=error[:300],
        last_error_at=now,
        tries=record.tries + 1,
        next_try=now + pause,
    )
    with control.change() as change:
        _forget(change, channel, old)
        _write(change, record)
    return record


def note_trouble(control: Control, channel: str, error: str, now: float) -> None:
    """It was told, but not to everybody. Raises `ControlError`."""
    record = read_channel(control, channel)
    with control.change() as change:
        _write(change, replace(record, failed=record.failed + 1, last_error=error[:300], last_error_at=now))


def keep_channels(control: Control, names: Sequence[str], now: float) -> None:
    """These there are, and no others: what waits for others is dropped, and what is muted. Raises `ControlError`."""
    muted = [each.number for each in incidents(control) if each.is_muted(now)]
    with control.change() as change:
        marks = ", ".join("?" * len(names))
        change.execute(f"DELETE FROM outbox WHERE channel NOT IN ({marks})", tuple(names))
        change.execute(f"DELETE FROM channels WHERE name NOT IN ({marks})", tuple(names))
        change.executemany(
            "INSERT OR IGNORE INTO channels VALUES (?, ?)",
            [(name, msgspec.json.encode(ChannelRecord(name=name))) for name in names],
        )
        change.executemany("DELETE FROM outbox WHERE incident = ?", [(number,) for number in muted])
        change.execute("DELETE FROM outbox WHERE incident NOT IN (SELECT number FROM incidents)")


def read_channel(control: Control, name: str) -> ChannelRecord:
    """How it fares; one that was never used is well. Raises `ControlError`."""
    found = control.ask("SELECT record FROM channels WHERE name = ?", [name])
    return msgspec.json.decode(found[0][0], type=ChannelRecord) if found else ChannelRecord(name=name)


def channels(control: Control) -> list[ChannelRecord]:
    """All that were used, by name. Raises `ControlError`."""
    rows = control.ask("SELECT record FROM channels ORDER BY name")
    return [msgspec.json.decode(record, type=ChannelRecord) for (record,) in rows]


def _forget(change: sqlite3.Connection, channel: str, waiting: Iterable[Waiting]) -> None:
    change.executemany(
        "DELETE FROM outbox WHERE channel = ? AND incident = ? AND event = ?",
        [(channel, each.incident.number, each.event) for each in waiting],
    )


def _write(change: sqlite3.Connection, record: ChannelRecord) -> None:
    change.execute("INSERT OR REPLACE INTO channels VALUES (?, ?)", (record.name, msgspec.json.encode(record)))
