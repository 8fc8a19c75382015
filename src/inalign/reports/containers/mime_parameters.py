"""The parameters of Content-Type and Content-Disposition, as written in the wild; never raising."""

from __future__ import annotations

import re

from inalign.reports.fields import decode_words
from inalign.reports.flaw import Flaws
from inalign.reports.text import value_text

# RFC 2231 section 3: `name*0*=`. Each alternative begins with another character, so it is linear.
_PARAMETER = re.compile(
    r";\s*(?P<name>[^\s=;*]{1,60})(?P<section>\*[0-9]{1,3})?(?P<star>\*)?\s*="
    r"\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^;\"]*))",
    re.DOTALL,
)


def parameters(value: str) -> dict[str, str]:
    """The parameters of Content-Type or Content-Disposition, those of RFC 2231 put together and decoded."""
    plain: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for found in _PARAMETER.finditer(value):
        name = found["name"].lower()
        quoted = found["quoted"]
        text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found["plain"].strip()
        if found["section"] is None and found["star"] is None:
            plain.setdefault(name, decode_words(text, Flaws()))
        else:
            order = int(found["section"][1:]) if found["section"] else 0
            sections.setdefault(name, []).append((order, found["star"] is not None, text))
    for name, parts in sections.items():
        plain[name] = _joined(sorted(parts, key=lambda part: part[0]))
    return plain


def _joined(parts: list[tuple[int, bool, str]]) -> str:
    """RFC 2231 section 4.1: the character set stands in front of the first part."""
    charset, octets = "", b""
    for index, (_, is_encoded, text) in enumerate(parts):
        if not is_encoded:
            octets += text.encode("utf-8", "surrogateescape")
            continue
        if index == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)  # noqa: PLW2901 - the language between is of no use
        octets += _percent(text)
    return value_text(octets, Flaws(), charset or "utf-8")


def _percent(text: str) -> bytes:
    first, *rest = text.encode("utf-8", "surrogateescape").split(b"%")
    octets = first
    for part in rest:
        try:
            octets += bytes.fromhex(part[:2].decode("ascii")) + part[2:]
        except ValueError:
            octets += b"%" + part
    return octets
