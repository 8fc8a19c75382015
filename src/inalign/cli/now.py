"""`--now`: the time by which messages are verified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def now_option(function: F) -> F:
    """The option, as the parameter `now_text`."""
    return click.option(
        "--now", "now_text", metavar="RFC3339", help="The time to verify by, such as 2026-11-24T12:00:00Z."
    )(function)


def read_now(text: str | None) -> datetime:
    """The time of the option, or of the clock. Raises `click.UsageError`."""
    if text is None:
        return datetime.now(UTC)
    try:
        now = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--now {text!r} is no RFC 3339 time, such as 2026-11-24T12:00:00Z") from None
    if now.tzinfo is None:
        raise click.UsageError(f"--now {text!r} has no time zone: end it with Z or +09:00")
    return now
