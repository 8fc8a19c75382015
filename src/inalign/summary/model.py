"""What a weekly or monthly summary holds of domains: facts and codes, no sentences, nothing of persons.

`summary/collect` asks the views for them, `summary/document` puts them into words.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from inalign.insight.period import Period
from inalign.insight.record_history import RecordChange
from inalign.insight.rows import BlockingRow, NextRow, QuietRow
from inalign.insight.window import Window


class Figures(Struct, frozen=True, kw_only=True):
    """Messages of a period. What is neither own, forwarded nor unwanted is authenticated mail of others' servers."""

    messages: int = 0
    own: int = 0
    """Of the owner and of services that he uses."""
    own_passed: int = 0
    forwarded: int = 0
    """Passed on by others, and failing for it."""
    unwanted: int = 0
    """Not authenticated, and not known to be wanted by the owner."""
    stopped: int = 0
    """Of these, put into quarantine or refused, as reporters say."""

    @property
    def own_failed(self) -> int:
        return self.own - self.own_passed

    @property
    def delivered(self) -> int:
        """Unwanted mail that reached its recipients."""
        return self.unwanted - self.stopped

    @property
    def own_percent(self) -> float | None:
        """None without own mail."""
        return 100 * self.own_passed / self.own if self.own else None


class SummaryDay(Struct, frozen=True):
    """Messages of a day in the four classes that add up to all of them."""

    day: date
    authenticated: int = 0
    forwarded: int = 0
    failing: int = 0
    unwanted: int = 0

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return (self.authenticated, self.forwarded, self.failing, self.unwanted)


class NewSender(Struct, frozen=True, kw_only=True):
    """A sender whose first messages are of the period."""

    sender: str
    source_class: str
    messages: int
    first_day: date


class Share(Struct, frozen=True):
    """Messages of one of several: a country, a network, a reporter."""

    name: str
    messages: int


class DomainSummary(Struct, frozen=True, kw_only=True):
    """A domain in a period."""

    domain: str
    state: str = "no_data"
    """As the page of domains has it."""
    assessed: bool = True
    """Otherwise its reports have just come, and only their number is known."""
    record: str = ""
    """The DMARC record in force at the end of the period, as reporters saw it; empty before the first report."""
    now: Figures = Figures()
    before: Figures = Figures()
    """Of the period before."""
    days: tuple[SummaryDay, ...] = ()
    next: NextRow | None = None
    blocking: tuple[BlockingRow, ...] = ()
    window: Window | None = None
    """The days, in UTC, that the numbers of `blocking` are of; None in a plan of an older version."""
    quiet: tuple[QuietRow, ...] = ()
    changes: tuple[RecordChange, ...] = ()
    new_senders: tuple[NewSender, ...] = ()
    countries: tuple[Share, ...] = ()
    """Where unwanted mail comes from, the most first; codes of ISO 3166."""
    networks: tuple[Share, ...] = ()
    reporters: tuple[Share, ...] = ()
    """The reporters with the most messages, the largest first."""
    reporter_count: int = 0
    last_day: date | None = None
    """The newest that reports tell of, in the period."""


class Summary(Struct, frozen=True, kw_only=True):
    """The content of a summary."""

    period: Period
    zone: str
    """Whose days these are."""
    made: date
    domains: tuple[DomainSummary, ...]
    """The domains, the one that needs most work first."""

    @property
    def now(self) -> Figures:
        return total(each.now for each in self.domains)

    @property
    def before(self) -> Figures:
        return total(each.before for each in self.domains)


def total(figures: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    names = Figures.__struct_fields__
    found = list(figures)
    return Figures(**{name: sum(getattr(each, name) for each in found) for name in names})
