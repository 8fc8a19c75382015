"""The tables of pages: the view each asks, and its columns in their order, each with its format."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from msgspec import Struct

    from inalign.web.words import Words


class CellFormat(StrEnum):
    """How the values of a column are shown."""

    TEXT = auto()
    NUMBER = auto()
    DAY = auto()
    BAR = auto()
    """A share in percent, as a bar with its number."""
    SHARE = auto()
    COUNT_AND_SHARE = auto()
    """For a column `x_share`: the count `x` with the share `x_percent`."""
    MILLISECONDS = auto()
    """A number of microseconds, in milliseconds."""
    CODE = auto()
    """A code that has a word in each language."""
    PAIRS = auto()
    """A list of what belongs together, such as a domain, a selector and a result."""
    FLAGS = auto()
    COUNTED_REASONS = auto()
    REPORT_LINK = auto()


class TableColumn(NamedTuple):
    """A column of a table."""

    name: str
    format: CellFormat
    words: str = ""
    """The table of the words of its codes."""

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, which are aligned to the right."""
        return self.format in NUMERIC


NUMERIC = frozenset({CellFormat.NUMBER, CellFormat.SHARE, CellFormat.COUNT_AND_SHARE, CellFormat.MILLISECONDS})


class PageTable(NamedTuple):
    """A table of a page. One without columns is shown in another form than a table."""

    view: str
    columns: tuple[TableColumn, ...]


def _of(format_: CellFormat) -> Callable[..., tuple[TableColumn, ...]]:
    """Return a function that makes columns of one format of their names."""
    return lambda *names: tuple(TableColumn(name, format_) for name in names)


text = _of(CellFormat.TEXT)
number = _of(CellFormat.NUMBER)
day = _of(CellFormat.DAY)
bar = _of(CellFormat.BAR)
share = _of(CellFormat.SHARE)
count_and_share = _of(CellFormat.COUNT_AND_SHARE)
milliseconds = _of(CellFormat.MILLISECONDS)
pairs = _of(CellFormat.PAIRS)
flags = _of(CellFormat.FLAGS)
counted_reasons = _of(CellFormat.COUNTED_REASONS)
report_link = _of(CellFormat.REPORT_LINK)


def code(name: str, words: str) -> TableColumn:
    """Make a column of codes, whose words are in a table of the catalogue."""
    return TableColumn(name, CellFormat.CODE, words)


OVERVIEW = PageTable("overview", ())
DOMAINS = PageTable("domains", ())
CLASS_DAYS = PageTable(
    "classes",
    (
        *day("day"),
        *number(
            "messages",
            "authenticated",
            "forwarded",
            "failing",
            "unwanted",
            "unwanted_none",
            "unwanted_quarantine",
            "unwanted_reject",
        ),
    ),
)
OUTCOME_DAYS = PageTable(
    "days",
    (
        *day("day"),
        *number("messages", "none", "quarantine", "reject"),
        *bar("passed_percent"),
    ),
)
PUBLISHED = PageTable("published", ())
LOOKED_UP = PageTable("records", ())
FINDINGS = PageTable("findings", ())
COUNTRIES = PageTable("countries", ())
PLAN = PageTable("plan", ())
SUBDOMAINS = PageTable(
    "subdomains",
    (
        *text("header_from"),
        code("in_dns", "in_dns"),
        *text("policy"),
        code("policy_from", "policy_from"),
        *text("discovery_method"),
        *number("messages"),
        *bar("passed_percent"),
        code("suggestion", "suggestion"),
        *day("last_day"),
    ),
)
REPORTERS = PageTable(
    "reporters",
    (
        *text("reporter"),
        *number("reports", "messages"),
        *bar("passed_percent"),
        *number("none"),
        *share("none_percent"),
        *number("quarantine"),
        *share("quarantine_percent"),
        *number("reject"),
        *share("reject_percent"),
        *number("flaws", "delay_hours"),
        *day("last_day"),
    ),
)
QUALITY = PageTable(
    "reporter-quality",
    (
        *text("reporter"),
        *flags("flags"),
        *number("reports", "messages"),
        *count_and_share("none_share", "quarantine_share", "reject_share"),
        *counted_reasons("override_reasons"),
        *number("delay_hours"),
        *day("last_day"),
    ),
)
OVERRIDES = PageTable(
    "overrides",
    (
        code("type", "reason"),
        *text("comment"),
        *number("messages", "records"),
        *day("first_day", "last_day"),
    ),
)
REPORTS = PageTable(
    "reports",
    (
        *day("day"),
        *text("kind", "reporter", "domain"),
        *report_link("report_key"),
        *number("messages", "passed", "flaw_count"),
        *text("carrier", "begin_at", "end_at"),
    ),
)
RECORDS = PageTable(
    "report",
    (
        *text("source_ip", "as_name", "country"),
        *number("count"),
        *text("disposition", "dkim_aligned", "spf_aligned", "header_from", "envelope_from"),
        *pairs("dkim", "spf", "reasons"),
    ),
)
FAILURE_GROUPS = PageTable(
    "failures",
    (
        *text("domain", "source_ip", "as_name", "country", "auth_failure", "header_from"),
        *number("incidents", "reporters"),
        *day("last_day"),
    ),
)
FAILURES = PageTable(
    "failure-reports",
    (
        *text(
            "arrived_at",
            "domain",
            "source_ip",
            "host",
            "auth_failure",
            "display_name",
            "message_id",
            "reporter",
            "agent",
        ),
    ),
)
TLS = PageTable(
    "tls",
    (
        *text("domain", "policy_type", "result_type"),
        *number("sessions", "reports", "reporters"),
        *day("first_day", "last_day"),
    ),
)
TLS_DAYS = PageTable(
    "tls-days",
    (
        *day("day"),
        *number("successful", "failed", "reports"),
    ),
)
TLS_FAILURES = PageTable(
    "tls-failures",
    (
        *text("domain", "policy_type", "result_type", "receiving_mx"),
        *number("sessions", "sending_addresses"),
        *text("reporter", "reason_code"),
        *day("first_day", "last_day"),
    ),
)
HEALTH = PageTable(
    "health",
    (
        *text("reporter", "kind"),
        *number("reports", "rhythm_days"),
        *day("last_day"),
        *number("silent_days"),
        *text("is_silent"),
        *number("flaws"),
    ),
)
CONFLICTS = PageTable(
    "conflicts",
    (
        *report_link("report_key"),
        *text("reporter", "domain", "report_id", "received_at"),
        *number("messages"),
        *text("source"),
    ),
)
FORGED = PageTable(
    "forged",
    (
        *day("day"),
        *text("reporter", "domain"),
        *report_link("report_key"),
        *number("messages"),
        *text("carrier_reason", "source"),
    ),
)
EVALUATIONS = PageTable(
    "evaluations",
    (
        *text("seen_at"),
        code("action", "handling"),
        code("rule", "rule"),
        *text("dmarc", "dmarc_reason", "header_from", "source_ip", "spf", "dkim", "arc"),
        *number("held_ms"),
        *text("queue_id"),
    ),
)
MINUTES = PageTable(
    "evaluation-minutes",
    (
        *text("minute"),
        *number("messages", "passed", "failed", "without", "errors", "accepted", "marked", "refused"),
    ),
)
RULES = PageTable(
    "evaluation-rules",
    (
        code("action", "handling"),
        code("rule", "rule"),
        *number("messages", "octets"),
        *milliseconds("mean_held_us", "most_held_us"),
    ),
)
SLOW = PageTable(
    "evaluation-slow",
    (
        *milliseconds("held_us", "total_us"),
        *text("seen_at", "source_ip", "header_from", "dmarc", "dmarc_reason"),
        code("action", "handling"),
        *text("queue_id"),
    ),
)

PAGES: dict[str, tuple[PageTable, ...]] = {
    "reports": (REPORTS,),
}
"""Pages that are tables and nothing else."""


def percent_of(value: float) -> str:
    """Return a share in whole percents; a small one is not 0%, a large one not 100%."""
    if 0 < value < 1:
        return "<1%"
    return ">99%" if 99 < value < 100 else f"{value:.0f}%"


def cell_value(row: Struct, column: TableColumn, words: Words) -> object:
    """Return the value of a column of a row, with words for codes."""
    name = column.name
    if column.format is CellFormat.COUNT_AND_SHARE:
        name = name.removesuffix("_share")
        return f"{getattr(row, name):,} ({percent_of(getattr(row, f'{name}_percent'))})"
    value = getattr(row, name)
    match column.format:
        case CellFormat.CODE:
            return words.maybe(f"{column.words}.{value}", str(value))
        case CellFormat.MILLISECONDS:
            return value / 1000
        case CellFormat.SHARE:
            return percent_of(value)
        case CellFormat.PAIRS:
            return [" ".join(filter(None, each)) for each in value]
        case CellFormat.FLAGS:
            return " · ".join(f"⚠ {words(f'flag.{each}')}" for each in value)
        case CellFormat.COUNTED_REASONS:
            return ", ".join(f"{words.maybe(f'reason.{each}', each)} {count:,}" for each, count in value)
        case CellFormat.REPORT_LINK:
            return words("value.report")
        case _:
            return value
