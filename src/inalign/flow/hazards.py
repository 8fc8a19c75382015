"""What a mail server will, or may, change in a message after it was signed, found before it is signed.

A signature covers octets. Each of these is an octet that is legal, or let pass, here, and that some server on the way
mends: then nobody can verify the signature any more, and the sender gets no notice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from inalign.mail.fields import Field

MAX_LINE_OCTETS = 998
"""RFC 5322 section 2.1.1, without the CRLF."""


class Hazard(StrEnum):
    """What may be changed."""

    LONG_LINE = "long_line"
    """A line over 998 octets is cut in two."""
    EIGHT_BIT = "eight_bit"
    """8-bit text is encoded anew for a server that does not offer 8BITMIME."""
    BARE_LINE_END = "bare_line_end"
    """A CR or LF alone becomes a line end, or a blank. Such a message is not signed."""
    ODD_HEADER = "odd_header"
    """Field syntax that servers write anew: `Name :`, a fold of blanks alone, addresses parted by a comma alone."""


CURES = {
    Hazard.LONG_LINE: (
        "the sending program should wrap or encode its text; else smtp_line_length_limit = 0 in Postfix, "
        "L=0 for the mailer in Sendmail"
    ),
    Hazard.EIGHT_BIT: (
        "disable_mime_output_conversion = yes in Postfix, "
        "confEIGHT_BIT_HANDLING `pass8' and the mailer flag 8 in Sendmail"
    ),
    Hazard.BARE_LINE_END: (
        "the sending program is at fault; cleanup_replace_stray_cr_lf = yes (Postfix 3.9) mends it before it is signed"
    ),
    Hazard.ODD_HEADER: (
        "the sending program should write fields as RFC 5322 has them; Sendmail writes them anew behind its filters"
    ),
}
"""What helps, for people."""

_ADDRESS_FIELDS = frozenset({b"from", b"to", b"cc", b"reply-to", b"sender"})
_BLANK_FOLD = re.compile(rb"\r\n[ \t]+\r\n")
_TIGHT_COMMA = re.compile(rb",(?=[^ \t\r\n])")
# One that nobody closes goes to the end, so that no octet is looked at twice.
_QUOTED = re.compile(rb'"(?:[^"\\]++|\\.)*"?', re.DOTALL)


def _is_odd(fields: Sequence[Field], header: bytes) -> bool:
    if (b" :" in header or b"\t:" in header) and any(field.is_blank_before_colon for field in fields):
        return True
    if _BLANK_FOLD.search(header):
        return True
    return any(
        field.key in _ADDRESS_FIELDS and _TIGHT_COMMA.search(_QUOTED.sub(b'""', field.raw)) is not None
        for field in fields
        if b"," in field.raw
    )


class Hazards:
    """Watches one message go by."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._found: set[Hazard] = set()
        self._column = 0  # of the octet that comes next
        self._bare = 0  # CR and LF that are not, or not yet, one line end
        self._ends_with_cr = False
        header = b"".join([field.raw for field in fields])
        ends = header.count(b"\r\n")
        if header.count(b"\r") != ends or header.count(b"\n") != ends:
            self._found.add(Hazard.BARE_LINE_END)
        if len(header) > MAX_LINE_OCTETS:
            self._measure(header)
            self._column = 0
        if _is_odd(fields, header):
            self._found.add(Hazard.ODD_HEADER)

    def body(self, chunk: bytes) -> None:
        """Take the next piece of the body, cut anywhere."""
        if not chunk:
            return
        if not chunk.isascii():
            self._found.add(Hazard.EIGHT_BIT)
        if Hazard.LONG_LINE not in self._found:
            self._measure(chunk)
        ends = chunk.count(b"\r\n") + (self._ends_with_cr and chunk.startswith(b"\n"))  # one may be cut in two
        self._bare += chunk.count(b"\r") + chunk.count(b"\n") - 2 * ends
        self._ends_with_cr = chunk.endswith(b"\r")

    def _measure(self, chunk: bytes) -> None:
        """Look for a line end at least every so many octets: some dozen searches for 64 kB."""
        start = -self._column
        while True:
            limit = start + MAX_LINE_OCTETS + 2
            end = chunk.rfind(b"\n", max(start, 0), max(limit, 0))
            if end < 0:
                if len(chunk) >= limit:
                    self._found.add(Hazard.LONG_LINE)
                self._column = len(chunk) - start
                return
            start = end + 1

    def found(self) -> frozenset[Hazard]:
        """All hazards of what has been seen."""
        return frozenset(self._found | {Hazard.BARE_LINE_END}) if self._bare else frozenset(self._found)
