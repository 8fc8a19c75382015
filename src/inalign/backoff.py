"""The pause before another try of what failed: it doubles with each failure in a row, up to a limit."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DOUBLINGS = 60
"""A pause of a nanosecond, doubled more often than that, is longer than any limit; a float does not overflow."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds between tries: the first one, and the longest one."""

    first: float
    longest: float

    def seconds(self, failures: int) -> float:
        """Return the pause after `failures` failures in a row; 0 before the first failure."""
        if failures < 1:
            return 0.0
        return float(min(self.longest, self.first * 2.0 ** min(failures - 1, MAX_DOUBLINGS)))
