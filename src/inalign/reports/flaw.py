"""What was mended while a report was read: finite codes, stored with the report and shown.

A flaw is told when a value was changed, guessed or left out, when an element that both RFCs require is missing, and
when the span is over 24 h and 1 s, reversed or zero. Case of words, blanks, BOM, namespaces, optional elements and
containers are none.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Flaw(Struct, frozen=True):
    """`code` is of `FlawCode`; `detail` says what stood there and what was made of it, in at most 200 characters."""

    code: str
    detail: str


class FlawCode(StrEnum):
    """What was mended."""

    TRUNCATED = "truncated"
    """A container or a report ends before its data do; what is whole was read."""
    DAMAGED = "damaged"
    """A container does not fit its own checksum or directory; what can be read was."""
    MISSING = "missing"
    """Something that the RFCs require is not there."""
    GUESSED = "guessed"
    """A value was taken from elsewhere."""
    DATE = "date"
    """A date in another form, without a zone, or none."""
    ADDRESS = "address"
    """An IP address in another form, or none."""
    COUNT = "count"
    """A number in another form, or none."""
    WORD = "word"
    """A word that the RFCs do not have, kept."""
    SHAPE = "shape"
    """A value stands where, or as what, it should not."""
    SPAN = "span"
    """The span is over 24 h and 1 s, reversed or zero."""
    CUT = "cut"
    """A text or a list over the limit was cut."""
    ENCODING = "encoding"
    """Octets do not fit the declared encoding; the detail says which one was taken."""
    MARKUP = "markup"
    """It is not well-formed XML: a bare `&` or `<`, a tag that is crossed, missing or in upper case, a stray text."""
    AFTER = "after"
    """Something follows the end of the report; it was left out."""


class RefusalCode(StrEnum):
    """Why something was not read."""

    NO_REPORT = "no_report"
    """No report is in it."""
    BOMB = "bomb"
    """Its data unpack to far more than a report does."""
    TOO_LARGE = "too_large"
    """More octets than the limits allow."""
    TOO_DEEP = "too_deep"
    """Containers in containers, deeper than the limits allow."""
    TOO_MANY = "too_many"
    """More parts and entries than the limits allow."""
    ENCRYPTED = "encrypted"
    """It needs a password or a key."""
    UNSUPPORTED = "unsupported"
    """A kind of compression or archive that is not read."""
    DAMAGED = "damaged"
    """A container of which nothing can be read."""
    MALFORMED = "malformed"
    """It was meant to be a report, and cannot be read as one."""
    ENTITIES = "entities"
    """It declares entities, which no report needs and bombs are made of."""
    INTERNAL = "internal"
    """A fault of ours; the detail names it. Worth a bug report."""


class Flaws:
    """The flaws of one report as they are met: of each code the first few in words, the rest as a number."""

    MOST_OF_A_CODE = 8  # a million records with the same flaw tell it as well as eight do
    MOST_CHARACTERS = 200

    def __init__(self) -> None:
        self._details: dict[FlawCode, dict[str, None]] = {}
        self._more: dict[FlawCode, int] = {}

    def tell(self, code: FlawCode, detail: str) -> None:
        """Take a flaw down; the same one twice is one."""
        details = self._details.setdefault(code, {})
        if len(details) < self.MOST_OF_A_CODE:
            details[detail[: self.MOST_CHARACTERS]] = None
        elif detail not in details:
            self._more[code] = self._more.get(code, 0) + 1

    def __bool__(self) -> bool:
        return bool(self._details)

    def told(self) -> tuple[Flaw, ...]:
        """All of them, in the order in which their codes were met first."""
        found = []
        for code, details in self._details.items():
            found += [Flaw(code.value, detail) for detail in details]
            if code in self._more:
                found.append(Flaw(code.value, f"and {self._more[code]} more"))
        return tuple(found)
