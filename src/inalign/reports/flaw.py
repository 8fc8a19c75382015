"""What was mended while a report was read: finite codes, stored with the report and shown.

A flaw is told when a value was changed, guessed or left out, when an element that both RFCs require is missing, and
when the span is over 24 h and 1 s, reversed or zero. Case of words, blanks, BOM, namespaces, optional elements and
containers are none.
"""

from __future__ import annotations

from msgspec import Struct


class Flaw(Struct, frozen=True):
    """`code` is of `FlawCode`; `detail` says what stood there and what was made of it, in at most 200 characters."""

    code: str
    detail: str
