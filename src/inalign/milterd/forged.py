"""Fields of a message that claim to be ours and are not: they are removed, whoever sent the message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inalign.mail.authserv_id import claims_authserv_id
from inalign.milter.messages import EndOfHeader
from inalign.milterd.actions import MARK_NAME, RESULTS_NAME

WATCHED = frozenset({RESULTS_NAME.lower(), MARK_NAME.lower()})
"""Fields that must be counted even where the header is too long to be read."""


@dataclass(frozen=True, slots=True)
class Forged:
    """The indexes, from 1, of such fields among those of their name."""

    results: Sequence[int] = ()
    """Of Authentication-Results."""
    marks: Sequence[int] = ()
    """Of our mark for the junk folder; nobody else may write it."""

    def __len__(self) -> int:
        return len(self.results) + len(self.marks)

    def removals(self) -> tuple[tuple[bytes, Sequence[int]], ...]:
        """Names and indexes, for `acting.act`."""
        return (RESULTS_NAME, self.results), (MARK_NAME, self.marks)


NOTHING_FORGED = Forged()


def find_forged(event: EndOfHeader, ids: tuple[str, ...]) -> Forged:
    """The fields of a header that claim to be by one of these ids, and marks."""
    names = {field.name.rstrip(b" \t").lower() for field in event.fields}
    if WATCHED.isdisjoint(names) and not event.dropped:
        return NOTHING_FORGED
    kept = list(event.occurrences(RESULTS_NAME))
    # RFC 8601 section 5
    results = [index for index, field in kept if claims_authserv_id(field.value, ids)]
    marks = [index for index, _ in event.occurrences(MARK_NAME)]
    # Fields beyond the limits were not read; what cannot be checked is not left to pass for ours.
    return Forged(results + _unread(event, RESULTS_NAME, len(kept)), marks + _unread(event, MARK_NAME, len(marks)))


def _unread(event: EndOfHeader, name: bytes, read: int) -> list[int]:
    return [read + number for number in range(1, event.unread.get(name.lower(), 0) + 1)]
