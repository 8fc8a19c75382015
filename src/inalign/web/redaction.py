"""Redaction of personal data in failure reports, for visitors who may only read.

Every row of a page, of the API, of a CSV file or of a download passes here. Unless `Filters.personal` is set, which
only the server does, names, subjects and local parts become a short hash. Equal texts have equal hashes, so that rows
can still be grouped. The hash has a key that never leaves the store, so that a name cannot be found by hashing guesses.
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
BLANKED = frozenset({"sample"})
"""Columns with a whole header."""
OF_FAILURES = frozenset({"failure", "abuse"})
"""Kinds of reports that tell of single messages."""
HASH_OCTETS = 4

_DOMAIN = re.compile(r"[\w.:\[\]-]{1,255}")


class Redactor:
    """Replaces personal data in rows by hashes, with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def wrap(self, ask: Ask) -> Ask:
        """Return a function that asks the same, and redacts the rows unless the filters have `personal`."""

        def asked(view: View, filters: Filters) -> ViewAnswer[Struct]:
            found = ask(view, filters)
            return (
                found
                if filters.personal
                else ViewAnswer([self.row(row) for row in found.rows if _may(row)], found.after)
            )

        return asked

    def row(self, row: Struct) -> Struct:
        """Return a row with its personal data hashed or left out; a row of no failure report as it is."""
        names = row.__struct_fields__
        of_failure = getattr(row, "kind", "") in OF_FAILURES or isinstance(row, FailureRow | FailureGroupRow)
        if not of_failure and not {*names} & (HASHED | BLANKED):
            return row
        changed = {name: self._value(name, getattr(row, name)) for name in names}
        return msgspec.structs.replace(row, **changed)

    def hashed(self, text: str) -> str:
        """Return the hash of a text, of an empty text an empty one."""
        if not text:
            return ""
        octets = text.encode("utf-8", "surrogatepass")
        return "#" + hashlib.blake2b(octets, key=self._key, digest_size=HASH_OCTETS).hexdigest()

    def _value(self, name: str, value: object) -> object:
        if name in BLANKED:
            return ""
        if name == "flaws" and isinstance(value, tuple):
            # The detail quotes the report; the code says enough.
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
    """Whether a row may be returned: a delivery with a report of a single message may not."""
    return not (isinstance(row, RawRow) and OF_FAILURES & {*row.kinds})
