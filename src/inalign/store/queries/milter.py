"""What the milter did: minute by minute, by rule, and where it was slow."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page

MINUTE = 60


class MinuteRow(Struct, frozen=True):
    """A minute with messages: verdicts of DMARC, and what was done."""

    minute: datetime | None
    messages: int
    passed: int
    failed: int
    without: int
    """No policy, or no author domain."""
    errors: int
    """DNS did not answer, or a record that cannot be read."""
    accepted: int
    marked: int
    """Quarantined, or held in the queue."""
    refused: int
    """For now or for good, or discarded."""


def minutes(engine: Engine, filters: Filters) -> ViewAnswer[MinuteRow]:
    """Return what the milter did in each minute that matches `filters`, the newest minute first."""
    where, parameters = condition(filters)
    of = {
        "passed": "t.dmarc = 'pass'",
        "failed": "t.dmarc = 'fail'",
        "errors": "t.dmarc IN ('temperror', 'permerror')",
        "accepted": "t.action = 'accept'",
        "marked": "t.action IN ('quarantine', 'hold')",
        "refused": "t.action IN ('tempfail', 'reject', 'discard')",
    }
    sums = {name: f"sum(CASE WHEN {what} THEN 1 ELSE 0 END)" for name, what in of.items()}
    sql = (
        f"SELECT t.seen_at - t.seen_at % {MINUTE:d} AS minute, count(*) AS messages, "
        f"{', '.join(f'{text} AS {name}' for name, text in sums.items())}, "
        f"count(*) - {sums['passed']} - {sums['failed']} - {sums['errors']} AS without "
        f"FROM evaluations AS t WHERE {where} GROUP BY t.seen_at - t.seen_at % {MINUTE:d}"
    )
    return page(engine, filters, ViewQuery(sql, parameters, MinuteRow, (Order("minute", True),)))


class RuleRow(Struct, frozen=True):
    """What was done, and by which rule."""

    action: str
    rule: str
    messages: int
    octets: int
    mean_held_us: int
    most_held_us: int
    """Microseconds that the mail server waited at the end of a message; nearly all of it for DNS."""


def rules(engine: Engine, filters: Filters) -> ViewAnswer[RuleRow]:
    """The most frequent first."""
    where, parameters = condition(filters)
    sql = (
        "SELECT t.action AS action, t.rule AS rule, count(*) AS messages, sum(t.octets) AS octets, "
        "CAST(avg(t.held_ms) * 1000 AS BIGINT) AS mean_held_us, CAST(max(t.held_ms) * 1000 AS BIGINT) AS most_held_us "
        f"FROM evaluations AS t WHERE {where} GROUP BY t.action, t.rule"
    )
    order = (Order("messages", True), Order("action"), Order("rule"))
    return page(engine, filters, ViewQuery(sql, parameters, RuleRow, order))


class SlowRow(Struct, frozen=True):
    """A message, and how long it took."""

    id: str
    held_us: int
    total_us: int
    """From MAIL to the decision, what the client took to send included."""
    seen_at: datetime | None
    host: str
    queue_id: str
    source_ip: str
    header_from: str
    dmarc: str
    dmarc_reason: str
    action: str
    octets: int


def slowest(engine: Engine, filters: Filters) -> ViewAnswer[SlowRow]:
    """Those for which the mail server waited longest first."""
    where, parameters = condition(filters)
    plain = [name for name in SlowRow.__struct_fields__ if name not in ("held_us", "total_us")]
    sql = (
        f"SELECT {', '.join(f't.{name} AS {name}' for name in plain)}, "
        "CAST(t.held_ms * 1000 AS BIGINT) AS held_us, CAST(t.total_ms * 1000 AS BIGINT) AS total_us "
        f"FROM evaluations AS t WHERE {where}"
    )
    return page(engine, filters, ViewQuery(sql, parameters, SlowRow, (Order("held_us", True), Order("id"))))
