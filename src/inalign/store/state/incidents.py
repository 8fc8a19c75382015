"""Incidents: what alerts found, from its beginning to its end; and what waits to be told to whom.

An incident is one code, domain and subject. It is opened once, however often it is found again, and closed by itself
when it was not found for a while; what comes back soon is the same incident again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inalign.errors import ParseError
from inalign.insight.detection import EVENT_DAYS, AlertCode, Detection
from inalign.insight.names import is_same_or_below
from inalign.insight.result import Value
from inalign.store.state.control import Control

_K = TypeVar("_K", bound=Struct)
DAY = 86_400.0
CALM_SECONDS = 1 * DAY
"""So long a condition of a domain is not found before it is over."""
CALM_INTAKE_SECONDS = 3_600.0
REOPEN_SECONDS = 7 * DAY
"""What comes back within it is the same incident."""
KEEP_SECONDS = 400 * DAY
"""Closed ones are shown so long."""
MAX_ROWS = 10_000
"""Of closed ones; what outsiders bring about is among them."""


class Event(StrEnum):
    """What is told of an incident."""

    OPENED = "opened"
    CLOSED = "closed"
    REMINDER = "reminder"


class Incident(Struct, frozen=True, kw_only=True):
    """An incident, as it is kept. Times are seconds since 1970; 0: not yet."""

    number: int = 0
    code: AlertCode
    domain: str
    """Empty: of all domains, such as the intake."""
    subject: str
    values: dict[str, Value] = {}
    """Values of the last run that found the incident."""
    opened: float
    seen: float
    closed: float = 0.0
    days: int = 1
    """Days on which it was found."""
    calm: float = 0.0
    """Since when it is not found any more."""
    told: float = 0.0
    """When a message about it was last put on its way."""
    acknowledged: str = ""
    """Who knows of it: no reminders."""
    muted_until: float = 0.0

    def is_muted(self, now: float) -> bool:
        """Whether nothing is told of it."""
        return self.muted_until > now

    def state(self, now: float) -> str:
        """Return `closed`, `muted`, `acknowledged` or `open`, as of `now`."""
        if self.closed:
            return "closed"
        if self.is_muted(now):
            return "muted"
        return "acknowledged" if self.acknowledged else "open"


class IncidentChange(NamedTuple):
    """What became of an incident."""

    incident: Incident
    event: Event


_COLUMNS = "number, record"


def note_findings(control: Control, domain: str, findings: Iterable[Detection], now: float) -> list[IncidentChange]:
    """Open what is new, keep what is found again, close what is over. Raises `ControlError`."""
    changed: list[IncidentChange] = []
    with control.change() as change:
        opened = {(each.code, each.subject): each for each in _of_domain(change, domain)}
        for finding in findings:
            old = opened.pop((finding.code, finding.subject), None)
            if old is not None:
                _write(change, _seen_again(old, finding, now))
            elif finding.firm:
                changed.append(IncidentChange(_open(change, domain, finding, now), Event.OPENED))
        for old in opened.values():
            calm = old if old.calm else replace(old, calm=now)
            if now - calm.calm >= _calm_seconds(old):
                calm = replace(calm, closed=now)
                changed.append(IncidentChange(calm, Event.CLOSED))
            _write(change, calm)
    return changed


def close_calm(control: Control, now: float) -> list[IncidentChange]:
    """Close what was not found for long enough, and forget what was closed long ago. Raises `ControlError`."""
    changed = []
    with control.change() as change:
        for each in _decoded(change.execute(f"SELECT {_COLUMNS} FROM incidents WHERE closed = 0")):
            is_past = each.code.is_event and now - each.seen > EVENT_DAYS * DAY  # and nobody looked since
            if is_past or (each.calm and now - each.calm >= _calm_seconds(each)):
                changed.append(IncidentChange(replace(each, closed=now), Event.CLOSED))
                _write(change, changed[-1].incident)
        change.execute("DELETE FROM incidents WHERE closed > 0 AND closed < ?", (now - KEEP_SECONDS,))
        change.execute(
            "DELETE FROM incidents WHERE number IN "
            "(SELECT number FROM incidents WHERE closed > 0 ORDER BY closed DESC LIMIT -1 OFFSET ?)",
            (MAX_ROWS,),
        )
    return changed


def incidents(control: Control, scope: Sequence[str] | None = None, *, only_open: bool = False) -> list[Incident]:
    """All, the newest first; `scope`: of these domains and names below. Raises `ControlError`."""
    where = " WHERE closed = 0" if only_open else ""
    rows = control.ask(f"SELECT {_COLUMNS} FROM incidents{where} ORDER BY number DESC")
    return [each for each in _decoded(rows) if is_in(each.domain, scope)]


def open_incidents(control: Control, scope: Sequence[str] | None, now: float) -> list[Incident]:
    """Those that somebody should look at: neither closed, nor muted, nor acknowledged; the newest first."""
    return [each for each in incidents(control, scope, only_open=True) if each.state(now) == "open"]


def is_in(domain: str, scope: Sequence[str] | None) -> bool:
    """Whether a scope has it; what is of all domains is for those who may see all."""
    return scope is None or (bool(domain) and any(is_same_or_below(domain, name) for name in scope))


def mute(control: Control, number: int, until: float, scope: Sequence[str] | None = None) -> Incident:
    """Tell nothing of it until then, also when it ends and comes back. Raises `ParseError` where there is none."""
    return _change_one(control, number, scope, lambda each: replace(each, muted_until=until))


def acknowledge(control: Control, number: int, who: str, scope: Sequence[str] | None = None) -> Incident:
    """Somebody knows: no reminders, and not on top of the first page. Raises `ParseError` where there is none."""
    return _change_one(control, number, scope, lambda each: replace(each, acknowledged=who))


def mark_reported(control: Control, numbers: Iterable[int], now: float) -> None:
    """Messages about these are on their way. Raises `ControlError`."""
    with control.change() as change:
        for number in numbers:
            for each in _decoded(change.execute(f"SELECT {_COLUMNS} FROM incidents WHERE number = ?", (number,))):
                _write(change, replace(each, told=now))


def read_known(control: Control, domain: str, kind: type[_K]) -> _K | None:
    """What was known of a domain when it was last looked at. Raises `ControlError`."""
    found = control.ask("SELECT known FROM watched WHERE domain = ?", [domain])
    try:
        return msgspec.json.decode(found[0][0], type=kind) if found else None
    except msgspec.DecodeError:
        return None  # of an older form: learnt anew


def write_known(control: Control, domain: str, known: Struct, now: float) -> None:
    """Keep it. Raises `ControlError`."""
    with control.change() as change:
        change.execute("INSERT OR REPLACE INTO watched VALUES (?, ?, ?)", (domain, now, msgspec.json.encode(known)))


def _of_domain(change: sqlite3.Connection, domain: str) -> Iterator[Incident]:
    asked = f"SELECT {_COLUMNS} FROM incidents WHERE closed = 0 AND domain = ?"
    return _decoded(change.execute(asked, (domain,)))


def _open(change: sqlite3.Connection, domain: str, finding: Detection, now: float) -> Incident:
    key = (str(finding.code), domain, finding.subject)
    asked = (
        f"SELECT {_COLUMNS} FROM incidents WHERE code = ? AND domain = ? AND subject = ? ORDER BY number DESC LIMIT 1"
    )
    for old in _decoded(change.execute(asked, key)):
        if now - old.closed <= REOPEN_SECONDS or old.is_muted(now):
            again = replace(_seen_again(old, finding, now), closed=0.0, acknowledged="")
            _write(change, again)
            return again
    fresh = Incident(
        code=finding.code, domain=domain, subject=finding.subject, values=finding.values, opened=now, seen=now
    )
    number = change.execute(
        "INSERT INTO incidents (code, domain, subject, closed, record) VALUES (?, ?, ?, 0, ?)",
        (*key, msgspec.json.encode(fresh)),
    ).lastrowid
    return replace(fresh, number=number or 0)


def _seen_again(old: Incident, finding: Detection, now: float) -> Incident:
    is_other_day = int(now // DAY) != int(old.seen // DAY)
    return replace(old, values=finding.values, seen=now, days=old.days + is_other_day, calm=0.0)


def _calm_seconds(incident: Incident) -> float:
    if incident.code.is_event:
        return 0.0
    return CALM_SECONDS if incident.domain else CALM_INTAKE_SECONDS


def _change_one(
    control: Control, number: int, scope: Sequence[str] | None, make: Callable[[Incident], Incident]
) -> Incident:
    with control.change() as change:
        for each in _decoded(change.execute(f"SELECT {_COLUMNS} FROM incidents WHERE number = ?", (number,))):
            if is_in(each.domain, scope):
                changed = make(each)
                _write(change, changed)
                return changed
    raise ParseError(f"there is no incident {number}")


def _write(change: sqlite3.Connection, incident: Incident) -> None:
    change.execute(
        "UPDATE incidents SET closed = ?, record = ? WHERE number = ?",
        (incident.closed, msgspec.json.encode(incident), incident.number),
    )


def _decoded(rows: Iterable[tuple[int, bytes]]) -> Iterator[Incident]:
    for number, record in list(rows):
        yield replace(msgspec.json.decode(record, type=Incident), number=number)


def moment(seconds: float) -> datetime | None:
    """A time for rows; None for 0."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
