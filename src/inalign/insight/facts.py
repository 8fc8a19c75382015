"""What is known of the mail of a domain before anybody judges it: the sums of report rows.

A `Mail` is everything of one source that looks the same but for its day. The store makes these with one question
(grouped by source, look and day); `gather` makes them from records.
"""

from __future__ import annotations

from msgspec import Struct

from inalign.insight.record_history import RecordChange


class ReportedSignature(Struct, frozen=True, gc=False):
    """A DKIM signature as reporters saw it."""

    domain: str
    selector: str
    """Empty where the reporter does not tell it."""
    result: str

    @property
    def passes(self) -> bool:
        return self.result == "pass"


class SpfIdentity(Struct, frozen=True, gc=False):
    """What SPF was asked about, and its result."""

    domain: str
    helo: bool
    """Whether it was the HELO name, as for bounces."""
    result: str

    @property
    def passes(self) -> bool:
        return self.result == "pass"


FORWARDED, MAILING_LIST, TRUSTED, ARC = "forwarded", "mailing_list", "trusted_forwarder", "arc"
"""Override reasons that speak of an indirect way; the others say nothing about a source."""


class SourceMail(Struct, frozen=True, gc=False):
    """Mail of one source that looks the same: names lower case, words of RFC 8601."""

    header_from: str
    dkim_aligned: bool
    """As the reporter evaluated it; False where it was not told."""
    spf_aligned: bool
    signatures: tuple[ReportedSignature, ...]
    spf: tuple[SpfIdentity, ...]
    reasons: tuple[str, ...]
    """Of the four words above, sorted."""
    days: tuple[tuple[int, int], ...]
    """Ordinal of the day (of `datetime.date`) and messages of it, sorted."""
    slots: tuple[tuple[int, int, int, int], ...] = ()
    """The same by quarter of an hour, in seconds since 1970, and by what became of it: none (or pass), quarantine,
    reject; sorted. Days of any zone are made of these. Empty where only days are known."""

    @property
    def messages(self) -> int:
        return sum(count for _, count in self.days)

    def messages_within(self, first: int, last: int) -> int:
        """Messages of days from one ordinal to another, both included."""
        return sum(count for at, count in self.days if first <= at <= last)


class SourceFacts(Struct, frozen=True, gc=False):
    """An address that sent in the name of the domain."""

    source_ip: str
    mails: tuple[SourceMail, ...]
    reporters: frozenset[str] = frozenset()


class PublishedRecord(Struct, frozen=True, gc=False):
    """A record as reporters saw it, and the first and last day on which they did."""

    p: str
    testing: bool
    """`t=y`, or `pct=0` of RFC 7489."""
    adkim: str
    aspf: str
    first_day: int
    last_day: int


class DomainFacts(Struct, frozen=True):
    """Everything that reports say of a domain and the names below it."""

    domain: str
    sources: tuple[SourceFacts, ...]
    reporters: tuple[tuple[str, int], ...]
    """Who reported, and how many messages."""
    days: tuple[int, ...]
    """Days with reports, sorted."""
    published: tuple[PublishedRecord, ...] = ()
    """By first day; of the domain itself, not of records below it."""
    messages_rfc9990: int = 0
    """How many messages were reported in the form of RFC 9990."""
    record_history: tuple[RecordChange, ...] = ()
    """When the record of the domain itself changed, in days of UTC."""

    @property
    def messages(self) -> int:
        return sum(count for _, count in self.reporters)
