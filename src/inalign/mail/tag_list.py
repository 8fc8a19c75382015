"""Tag lists, `tag=value; tag=value`, as DKIM-Signature, ARC and key records use them (RFC 6376 section 3.2)."""

from __future__ import annotations

import re

from inalign.errors import ParseError

MAX_TAGS = 64  # RFC 6376 defines 15 tags, the registry holds under 30; more is an attack on our time

_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_COMMON = frozenset(
    ["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z", "k", "n", "p", "cv"]
)  # names that need no second look
_FOLD = re.compile(r"\r\n(?=[ \t])")
# Visible characters, blanks and (RFC 8616) anything beyond ASCII; no control character can stand in a tag.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class TagError(ParseError):
    """The text is no tag list."""


def parse_tag_list(octets: bytes) -> dict[str, str]:
    """Read a tag list; the order of the tags is kept.

    Names keep their case (they are case-sensitive), values lose the blanks around them and keep those within;
    folds become the blank behind them. Octets beyond ASCII are decoded as UTF-8 with surrogateescape.
    Raises `TagError` for a missing `=`, a malformed or repeated name, an empty tag that is not the last, a control
    character (NUL, bare CR or LF), or more than `MAX_TAGS` tags.
    """
    text = octets.decode("utf-8", "surrogateescape")
    if "\r" in text:
        text = _FOLD.sub("", text)
    bad = _CONTROL.search(text)
    if bad:
        raise TagError(f"control character {bad[0]!r} at {bad.start()} in a tag list (RFC 6376 section 3.2)")
    specs = text.split(";", MAX_TAGS + 1)
    if len(specs) > 1 and not specs[-1].strip(" \t"):
        specs.pop()  # RFC 6376 section 3.2: tag-list may end with ";"
    if len(specs) > MAX_TAGS:
        raise TagError(f"more than {MAX_TAGS} tags in one list")
    tags: dict[str, str] = {}
    for spec in specs:
        name, equals, value = spec.partition("=")
        name = name.strip(" \t")
        if not equals or (name not in _COMMON and not _TAG_NAME.fullmatch(name)):
            raise TagError(f"{spec.strip()[:80]!r} is not tag=value (RFC 6376 section 3.2)")
        if name in tags:
            # RFC 6376 section 3.2: a repeated name makes the whole list invalid, whatever the values are.
            raise TagError(f"tag {name!r} occurs twice (RFC 6376 section 3.2)")
        tags[name] = value.strip(" \t")
    return tags
