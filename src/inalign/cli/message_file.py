"""A saved message, from a file or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path

MAX_MESSAGE_BYTES = 512 << 20  # a saved message is read whole; the largest that mail systems pass on is 150 MB


def read_message(file: Path) -> bytes:
    """The octets of a file, or of standard input for `-`. Raises `OSError`, also for one that is too large."""
    if str(file) == "-":
        octets = sys.stdin.buffer.read(MAX_MESSAGE_BYTES + 1)
    else:
        with file.open("rb") as opened:
            octets = opened.read(MAX_MESSAGE_BYTES + 1)
    if len(octets) > MAX_MESSAGE_BYTES:
        raise OSError(f"larger than {MAX_MESSAGE_BYTES >> 20} MiB")
    return octets
