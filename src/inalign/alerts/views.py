"""The question `incidents`: what alerts found, the open ones first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from inalign.insight.names import is_same_or_below
from inalign.insight.result import Value
from inalign.store.queries.filters import Filters
from inalign.store.queries.view import ViewAnswer, page_of
from inalign.store.state.control import Control
from inalign.store.state.incidents import Incident, incidents, moment


class IncidentRow(Struct, frozen=True, kw_only=True):
    """An incident."""

    number: int
    code: str
    domain: str
    """Empty: of all domains, such as the intake of reports."""
    about: str
    """What it is about: a sender, a selector, a name, a record."""
    state: str
    """open, acknowledged, muted or closed."""
    values: Mapping[str, Value]
    """Those of the sentence of the code, as last seen."""
    opened_at: datetime | None
    seen_at: datetime | None
    closed_at: datetime | None
    days: int
    """Days on which it was found."""
    acknowledged_by: str
    muted_until: datetime | None


def ask_incidents(control: Control, filters: Filters, *, now: float | None = None) -> ViewAnswer[IncidentRow]:
    """Open ones first, the newest of each first. Raises `ControlError`, `ParseError`."""
    at = time.time() if now is None else now
    domain = filters.domain.lower().rstrip(".")
    rows = [
        _row(each, at)
        for each in incidents(control, filters.scope)
        if not domain or is_same_or_below(each.domain, domain)
    ]
    return page_of(rows, lambda row: (int(row.state == "closed"), -row.number), IncidentRow, filters)


def _row(each: Incident, now: float) -> IncidentRow:
    return IncidentRow(
        number=each.number,
        code=str(each.code),
        domain=each.domain,
        about=each.subject,
        state=each.state(now),
        values=each.values,
        opened_at=moment(each.opened),
        seen_at=moment(each.seen),
        closed_at=moment(each.closed),
        days=each.days,
        acknowledged_by=each.acknowledged,
        muted_until=moment(each.muted_until) if each.is_muted(now) else None,
    )
