"""What failure reports tell of persons, hidden from those who only read: the one place where it is done.

Every answer that a page, its JSON twin, a spreadsheet or a download is made of passes here. Unless the question says
that whoever asks may see it (`Filters.personal`, which the server alone sets), names, subjects and local parts become a
short hash: equal ones stay equal, so that rows can still be grouped. The hash has a key that never leaves the store, so
that nobody finds a name by hashing guesses.
"""

from __future__ import annotations

import hashlib
import re

import msgspec
from msgspec import Struct

from inalign.store.queries.events import FailureGroupRow, FailureRow
from inalign.store.queries.filters import Filters
from inalign.store.queries.reports import RawRow
from inalign.store.queries.view import View, ViewAnswer
from inalign.web.api import Ask

HASHED = frozenset({"subject", "display_name"})
"""Columns of which nothing is shown but the hash."""
BLANKED = frozenset({"sample", "details"})
"""Columns with a whole header."""
OF_FAILURES = frozenset({"failure", "abuse"})
"""Kinds of reports that tell of single messages."""
HASH_OCTETS = 4

_DOMAIN = re.compile(r"[\w.:\[\]-]{1,255}")


class Redactor:
    """Hides, with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def over(self, ask: Ask) -> Ask:
        """What asks the same, and hides what is not for whoever asks."""

        def asked(view: View, filters: Filters) -> ViewAnswer[Struct]:
            found = ask(view, filters)
            return (
                found
                if filters.personal
                else ViewAnswer([self.row(row) for row in found.rows if _may(row)], found.after)
            )

        return asked

    def row(self, row: Struct) -> Struct:
        """It, or what is left of it."""
        names = row.__struct_fields__
        of_failure = getattr(row, "kind", "") in OF_FAILURES or isinstance(row, FailureRow | FailureGroupRow)
        if not of_failure and not {*names} & (HASHED | BLANKED):
            return row
        changed = {name: self._value(name, getattr(row, name)) for name in names}
        return msgspec.structs.replace(row, **changed)

    def hashed(self, text: str) -> str:
        """A word that stands for a text; nothing stands for nothing."""
        if not text:
            return ""
        octets = text.encode("utf-8", "surrogatepass")
        return "#" + hashlib.blake2b(octets, key=self._key, digest_size=HASH_OCTETS).hexdigest()

    def _value(self, name: str, value: object) -> object:
        if name in BLANKED:
            return ""
        if name == "flaws" and isinstance(value, tuple):
            # What was mended is quoted in the detail; the code says enough.
            return tuple((code, "") for code, _ in value)
        if not isinstance(value, str):
            return value
        if name in HASHED or (name == "message_id" and "@" not in value):
            return self.hashed(value)
        if "@" not in value:
            return value
        # All before the last @: whatever a local part is quoted or mixed with.
        local, _, rest = value.rpartition("@")
        domain = rest.strip().rstrip(">")
        return f"{self.hashed(local.strip().lstrip('<'))}@{domain}" if _DOMAIN.fullmatch(domain) else self.hashed(value)


def _may(row: Struct) -> bool:
    """What was delivered is not shown where it holds such a report."""
    return not (isinstance(row, RawRow) and OF_FAILURES & {*row.kinds})
