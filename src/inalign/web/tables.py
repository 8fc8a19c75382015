"""Which question each page asks, and which columns of its rows it shows, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from msgspec import Struct

    from inalign.web.judged import Badge


class Table(NamedTuple):
    """A table of a page."""

    view: str
    columns: tuple[str, ...]


DOMAINS = Table(
    "domains",
    (
        "domain", "policy", "subdomain_policy", "messages", "passed_percent", "split", "reports", "reporters",
        "last_day",
    ),
)  # fmt: skip
SOURCES = Table(
    "addresses",
    (
        "domain", "source_ip", "as_name", "country", "messages", "passed_percent", "dkim_percent", "spf_percent",
        "split", "reporters", "first_day", "last_day",
    ),
)  # fmt: skip
SENDERS = Table(
    "addresses",
    (
        "source_ip", "source_class", "service", "as_name", "country", "messages", "passed_percent", "dkim_percent",
        "spf_percent", "split", "reporters", "first_day", "last_day",
    ),
)  # fmt: skip
"""Of one domain: `source_class` and `service` are judged, not counted (`judged_value`)."""
SUBDOMAINS = Table("subdomains", ("header_from", "policy", "messages", "passed_percent", "split", "last_day"))
DAYS = Table("days", ("day", "messages", "by_both", "by_dkim", "by_spf", "by_neither", "passed_percent"))
REPORTERS = Table(
    "reporters",
    (
        "reporter", "reports", "messages", "passed_percent", "none", "none_percent", "quarantine", "quarantine_percent",
        "reject", "reject_percent", "flaws", "delay_hours", "last_day",
    ),
)  # fmt: skip
OVERRIDES = Table("overrides", ("type", "comment", "messages", "records", "first_day", "last_day"))
REPORTS = Table(
    "reports",
    (
        "day",
        "kind",
        "reporter",
        "domain",
        "report_key",
        "messages",
        "passed",
        "flaw_count",
        "carrier",
        "begin_at",
        "end_at",
    ),
)
RECORDS = Table(
    "report",
    (
        "source_ip", "as_name", "country", "count", "disposition", "dkim_aligned", "spf_aligned", "header_from",
        "envelope_from", "dkim", "spf", "reasons",
    ),
)  # fmt: skip
FAILURE_GROUPS = Table(
    "failures",
    ("domain", "source_ip", "as_name", "country", "auth_failure", "header_from", "incidents", "reporters", "last_day"),
)
FAILURES = Table(
    "failure-reports",
    ("arrived_at", "domain", "source_ip", "as_name", "auth_failure", "header_from", "message_id", "reporter"),
)
TLS = Table(
    "tls", ("domain", "policy_type", "result_type", "sessions", "reports", "reporters", "first_day", "last_day")
)
HEALTH = Table(
    "health", ("reporter", "kind", "reports", "rhythm_days", "last_day", "silent_days", "is_silent", "flaws")
)
CONFLICTS = Table("conflicts", ("report_key", "reporter", "domain", "report_id", "received_at", "messages", "source"))
FORGED = Table("forged", ("day", "reporter", "domain", "report_key", "messages", "carrier_reason", "source"))
EVALUATIONS = Table(
    "evaluations",
    (
        "seen_at", "queue_id", "source_ip", "header_from", "spf", "dkim", "arc", "dmarc",
        "dmarc_reason", "disposition", "action", "rule", "total_ms",
    ),
)  # fmt: skip

PAGES: dict[str, tuple[Table, ...]] = {
    "reporters": (REPORTERS, OVERRIDES),
    "reports": (REPORTS,),
    "failures": (FAILURE_GROUPS, FAILURES),
    "tls": (TLS,),
    "milter": (EVALUATIONS,),
}
"""Pages that are tables and nothing else."""

PAIRS = frozenset({"dkim", "spf", "reasons"})
"""Columns with lists of what belongs together."""
BARS = frozenset({"passed_percent", "dkim_percent", "spf_percent"})
SHARES = frozenset({"none_percent", "quarantine_percent", "reject_percent"})
NUMBERS = frozenset(
    {
        "messages", "reports", "reporters", "passed", "none", "quarantine", "reject", "flaws", "delay_hours", "records",
        "flaw_count", "count", "incidents", "sessions", "rhythm_days", "silent_days", "total_ms", "by_both", "by_dkim",
        "by_spf", "by_neither",
    }
)  # fmt: skip


class Dispositions(NamedTuple):
    """What was done with the messages of a row, for a split bar: where each part begins and how wide it is."""

    none: float
    quarantine: float
    reject: float


def value(row: Struct, column: str) -> object:
    """The value of a column."""
    if column == "split":
        parts = [getattr(row, name) for name in Dispositions._fields]
        whole = sum(parts) or 1
        return Dispositions(*[100.0 * part / whole for part in parts])
    if column in PAIRS:
        return [" ".join(filter(None, each)) for each in getattr(row, column)]
    return getattr(row, column)


def judged_value(badges: Mapping[tuple[str, str], Badge]) -> Callable[[Struct, str], object]:
    """`value`, with what is judged of an address beside what is counted of it."""

    def found(row: Struct, column: str) -> object:
        if column not in ("source_class", "service"):
            return value(row, column)
        badge = badges.get((str(value(row, "domain")), str(value(row, "source_ip"))))
        return badge.service if badge and column == "service" else badge

    return found


def worst_first(rows: Sequence[Struct]) -> list[Struct]:
    """Domains by how many of their messages did not pass."""
    return sorted(rows, key=lambda row: row.passed - row.messages)  # type: ignore[attr-defined]  # rows of domains
