"""The header of a message while its fields come in.

Fields beyond the limits are dropped and counted, which is no error of the protocol: the mail must flow, and whoever
judges it must know that the header was not read whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from inalign.milter.limits import MilterLimits
from inalign.milter.messages import Command, EndOfHeader, HeaderField, malformed

_new_tuple = tuple.__new__  # a third of the time of a named tuple's own; there is one for each field


class HeaderReader:
    """Payloads of HEADER in, the complete header out."""

    __slots__ = (
        "_bytes",
        "_dropped",
        "_fields",
        "_max_bytes",
        "_max_fields",
        "_unread",
        "_watched",
        "has_leading_space",
    )

    def __init__(self, limits: MilterLimits, watched: AbstractSet[bytes]) -> None:
        self.has_leading_space = True
        """Whether the MTA hands over the blank behind the colon."""
        self._max_bytes = limits.header_bytes
        self._max_fields = limits.header_fields
        self._watched = watched
        self.clear()

    def clear(self) -> None:
        """Forget the fields; another message may come."""
        self._fields: list[HeaderField] = []
        self._bytes = 0
        self._dropped = 0
        self._unread: dict[bytes, int] = {}

    def add(self, payloads: Iterable[bytes]) -> None:
        """Take more fields: of each its name and its value, each ended by NUL."""
        fields, has_leading_space = self._fields, self.has_leading_space
        for payload in payloads:
            # An MTA that lets a NUL within a value pass must not hide from us what stands behind it.
            parts = payload[:-1].split(b"\0", 1)
            if len(parts) != 2 or payload[-1]:
                raise malformed(Command.HEADER, "not two strings")
            self._bytes += len(payload)
            if self._bytes > self._max_bytes or len(fields) >= self._max_fields:
                self._drop(parts[0])
                continue
            if not has_leading_space and parts[1][:1] not in (b"", b"\t", b"\n"):
                # The MTA took one blank away, or there was none; `Name: value` is what nearly all mail has. A tab is
                # not taken away, and before an empty first line there is seldom a blank.
                parts[1] = b" " + parts[1]
            fields.append(_new_tuple(HeaderField, parts))

    def end(self) -> EndOfHeader:
        """The header as it stands, which is then forgotten."""
        event = EndOfHeader(tuple(self._fields), self._dropped, self._unread)
        self.clear()
        return event

    def _drop(self, name: bytes) -> None:
        self._dropped += 1
        key = name.rstrip(b" \t").lower()
        if key in self._watched:
            self._unread[key] = self._unread.get(key, 0) + 1
