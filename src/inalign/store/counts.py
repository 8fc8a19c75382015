"""What a message counts as, in SQL: the only definitions of "passes" and of the sums by disposition.

The texts name the columns of a table `t`.
"""

from __future__ import annotations

DISPOSITIONS = ("quarantine", "reject")
"""Any other disposition counts as none."""
PASSES = "(t.dkim_aligned = 'pass' OR t.spf_aligned = 'pass')"
"""Whether a record passes DMARC (RFC 9989 section 5.3.4: one aligned identifier is enough)."""


def sum_where(condition: str, column: str = "t.count") -> str:
    """Return the sum of a column over the rows that meet a condition."""
    return f"sum(CASE WHEN {condition} THEN {column} ELSE 0 END)"


STOPPED = tuple(sum_where(f"t.disposition = '{name}'") for name in DISPOSITIONS)
"""Messages in quarantine, and rejected ones."""
COUNTS = ("messages", "passed", "none", "quarantine", "reject")
SUMS_OF_RECORDS = ", ".join(
    f"{sql} AS {name}"
    for name, sql in zip(
        COUNTS,
        ("sum(t.count)", sum_where(PASSES), f"sum(t.count) - {' - '.join(STOPPED)}", *STOPPED),
        strict=True,
    )
)
"""The columns `COUNTS`, from records."""
SUMS_OF_COUNTS = ", ".join(f"sum(t.{name}) AS {name}" for name in COUNTS)
"""The same, from rows that have these columns."""
