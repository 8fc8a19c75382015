"""Does an Authentication-Results field claim to be ours? RFC 8601 section 5: such fields from outside are removed.

The question is not what the grammar says but what the most careless reader behind us could take for our word. So the
field is read in every way that a reader may read it, and one of them naming us is enough:

- as the grammar says: comments and folds skipped, quoted strings undone, a version behind the id;
- carelessly: everything up to the first `;` or blank, quotes and backslashes dropped;
- cut at control characters, or with them dropped;
- compatibility forms folded (`ｍｘ`), and octets beyond ASCII dropped.

A name that merely contains ours (`mx.example.net.evil.example`, `notmx.example.net`), our name in a comment or in the
value of a result claims nothing, and the field stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from unicodedata import normalize

from inalign.errors import ParseError
from inalign.mail.domain import parse_domain, to_unicode
from inalign.mail.lexical import QUOTED_STRING, unquote

_FOLDS = re.compile(r"[\r\n]+(?=[ \t])")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_BARE = re.compile(r"[^\s;()\"]+")
_NO_BLANK = re.compile(r"[^\s]")
_PARENTHESES = re.compile(r"\\.|[()]")
# What a reader drops that joins the pieces of a name: blanks, quotes, backslashes, octets that are no ASCII.
_DROPPED = re.compile(r"[\s\"'\\]|[^\x00-\x7f]")
_JUNK = " \t\u00a0\u200b\ufeff\"'<>[]{}\\=:,.;"

MAX_ID_READ = 1024  # a name has 253 octets at most; so many blanks and comments may stand between its pieces


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
    for variant in {text, _CONTROLS.sub("", text), _CONTROLS.sub(" ", text), normalize("NFKC", text)}:
        yield from _ids_of(variant)


def _ids_of(text: str) -> Iterator[str]:
    """The authserv-id of a text without folds, as different readers find it."""
    position = 0
    while True:
        bare = _careless(text, position)
        yield bare
        yield _DROPPED.sub("", bare)
        position = _behind_blanks(text, position)
        if not text.startswith("(", position):
            break
        end = _end_of_comment(text, position)
        if end is None:  # the field fits no grammar: any word of it before the first `;` may be taken for the id
            yield from _BARE.findall(text[position : position + MAX_ID_READ].partition(";")[0])
            return
        position = end
    quoted = QUOTED_STRING.match(text, position)
    if quoted is not None:
        yield unquote(quoted[1])
    yield _DROPPED.sub("", _without_comments(text[position : position + MAX_ID_READ]).partition(";")[0])


def _careless(text: str, position: int) -> str:
    """The first run without blanks, quotes, parentheses and `;`, if nothing but such junk stands before it."""
    bare = _BARE.search(text, position)
    return bare[0] if bare and not text[position : bare.start()].strip(_JUNK) else ""


def _behind_blanks(text: str, position: int) -> int:
    found = _NO_BLANK.search(text, position)
    return found.start() if found else len(text)


def _end_of_comment(text: str, position: int) -> int | None:
    """The place behind the comment that opens here, however deep it nests; None where it never ends."""
    depth = 0
    for special in _PARENTHESES.finditer(text, position):
        if special[0] == "(":
            depth += 1
        elif special[0] == ")":
            depth -= 1
            if depth == 0:
                return special.end()
    return None


def _without_comments(text: str) -> str:
    parts: list[str] = []
    position = 0
    while (start := text.find("(", position)) >= 0:
        parts.append(text[position:start])
        end = _end_of_comment(text, start)
        if end is None:
            return "".join(parts)
        position = end
    return "".join([*parts, text[position:]])
