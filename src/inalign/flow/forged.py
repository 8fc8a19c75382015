"""Fields of a message that only this host may write, and that somebody else wrote: they are removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inalign.mail.authserv_id import claims_authserv_id
from inalign.mail.fields import Field

RESULTS_NAME = b"Authentication-Results"
MARK_NAME = b"X-Inalign-Action"
"""The field that marks a message for the junk folder: `quarantine; rule=` and the rule. Sieve scripts depend on it."""

_RESULTS_KEY = RESULTS_NAME.lower()
_MARK_KEY = MARK_NAME.lower()

PROTECTED_NAMES = frozenset({_RESULTS_KEY, _MARK_KEY})
"""Lower-case names of fields that must be counted even where the header is too long to be read."""


@dataclass(frozen=True, slots=True)
class ForgedFields:
    """The indexes of forged fields, from 1, among those of their name."""

    results: Sequence[int] = ()
    """Names of the fields that carry authentication results."""
    marks: Sequence[int] = ()
    """Of our mark for the junk folder."""

    def __len__(self) -> int:
        """Return how many forged fields there are."""
        return len(self.results) + len(self.marks)

    def removals(self) -> tuple[tuple[bytes, Sequence[int]], ...]:
        """Return each name with the indexes of its forged fields."""
        return (RESULTS_NAME, self.results), (MARK_NAME, self.marks)


NOTHING_FORGED = ForgedFields()


def find_forged(
    fields: Sequence[Field], ids: tuple[str, ...], *, dropped: int = 0, unread: Mapping[bytes, int]
) -> ForgedFields:
    """Find the Authentication-Results fields that claim to be by one of these authserv-ids, and all marks.

    Of the `dropped` fields, which are beyond the limits, `unread` has how many have a protected name. They cannot be
    checked, so they are removed too.
    """
    if not dropped and PROTECTED_NAMES.isdisjoint([field.key for field in fields]):
        return NOTHING_FORGED
    results: list[int] = []
    results_count = mark_count = 0
    for field in fields:
        if field.key == _RESULTS_KEY:
            results_count += 1
            # RFC 8601 section 5
            if claims_authserv_id(field.value, ids):
                results.append(results_count)
        elif field.key == _MARK_KEY:
            mark_count += 1
    results += range(results_count + 1, results_count + unread.get(_RESULTS_KEY, 0) + 1)
    return ForgedFields(results, range(1, mark_count + unread.get(_MARK_KEY, 0) + 1))
