"""What many tests need: a fixed time, a zone from JSON, a message from text, and a runner for coroutines."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from inalign.resolver import ZoneResolver

T = TypeVar("T")

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VECTORS = Path(__file__).parent / "vectors"


def zone(names: Mapping[str, Mapping[str, object]]) -> ZoneResolver:
    """A resolver that answers from these names alone."""
    return ZoneResolver.from_json(names)


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Step a coroutine that never waits (the zone resolver) to its end, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise AssertionError("the coroutine waited, though everything it asks is at hand")


def message(text: str) -> bytes:
    """A message from readable text: LF becomes CRLF, a leading line end is dropped."""
    return text.removeprefix("\n").replace("\n", "\r\n").encode("utf-8", "surrogateescape")
