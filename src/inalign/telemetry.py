"""The log: one line a message, `name=value` pairs that grep and a person can read."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

_PLAIN = re.compile(r"[\x21\x23-\x3c\x3e-\x7e]+")  # printable ASCII without blank, quote and equals sign


def pairs(items: Iterable[tuple[str, object]]) -> str:
    """`name=value` for every value that is not None; what is no plain word is quoted and escaped.

    A log is read by programs, and its values come from outside: no value can end a line or begin another pair.
    """
    return " ".join(f"{name}={_word(str(value))}" for name, value in items if value is not None)


def _word(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.encode("unicode_escape").decode("ascii").replace('"', "\\x22")
    return f'"{escaped}"'


def configure_logging(level: str) -> None:
    """Write the log to standard error, where systemd and containers take it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("inalign")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
