"""How mail is spread over time: steadily, or in bursts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from inalign.insight.rules.thresholds import (
    DAILY,
    MAX_SILENCE,
    MAX_SMALL,
    MAX_TOP_SHARE,
    MAX_TRICKLE,
    MAX_TRICKLE_SILENCE,
    MAX_UNEVEN,
    MIN_DAYS,
    MIN_RUNS,
    MIN_SILENCE,
    RUN_GAP,
    STEADY_DAYS,
)


@dataclass(frozen=True, slots=True)
class SendingPattern:
    """Of the days of the whole window."""

    days: int
    span: int
    top_share: float
    """Share of the five busiest days."""
    messages: int
    silence: int
    """The longest silence between two days, or from the last day to the end of the window."""

    is_cyclic: bool
    """Comes in runs with even pauses between them."""

    @property
    def per_day(self) -> float:
        """Messages on a day on which there are any."""
        return self.messages / self.days if self.days else 0.0

    @property
    def is_steady(self) -> bool:
        """Seen often, without bursts and long silences. A source that began late is measured from its beginning."""
        return (
            self.days >= MIN_DAYS
            and self.days >= STEADY_DAYS * self.span
            and (self.top_share <= MAX_TOP_SHARE or self.days <= 2 * MIN_DAYS)
            and self.silence <= max(MIN_SILENCE, MAX_SILENCE * self.span)
        )

    @property
    def comes_back(self) -> bool:
        """Seen on several days without long silences, or in a cycle: seldom, but again and again."""
        return self.is_cyclic or (self.days >= MIN_DAYS and self.silence <= max(MIN_SILENCE, MAX_SILENCE * self.span))

    @property
    def trickles(self) -> bool:
        """A few messages now and then, as web forms and customers' forwarding give."""
        few = self.days >= MIN_DAYS and self.per_day <= MAX_TRICKLE
        return few and self.silence <= max(MIN_SILENCE, MAX_TRICKLE_SILENCE * self.span)

    @property
    def is_daily(self) -> bool:
        """Seen on most days, week-ends apart: more than campaigns that follow each other give."""
        return self.is_steady and self.days >= 2 * MIN_DAYS and self.days >= DAILY * self.span

    @property
    def is_burst(self) -> bool:
        """Much on a few days, as campaigns are."""
        weekly = self.days >= MIN_DAYS and self.silence <= MIN_SILENCE
        return self.per_day > MAX_TRICKLE and not (self.is_steady or weekly)

    @property
    def is_small(self) -> bool:
        """Steady or a trickle, and never much."""
        return self.trickles or (self.is_steady and self.per_day <= MAX_SMALL)


def pattern_of(days: Mapping[int, int], last_day: int) -> SendingPattern:
    """The pattern of messages by day, up to the last day of the window."""
    at = sorted(days)
    total = sum(days.values())
    top = sum(sorted(days.values(), reverse=True)[:5])
    silence = max((later - earlier - 1 for earlier, later in pairwise([*at, last_day + 1])), default=0)
    span = last_day - at[0] + 1 if at else 0
    return SendingPattern(len(at), span, top / total if total else 1.0, total, silence, _is_cyclic(at))


def _is_cyclic(days: list[int]) -> bool:
    starts = days[:1] + [later for earlier, later in pairwise(days) if later - earlier > RUN_GAP]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    return len(starts) >= MIN_RUNS and max(pauses) <= MAX_UNEVEN * min(pauses)
