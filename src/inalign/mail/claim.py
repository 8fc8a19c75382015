"""Does an Authentication-Results field claim to be ours? RFC 8601 section 5: such fields from outside are removed.

The question is not what the grammar says but what the most careless reader behind us could take for our word. So the
field is read in every way that a reader may read it, and one of them naming us is enough:

- as the grammar says: comments and folds skipped, quoted strings undone, a version behind the id;
- carelessly: everything up to the first `;` or blank, quotes and backslashes dropped;
- cut at control characters, or with them dropped.

A name that merely contains ours (`mx.example.net.evil.example`, `notmx.example.net`), our name in a comment or in the
value of a result claims nothing, and the field stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from inalign.errors import ParseError
from inalign.mail.domain import parse_domain, to_unicode
from inalign.mail.lexical import end_of_comment

_FOLDS = re.compile(r"[\r\n]+(?=[ \t])")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"')
_BARE = re.compile(r"[^ \t;()\"]+")
_JUNK = " \t\"'<>[]{}\\=:,.;"


def claims_authserv_id(value: bytes, ids: Collection[str]) -> bool:
    """Whether any reader could take the field with this value for one of `ids`; compared without case, as U-labels.

    An id with something behind a `/` (a job id, as OpenDKIM can write it) counts as the id itself.
    """
    wanted = {_normal(name) for name in ids}
    return any(_normal(name) in wanted or _normal(name.partition("/")[0]) in wanted for name in _readings(value))


def _normal(name: str) -> str:
    """The name as compared: RFC 8601 section 5 wants A-labels converted to U-labels first."""
    bare = name.strip(_JUNK).lower()
    try:
        return to_unicode(parse_domain(bare))
    except ParseError:
        return bare


def _readings(value: bytes) -> Iterator[str]:
    text = _FOLDS.sub("", value.decode("utf-8", "surrogateescape"))
    for variant in {text, _CONTROLS.sub("", text), _CONTROLS.sub(" ", text)}:
        yield from _ids_of(variant)


def _ids_of(text: str) -> Iterator[str]:
    """The authserv-id of a text without folds, as different readers find it."""
    position = 0
    while True:
        yield _careless(text, position)
        position = _skip_blanks(text, position)
        if not text.startswith("(", position):
            break
        try:
            position = end_of_comment(text, position)
        except ParseError:  # it never ends: some readers take the rest for the field
            position += 1
    quoted = _QUOTED.match(text, position)
    if quoted is not None:
        yield re.sub(r"\\(.)", r"\1", quoted[1])
        yield quoted[1]


def _careless(text: str, position: int) -> str:
    """The first run without blanks, quotes, parentheses and `;`."""
    bare = _BARE.search(text, position)
    if bare is None:
        return ""
    is_behind_junk_only = not text[position : bare.start()].strip(_JUNK)
    return bare[0] if is_behind_junk_only else ""


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t":
        position += 1
    return position
