"""Which question each page asks, and which columns of its rows it shows, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from msgspec import Struct

    from inalign.web.words import Words


class PageTable(NamedTuple):
    """A table of a page."""

    view: str
    columns: tuple[str, ...]


OVERVIEW = PageTable("overview", ())
DOMAINS = PageTable("domains", ())
CLASS_DAYS = PageTable(
    "classes",
    (
        "day", "messages", "authenticated", "forwarded", "failing", "unwanted", "unwanted_none",
        "unwanted_quarantine", "unwanted_reject",
    ),
)  # fmt: skip
OUTCOME_DAYS = PageTable("days", ("day", "messages", "none", "quarantine", "reject", "passed_percent"))
PUBLISHED = PageTable("published", ())
LOOKED_UP = PageTable("records", ())
FINDINGS = PageTable("findings", ())
COUNTRIES = PageTable("countries", ())
PLAN = PageTable("plan", ())
"""Those without columns are shown in another form than a table of theirs."""
SUBDOMAINS = PageTable(
    "subdomains",
    (
        "header_from", "in_dns", "policy", "policy_from", "discovery_method", "messages", "passed_percent",
        "suggestion", "last_day",
    ),
)  # fmt: skip
REPORTERS = PageTable(
    "reporters",
    (
        "reporter", "reports", "messages", "passed_percent", "none", "none_percent", "quarantine", "quarantine_percent",
        "reject", "reject_percent", "flaws", "delay_hours", "last_day",
    ),
)  # fmt: skip
QUALITY = PageTable(
    "reporter-quality",
    (
        "reporter", "flags", "reports", "messages", "none_share", "quarantine_share", "reject_share",
        "override_reasons", "delay_hours", "last_day",
    ),
)  # fmt: skip
OVERRIDES = PageTable("overrides", ("type", "comment", "messages", "records", "first_day", "last_day"))
REPORTS = PageTable(
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
RECORDS = PageTable(
    "report",
    (
        "source_ip", "as_name", "country", "count", "disposition", "dkim_aligned", "spf_aligned", "header_from",
        "envelope_from", "dkim", "spf", "reasons",
    ),
)  # fmt: skip
FAILURE_GROUPS = PageTable(
    "failures",
    ("domain", "source_ip", "as_name", "country", "auth_failure", "header_from", "incidents", "reporters", "last_day"),
)
FAILURES = PageTable(
    "failure-reports",
    (
        "arrived_at", "domain", "source_ip", "host", "auth_failure", "display_name", "message_id", "reporter", "agent",
    ),
)  # fmt: skip
TLS = PageTable(
    "tls", ("domain", "policy_type", "result_type", "sessions", "reports", "reporters", "first_day", "last_day")
)
TLS_DAYS = PageTable("tls-days", ("day", "successful", "failed", "reports"))
TLS_FAILURES = PageTable(
    "tls-failures",
    (
        "domain", "policy_type", "result_type", "receiving_mx", "sessions", "sending_addresses", "reporter",
        "reason_code", "first_day", "last_day",
    ),
)  # fmt: skip
HEALTH = PageTable(
    "health", ("reporter", "kind", "reports", "rhythm_days", "last_day", "silent_days", "is_silent", "flaws")
)
CONFLICTS = PageTable(
    "conflicts", ("report_key", "reporter", "domain", "report_id", "received_at", "messages", "source")
)
FORGED = PageTable("forged", ("day", "reporter", "domain", "report_key", "messages", "carrier_reason", "source"))
EVALUATIONS = PageTable(
    "evaluations",
    (
        "seen_at", "action", "rule", "dmarc", "dmarc_reason", "header_from", "source_ip", "spf", "dkim", "arc",
        "held_ms", "queue_id",
    ),
)  # fmt: skip
MINUTES = PageTable(
    "evaluation-minutes",
    ("minute", "messages", "passed", "failed", "without", "errors", "accepted", "marked", "refused"),
)
RULES = PageTable("evaluation-rules", ("action", "rule", "messages", "octets", "mean_held_us", "most_held_us"))
SLOW = PageTable(
    "evaluation-slow",
    ("held_us", "total_us", "seen_at", "source_ip", "header_from", "dmarc", "dmarc_reason", "action", "queue_id"),
)

PAGES: dict[str, tuple[PageTable, ...]] = {
    "reports": (REPORTS,),
}
"""Pages that are tables and nothing else."""

PAIRS = frozenset({"dkim", "spf", "reasons"})
"""Columns with lists of what belongs together."""
BARS = frozenset({"passed_percent", "dkim_percent", "spf_percent"})
SHARES = frozenset({"none_percent", "quarantine_percent", "reject_percent"})
NUMBERS = frozenset(
    {
        "none_share", "quarantine_share", "reject_share",
        "messages", "reports", "reporters", "passed", "none", "quarantine", "reject", "flaws", "delay_hours",
        "records", "successful", "failed", "sending_addresses", "without", "errors", "accepted", "marked", "refused",
        "octets", "mean_held_us", "most_held_us", "held_us", "total_us", "held_ms", "flaw_count", "count",
        "incidents", "sessions", "rhythm_days", "silent_days", "total_ms", "by_both", "by_dkim", "by_spf",
        "by_neither", "authenticated", "forwarded", "failing", "unwanted", "unwanted_none", "unwanted_quarantine",
        "unwanted_reject",
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


COUNT_AND_SHARE = frozenset({"none_share", "quarantine_share", "reject_share"})
"""Columns with a count, and its share of the messages."""
WORDED = {
    "in_dns": "in_dns",
    "policy_from": "policy_from",
    "suggestion": "suggestion",
    "rule": "rule",
    "type": "reason",
    "action": "handling",
}
"""Columns with codes, and the table of their words."""


def percent_of(value: float) -> str:
    """A share: small ones are not nothing, large ones not all."""
    if 0 < value < 1:
        return "<1%"
    return ">99%" if 99 < value < 100 else f"{value:.0f}%"


def worded(words: Words) -> Callable[[Struct, str], object]:
    """`value`, with codes of ours in words."""

    def found(row: Struct, column: str) -> object:
        if column in WORDED:
            code = str(getattr(row, column))
            return words.maybe(f"{WORDED[column]}.{code}", code)
        if column == "flags":
            return " · ".join(f"⚠ {words(f'flag.{code}')}" for code in getattr(row, column))
        if column.endswith("_us"):
            return getattr(row, column) / 1000
        if column in COUNT_AND_SHARE:
            name = column.removesuffix("_share")
            return f"{getattr(row, name):,} ({percent_of(getattr(row, f'{name}_percent'))})"
        if column == "override_reasons":
            told = [(words.maybe(f"reason.{code}", code), count) for code, count in getattr(row, column)]
            return ", ".join(f"{word} {count:,}" for word, count in told)
        return value(row, column)

    return found
