"""Passwords and tokens: the settings say where they are, never what they are.

`env:NAME` is an environment variable, `file:/PATH` a file whose first line it is; both are read when they are needed.
"""

from __future__ import annotations

import os
from pathlib import Path

from inalign.durable import write_over
from inalign.errors import ParseError, TransportError

FORM = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)?$"
"""What a setting may be; empty: none."""


def read_secret(reference: str) -> str:
    """The secret. Raises `TransportError` where it is not there, `ParseError` for what is no reference."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        value = os.environ.get(place, "")
        if not value:
            raise TransportError(f"the environment variable {place} is not set")
        return value
    if kind != "file":
        raise ParseError("a secret is named as env:NAME or file:/PATH")
    try:
        lines = Path(place).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise TransportError(f"{place}: {problem}") from None
    if not lines or not lines[0].strip():
        raise TransportError(f"{place} is empty")
    return lines[0].strip()


def replace_secret(reference: str, value: str) -> bool:
    """Write a new secret in place of the one in a file; False where it is not in a file. Raises `OSError`."""
    kind, _, place = reference.partition(":")
    if kind != "file":
        return False
    write_over(Path(place), value.encode() + b"\n")
    return True
