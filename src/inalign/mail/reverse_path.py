"""The reverse-path of MAIL FROM as a milter or an administrator hands it over (RFC 5321 section 4.1.2).

What two readers could take for two addresses is refused, so that nobody chooses which domain SPF asks about and which
one is shown: a second `@` outside quotes, comments, open quotes, blanks or control characters within.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inalign.errors import ParseError

MAX_PATH_OCTETS = 1024  # RFC 5321 section 4.5.3.1.3 says 256; longer ones are met, and these are only compared

_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]++|\\[ -~])*"'
_DOT_STRING = (
    r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,\"]++"  # RFC 5321 section 4.1.2, RFC 6531 section 3.3; stray dots are met
)
_PATH = re.compile(rf"(?P<local>{_QUOTED}|{_DOT_STRING})(?:@(?P<domain>[^\s\x00-\x1f\x7f()<>@\\,;\"]++))?")
_SOURCE_ROUTE = re.compile(r"@[^\s:,()<>@\"]+(?:,@[^\s:,()<>@\"]+)*:")


class ReversePathError(ParseError):
    """The text is no reverse-path that all would read alike."""


class ReversePath(NamedTuple):
    """Both parts empty: the null reverse-path."""

    local_part: str
    """As written, its quotes included."""
    domain: str
    """As written, maybe an address literal; empty where there is none (`<alice>`)."""


def parse_reverse_path(text: str) -> ReversePath:
    """Read a path with or without angle brackets; a source route is dropped (RFC 5321 appendix C).

    Raises `ReversePathError` for everything that is not one mailbox or the null reverse-path.
    """
    path = text.strip(" ")
    if len(path) > MAX_PATH_OCTETS:
        raise ReversePathError(f"a reverse-path of {len(path)} characters is longer than {MAX_PATH_OCTETS}")
    if path.startswith("<") and path.endswith(">"):
        path = path[1:-1].strip(" ")
    if not path:
        return ReversePath("", "")
    path = _SOURCE_ROUTE.sub("", path, count=1) if path.startswith("@") else path
    found = _PATH.fullmatch(path)
    if found is None:
        raise ReversePathError(f"{text[:80]!r} is no reverse-path (RFC 5321 section 4.1.2)")
    return ReversePath(found["local"], found["domain"] or "")
