"""What became of a delivery, in numbers: told to whoever brought it."""

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


class Receipt(Struct):
    """Sums over one item, or over many (design section 10: what `inalign ingest --json` ends with)."""

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
    refused: list[Refusing] = []
    seconds: float = 0.0

    def add(self, other: Receipt) -> None:
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


def receipt_of(outcome: ItemOutcome) -> Receipt:
    """The numbers of one item."""
    return Receipt(
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
