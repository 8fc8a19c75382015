"""Header fields as people read them: a block of octets cut into fields, values unfolded and decoded.

For showing and for values of reports; never for what a signature covers (`mail.fields` keeps octets). Any octets are
taken: lines may end in CRLF, LF or CR, words may be encoded in any way (RFC 2047) or not at all.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

from inalign.reports.aggregate.elements import CONTROL
from inalign.reports.flaw import Flaws
from inalign.reports.text import value_text

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_FOLD = re.compile(r"\n[ \t]*")
# RFC 2047 section 2; blanks within a Q word are forbidden and met. `?` ends each part, so it is linear.
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?\n]*)\?=")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def fields_of(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and value of each field of a header; folds are LF and the blanks behind it.

    A line that is no field is given with an empty name. Empty lines are passed over.
    """
    name = ""
    value: list[bytes] = []
    for line in _LINE_END.split(block):
        if not line.strip():
            continue
        if value and line[:1] in (b" ", b"\t"):
            value.append(line)
            continue
        if value:
            yield name, b"\n".join(value)
        field = _FIELD.match(line)
        name, value = (field[1].decode("ascii"), [line[field.end() :]]) if field else ("", [line.strip()])
    if value:
        yield name, b"\n".join(value)


def shown(value: bytes, flaws: Flaws) -> str:
    """A value decoded, its folds kept (an LF in front of a blank), without other control characters."""
    return CONTROL.sub("", decode_words(value_text(value, flaws), flaws).replace("\r", "")).strip(" \t\n")


def unfolded(value: bytes, flaws: Flaws) -> str:
    """A value decoded, as one line."""
    return one_line(shown(value, flaws))


def one_line(text: str) -> str:
    """The text without folds; each is a blank."""
    return _FOLD.sub(" ", text).strip(" \t") if "\n" in text else text


def decode_words(text: str, flaws: Flaws) -> str:
    """The text with its encoded words decoded (RFC 2047 section 6.2).

    Words of one charset that follow one another are decoded as one, since many writers cut within a character.
    """
    if "=?" not in text:
        return text
    parts: list[str] = []
    octets, charset, end = b"", "", 0
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        found = word[1].partition("*")[0].lower()  # a language may stand behind an asterisk
        if between.strip() or not charset or found != charset:
            if charset:
                parts.append(_plain(octets, charset, flaws))
            parts.append(between if between.strip() or not charset else "")
            octets = b""
        octets += _octets(word[2], word[3])
        charset, end = found, word.end()
    if charset:
        parts.append(_plain(octets, charset, flaws))
    return "".join([*parts, text[end:]])


def _plain(octets: bytes, charset: str, flaws: Flaws) -> str:
    """Decoded octets; line ends in them cannot make another line."""
    return value_text(octets, flaws, charset).replace("\r", "").replace("\n", " ")


def _octets(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return _HEX.sub(lambda code: bytes([int(code[1], 16)]), raw.replace(b"_", b" "))
    return base64_octets(text)


def base64_octets(text: str) -> bytes:
    """What base64 stands for, characters that are none left out and a cut end completed."""
    kept = _NO_BASE64.sub("", text)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return b64decode(kept + "=" * (-len(kept) % 4))
