"""What Postfix on this host is set to, as far as it concerns a milter: one time, read from its main.cf."""

from __future__ import annotations

import re
from pathlib import Path

MAIN_CF = Path("/etc/postfix/main.cf")
DEFAULT_SECONDS = 300.0
"""Of milter_content_timeout, since Postfix 2.3."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CONTINUED = re.compile(r"\n[ \t]+")
_TIME = re.compile(r"(\d{1,9})([smhdw]?)")


def milter_content_timeout(path: Path) -> float | None:
    """How long this Postfix waits for a milter at the end of a message; None where no Postfix is, or it cannot be told.

    A timeout that main.cf sets for one milter alone, or that master.cf sets, is not seen.
    """
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return None
    found = DEFAULT_SECONDS
    # A line that begins with a blank goes on with the one before; comments and empty lines do not count.
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for name, _, value in (line.partition("=") for line in _CONTINUED.sub(" ", "\n".join(lines)).split("\n")):
        if name.strip() == "milter_content_timeout":  # of several the last counts
            time = _TIME.fullmatch(value.strip())
            if time is None:
                return None
            found = float(int(time[1]) * _UNITS[time[2]])
    return found
