"""The content of an Authentication-Results field as values, and how it is printed (RFC 8601 section 2.2).

What is printed always fits the grammar: a value that is no token is quoted, a word that is no keyword is mended, and
characters that could end a line, cut a text or turn its direction become `?`. So nothing that a peer chose (a name
in `d=`, a reverse-path, an explanation) can add a result, close a comment or begin another field. Values and comments
are cut at `MAX_PRINTED_OCTETS`, which keeps every folded line below the 998 octets of RFC 5322 section 2.1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

MAX_PRINTED_OCTETS = 400  # of one value or comment; longest that matters: a path of RFC 5321 section 4.5.3.1.3, 256

MAX_KEYWORD = 64  # the longest registered one, smime-identifier, has 16 letters

# Control characters (C0, DEL, C1), line and paragraph separators, the bidirectional controls, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# A token (RFC 2045 section 5.1) and a mailbox (RFC 5322 section 3.4.1), less what sloppy readers take for quotes or
# for an encoded-word; what does not fit is quoted, and that is always right.
_TOKEN = re.compile(r"[!#$%&*+.0-9A-Z^_a-z{|}~-]+")
_ATOM = r"[!#$%&*+/0-9=A-Z^_a-z{|}~-]++"
_DOMAIN = r"[0-9A-Za-z_](?:[0-9A-Za-z._-]*[0-9A-Za-z_])?"
_MAILBOX = re.compile(rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*")?@{_DOMAIN}')
# Quoted pairs; the `?` of `=?` too, lest a reader decodes an encoded-word here.
_SPECIAL_IN_QUOTES = re.compile(r'["\\]|(?<==)\?')
_SPECIAL_IN_COMMENT = re.compile(r'[()"\\]|(?<==)\?')
_PAIR = r"\\\g<0>"
_NO_KEYWORD = re.compile(r"[^0-9A-Za-z-]")  # RFC 5321 section 4.1.2


class Property(NamedTuple):
    """What a method looked at: `smtp.mailfrom=example.org`."""

    ptype: str
    """smtp, header, body, policy, or another word; in lower case. Results of unknown types decide nothing (RFC 8601
    section 2.3). Empty only in lenient reading, where a bare `name=value` was found."""
    name: str
    """The property in lower case, such as from or d."""
    value: str

    def __str__(self) -> str:
        ptype, name, value = self
        label = _label(ptype[:MAX_KEYWORD], name[:MAX_KEYWORD])
        return f"{label}={_printed_often(value) if len(value) <= MAX_PRINTED_OCTETS else _printed(value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """What one method found: `dkim=pass (2048-bit key) header.d=example.org`."""

    method: str
    """The method in lower case, such as spf, dkim or dmarc."""
    version: int = 1
    """Of the method (RFC 8601 section 2.6); not negative."""
    result: str
    """The result in lower case, such as pass or fail."""
    reason: str | None = None
    properties: tuple[Property, ...] = ()
    comment: str | None = None
    """The comment behind the result; for people only."""

    def __str__(self) -> str:
        parts = [f"{_keyword(self.method)}{_version('/', self.version)}={_keyword(self.result)}"]
        if self.comment:
            parts.append(f"({_SPECIAL_IN_COMMENT.sub(_PAIR, _clean(self.comment))})")
        if self.reason is not None:
            parts.append(f"reason={_value(_clean(self.reason))}")
        parts += [str(each) for each in self.properties]
        return " ".join(parts)

    def values(self, ptype: str, name: str) -> tuple[str, ...]:
        """The values of one property, in order."""
        return tuple(each.value for each in self.properties if (each.ptype, each.name) == (ptype, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationResults:
    """The content of one Authentication-Results field (RFC 8601 section 2.2)."""

    authserv_id: str
    """Who says so. Empty only in lenient reading, where none was found."""
    version: int = 1
    results: tuple[MethodResult, ...] = ()
    """Empty for `none`: no method was tried."""

    def __str__(self) -> str:
        """The value of the field: unfolded, without the name, within the grammar whatever the parts hold."""
        head = _value(_clean(self.authserv_id)) + _version(" ", self.version)
        return "; ".join([head, *(str(each) for each in self.results)] if self.results else [head, "none"])


def _version(before: str, version: int) -> str:
    return "" if version == 1 else f"{before}{version}"


def _keyword(word: str) -> str:
    """The word as RFC 5321 section 4.1.2 has keywords: letters, digits and hyphens, no hyphen at the end."""
    if word.isalnum() and word.isascii() and word.islower() and len(word) <= MAX_KEYWORD:
        return word
    return _NO_KEYWORD.sub("-", word[:MAX_KEYWORD].lower()).rstrip("-") or "x"


@lru_cache(maxsize=256)
def _label(ptype: str, name: str) -> str:
    return f"{_keyword(ptype or 'policy')}.{_keyword(name)}"


def _printed(value: str) -> str:
    """The value of a property: a mailbox or a domain as it stands, else a token or a quoted string."""
    value = _clean(value)
    return value if "@" in value and _MAILBOX.fullmatch(value) else _value(value)


_printed_often = lru_cache(maxsize=1024)(_printed)
"""The same domain stands three times in a field, and in those of many messages; for short values alone."""


def _clean(text: str) -> str:
    """The text without characters that do something, and no longer than `MAX_PRINTED_OCTETS`."""
    if len(text) <= MAX_PRINTED_OCTETS and text.isascii() and text.isprintable():
        return text
    text = _UNPRINTABLE.sub("?", text)
    if len(text) * 4 > MAX_PRINTED_OCTETS and len(text.encode()) > MAX_PRINTED_OCTETS:
        text = text.encode()[: MAX_PRINTED_OCTETS - 3].decode(errors="ignore") + "..."
    return text


def _value(text: str) -> str:
    """A token or, where it is none, a quoted string (RFC 8601 section 2.2)."""
    return text if _TOKEN.fullmatch(text) else f'"{_SPECIAL_IN_QUOTES.sub(_PAIR, text)}"'


MAX_LINE = 78  # RFC 5322 section 2.1.1

# Blanks and what clings to them: a fold may stand in front of each piece. Quoted strings are never folded.
_PIECE = re.compile(r' *+(?:"(?:[^"\\]++|\\.)*"|\\.|[^ "\\]++|["\\])+| ++')
_OPAQUE = re.compile(r'"(?:[^"\\]++|\\.)*"|\\.')


def fold_authentication_results(value: str, *, name: str = "Authentication-Results") -> str:
    """A printed value with LF folds, as a milter sends them: one result a line, no line over 998 octets.

    A fold is an LF in front of a blank that stands there already, so taking out each LF gives the value again. What
    does not fit into 78 characters is folded between properties and between the words of a comment.
    """
    room = MAX_LINE - len(name) - len(": ")
    if len(value) <= room:
        return value
    lines: list[str] = []
    line = ""
    depth = 0
    for piece in _PIECE.findall(value):
        if line and (len(line) + len(piece) > room or (depth == 0 and line[-1] == ";")):
            lines.append(line)
            line = ""
            room = MAX_LINE
        line += piece
        if "(" in piece or ")" in piece:
            bare = _OPAQUE.sub("", piece)
            depth += bare.count("(") - bare.count(")")
    return "\n".join([*lines, line])
