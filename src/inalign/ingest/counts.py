"""Counts of what one load did with the deliveries it was given."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from inalign.ingest.loader import ItemOutcome


class Refusing(Struct, frozen=True):
    """A file, and why it or a part of it is no report."""

    file: str
    reason: str


class ReportCounts(Struct):
    """Reports by kind."""

    aggregate: int = 0
    failure: int = 0
    tls: int = 0
    abuse: int = 0


class LoadResult(Struct):
    """Counts of one item, or the sums of many; `inalign ingest --json` prints the sums at its end."""

    files: int = 0
    mails: int = 0
    reports: ReportCounts = msgspec.field(default_factory=ReportCounts)
    """Stored now, and counted."""
    records: int = 0
    messages: int = 0
    duplicates: int = 0
    conflicts: int = 0
    forged: int = 0
    mended: int = 0
    """Reports with flaws that the parser repaired."""
    refused: list[Refusing] = []
    seconds: float = 0.0

    def add(self, other: LoadResult) -> None:
        """Add another one's numbers."""
        self.files += other.files
        self.mails += other.mails
        for kind in ReportCounts.__struct_fields__:
            setattr(self.reports, kind, getattr(self.reports, kind) + getattr(other.reports, kind))
        self.records += other.records
        self.messages += other.messages
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.forged += other.forged
        self.mended += other.mended
        self.refused += other.refused


def load_result(outcome: ItemOutcome) -> LoadResult:
    """Count what an outcome stored, refused and found to be there already."""
    return LoadResult(
        mails=int(outcome.is_mail),
        reports=ReportCounts(**outcome.stored),
        records=outcome.records,
        messages=outcome.messages,
        duplicates=outcome.duplicates,
        conflicts=outcome.conflicts,
        forged=outcome.forged,
        mended=outcome.mended,
        refused=[Refusing(outcome.item.label, f"{each.code}: {each.detail}") for each in outcome.refused],
    )
