"""The lexical tokens that structured fields share: folds, blanks, comments, quoted strings (RFC 5322 section 3.2).

Works on the text that `unfold` gives: one line without control characters, octets that are no UTF-8 kept as lone
surrogates. Every function is linear in its input, and comments nest no deeper than `MAX_COMMENT_DEPTH`.
"""

from __future__ import annotations

import re

from inalign.errors import LimitError, ParseError

MAX_COMMENT_DEPTH = (
    32  # RFC 5322 sets no bound, real mail stays below 3; it is a counter here, so no stack can overflow
)

# CRLF in a message, LF where a milter hands the value over; only in front of a blank (RFC 5322 section 2.2.3).
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_BLANK = re.compile(r"[^ \t]")
_COMMENT_SPECIAL = re.compile(r"[()\\]")

ATOM = re.compile(r"[^][()<>:;@\\,.\" \t]+")
"""Characters of an atom: all but specials and blanks (RFC 5322 section 3.2.3, RFC 6532 section 3.2)."""
QUOTED_STRING = re.compile(r'"((?:[^"\\]++|\\.)*)"')
"""RFC 5322 section 3.2.4; group 1 is what stands within the quotes, quoted pairs still in it."""
QUOTED_PAIR = re.compile(r"\\(.)")


class LexicalError(ParseError):
    """A control character, an open comment or an open quoted string."""


def unfold(value: bytes) -> str:
    """The value as one line of text. Raises `LexicalError` where a control character is left (NUL, bare CR or LF)."""
    text = _FOLD.sub(b"", value).decode("utf-8", "surrogateescape")
    bad = _CONTROL.search(text)
    if bad:
        # RFC 5322 section 4.1 has them as obsolete syntax; readers cut at them, drop them or show them.
        raise LexicalError(f"control character {bad[0]!r} at {bad.start()}")
    return text


def skip_cfws(text: str, position: int) -> int:
    """The place of the next token, behind blanks and comments (RFC 5322 section 3.2.2)."""
    while True:
        token = _NO_BLANK.search(text, position)
        if token is None:
            return len(text)
        position = token.start()
        if text[position] != "(":
            return position
        position = end_of_comment(text, position)


def end_of_comment(text: str, position: int) -> int:
    """The place behind the comment that opens at `position`. Raises `LexicalError` when it never ends."""
    start = position
    depth = 0
    while True:
        special = _COMMENT_SPECIAL.search(text, position)
        if special is None:
            raise LexicalError(f"the comment at {start} is not closed (RFC 5322 section 3.2.2)")
        position = special.end()
        if special[0] == "(":
            depth += 1
            if depth > MAX_COMMENT_DEPTH:
                raise LimitError(f"comments nest deeper than {MAX_COMMENT_DEPTH} at {position}")
        elif special[0] == ")":
            depth -= 1
            if depth == 0:
                return position
        else:
            position += 1  # RFC 5322 section 3.2.1: the character behind the backslash is only itself


def unquote(content: str) -> str:
    """What a quoted string or a comment says: quoted pairs become their second character."""
    return QUOTED_PAIR.sub(r"\1", content) if "\\" in content else content
