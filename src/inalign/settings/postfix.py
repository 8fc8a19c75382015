"""What Postfix on this host is set to, as far as it concerns a milter and its keys: times, read from its main.cf."""

from __future__ import annotations

import re
from pathlib import Path

MAIN_CF = Path("/etc/postfix/main.cf")
CONTENT_SECONDS = 300.0
"""The default of milter_content_timeout, since Postfix 2.3."""
QUEUE_SECONDS = 5 * 86_400.0
"""The default of maximal_queue_lifetime."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CONTINUED = re.compile(r"\n[ \t]+")
_TIME = re.compile(r"(\d{1,9})([smhdw]?)")


def milter_content_timeout(path: Path) -> float | None:
    """How long this Postfix waits for a milter at the end of a message; None where no Postfix is, or it cannot be told.

    A timeout that main.cf sets for one milter alone, or that master.cf sets, is not seen.
    """
    return _time(path, "milter_content_timeout", "s", CONTENT_SECONDS)


def maximal_queue_lifetime(path: Path) -> float | None:
    """How long this Postfix keeps a message that it cannot deliver, in seconds; None likewise."""
    return _time(path, "maximal_queue_lifetime", "d", QUEUE_SECONDS)


def _time(path: Path, parameter: str, unit: str, default: float) -> float | None:
    """A time; `unit` counts where the file names none."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return None
    found = default
    # A line that begins with a blank goes on with the one before; comments and empty lines do not count.
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for name, _, value in (line.partition("=") for line in _CONTINUED.sub(" ", "\n".join(lines)).split("\n")):
        if name.strip() == parameter:  # of several the last counts
            time = _TIME.fullmatch(value.strip())
            if time is None:
                return None
            found = float(int(time[1]) * _UNITS[time[2] or unit])
    return found
