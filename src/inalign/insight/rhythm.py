"""How mail is spread over time: steadily, or in bursts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MIN_DAYS = 5  # below it nothing is called steady
STEADY_DAYS = 0.3  # share of the span on which steady mail is seen at least
MAX_TOP_SHARE = 0.4  # of all messages on the five busiest days; campaigns have more
MAX_SILENCE = 0.2  # of the span, in one piece, and at least a week
MIN_SILENCE = 7


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Of the days of the whole window."""

    days: int
    span: int
    top_share: float
    """Share of the five busiest days."""
    silence: int
    """The longest silence between two days, or from the last day to the end of the window."""

    @property
    def is_steady(self) -> bool:
        """Seen often, without bursts and long silences. A source that began late is measured from its beginning."""
        return (
            self.days >= MIN_DAYS
            and self.days >= STEADY_DAYS * self.span
            and (self.top_share <= MAX_TOP_SHARE or self.days <= 2 * MIN_DAYS)
            and self.silence <= max(MIN_SILENCE, MAX_SILENCE * self.span)
        )


def rhythm_of(days: Mapping[int, int], last_day: int) -> Rhythm:
    """The rhythm of messages by day, up to the last day of the window."""
    at = sorted(days)
    total = sum(days.values())
    top = sum(sorted(days.values(), reverse=True)[:5])
    silence = max((later - earlier - 1 for earlier, later in zip(at, [*at[1:], last_day + 1], strict=True)), default=0)
    return Rhythm(len(at), last_day - at[0] + 1 if at else 0, top / total if total else 1.0, silence)
