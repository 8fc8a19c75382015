"""Octets that should be I-JSON (RFC 8460 section 4.4) -> objects, and the values that are in them.

Names compare in lower case with hyphens. Lenient where a reporter is, bounded where an attacker is.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite

from inalign.reports.aggregate.elements import CONTROL
from inalign.reports.flaw import FlawCode, Flaws
from inalign.reports.limits import TlsLimits
from inalign.reports.text import value_text
from inalign.reports.values import MAX_COUNT, address, count, instant

_MAX_DIGITS = 18  # of a whole number; a longer one is kept as text, and is then none
_BLANKS = " \t\r\n\ufeff\0"

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def decoded(data: bytes, flaws: Flaws) -> str:
    """The text: UTF-8 as RFC 8259 section 8.1 has it, else UTF-16 or UTF-32, else what it is seen to be."""
    data = data.strip(b" \t\r\n") if data[:1] not in (b"\xff", b"\xfe", b"\0") and data[1:2] != b"\0" else data
    encoding = json.detect_encoding(data)
    if encoding in {"utf-8", "utf-8-sig"}:
        text = value_text(data.removeprefix(b"\xef\xbb\xbf"), flaws)
    else:
        text = data.decode(encoding, "replace")
        if "\ufffd" in text:
            flaws.tell(FlawCode.ENCODING, f"not all of it is {encoding}; U+FFFD stands for what is not")
    return text.strip(_BLANKS)


def parse(text: str, flaws: Flaws) -> Json:
    """The first JSON value of the text. Raises `ValueError` for what is none, `RecursionError` for deep nesting."""

    def pairs(found: list[tuple[str, Json]]) -> Json:
        made: dict[str, Json] = {}
        for name, value in found:
            key = name.lower().replace("_", "-").strip()
            if key in made:
                flaws.tell(FlawCode.SHAPE, f"{key[:60]!r} stands twice; the first one was taken")
            else:
                made[key] = value
        return made

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_int=_whole, parse_constant=_constant, strict=False)
    value: Json
    value, end = decoder.raw_decode(text)
    if text[end:].strip(_BLANKS):
        flaws.tell(FlawCode.AFTER, f"{len(text) - end} characters follow the report")
    return value


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _constant(_: str) -> None:
    """NaN and the infinities, which are no JSON."""


class Values:
    """Reads the values of objects. Each takes the first of several names that is there and not null."""

    def __init__(self, limits: TlsLimits, flaws: Flaws) -> None:
        self.limits, self.flaws = limits, flaws

    def text(self, of: dict[str, Json], *names: str, needed: bool = False) -> str:
        """A text; empty where there is none."""
        name, value = _found(of, names)
        if value is None or value == "":
            if needed:
                self.flaws.tell(FlawCode.MISSING, name)
            return ""
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            self.flaws.tell(FlawCode.SHAPE, f"{name} is no text")
            value = "" if isinstance(value, dict | list) or value is None else str(value)
        return self._clean(value, name)

    def texts(self, of: dict[str, Json], *names: str, lines: bool = False) -> tuple[str, ...]:
        """A list of texts; one text is a list of one, or of its lines."""
        name, value = _found(of, names)
        if isinstance(value, str):
            if lines and value:
                self.flaws.tell(FlawCode.SHAPE, f"{name} is a text, no list")
            value = [line.strip() for line in value.splitlines()] if lines else [value]
        elif value is not None and not isinstance(value, list):
            self.flaws.tell(FlawCode.SHAPE, f"{name} is no list")
            value = []
        found: list[str] = []
        for each in value or []:
            if not isinstance(each, str):
                self.flaws.tell(FlawCode.SHAPE, f"{name} holds what is no text; it was left out")
            elif each and len(found) >= self.limits.values:
                self.flaws.tell(FlawCode.CUT, f"{name}: more than {self.limits.values} values")
                break
            elif each:
                found.append(self._clean(each, name))
        return tuple(found)

    def objects(self, of: dict[str, Json], name: str, *, needed: bool = False) -> list[dict[str, Json]]:
        """A list of objects; one object is a list of one."""
        value = of.get(name)
        if value is None:
            if needed:
                self.flaws.tell(FlawCode.MISSING, name)
            return []
        if not isinstance(value, list):
            self.flaws.tell(FlawCode.SHAPE, f"{name} is no list")
            value = [value]
        found = [each for each in value if isinstance(each, dict)]
        if len(found) < len(value):
            self.flaws.tell(FlawCode.SHAPE, f"{name} holds what is no object; it was left out")
        return found

    def count(self, of: dict[str, Json], *names: str) -> int | None:
        """A number of sessions; None where there is no value, 0 where it makes no sense."""
        name, value = _found(of, names)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
            return value
        number = 0
        if isinstance(value, str):
            number = count(value)[0]
        elif isinstance(value, float) and isfinite(value) and 0 <= value <= MAX_COUNT:
            number = int(value)
        self.flaws.tell(FlawCode.COUNT, f"{name} {str(value)[:60]!r} was read as {number}")
        return number

    def address(self, of: dict[str, Json], name: str) -> str | None:
        """An IP address in canonical text; None where there is none, which is no flaw, or an unreadable one."""
        text = self.text(of, name)
        if not text.strip():
            return None
        found, mended = address(text)
        if mended:
            self.flaws.tell(FlawCode.ADDRESS, f"{name} {text[:60]!r} was read as {found}")
        return found

    def instant(self, of: dict[str, Json], name: str) -> datetime | None:
        """A date of RFC 3339, or in another form."""
        text = self.text(of, name, needed=True)
        if not text:
            return None
        bare = text.strip()[:100].upper()
        try:
            found = datetime.fromisoformat(bare)
            if found.tzinfo is not None and "T" in bare:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        moment, _ = instant(text.strip().replace(":60", ":59"))  # a leap second
        self.flaws.tell(FlawCode.DATE, f"{name} {text[:60]!r} was read as {moment}")
        return moment

    def _clean(self, text: str, name: str) -> str:
        if len(text) > self.limits.text:
            self.flaws.tell(FlawCode.CUT, f"{name}: {len(text)} characters")
            text = text[: self.limits.text]
        return CONTROL.sub("", text)


def _found(of: dict[str, Json], names: tuple[str, ...]) -> tuple[str, Json]:
    for name in names:
        value = of.get(name)
        if value is not None:
            return name, value
    return names[0], None
