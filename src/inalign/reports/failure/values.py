"""The fields of a feedback part (RFC 5965 section 3) and what their values say. What is odd is mended and told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from inalign.errors import ParseError
from inalign.mail.lexical import end_of_comment
from inalign.reports.fields import fields_of, unfolded
from inalign.reports.flaw import FlawCode, Flaws
from inalign.reports.limits import FeedbackLimits
from inalign.reports.values import MAX_VALUE, address, count, instant

MAX_PORT = 65_535
MAX_WORDS = 1000  # characters of a list of words; all that there are make some 50

_ALIASES = {"received-date": "arrival-date"}  # RFC 5965 section 3.2: older writers call it so
_BETWEEN = re.compile(r"[ \t,;\[\]()<>]+")
_ADDRESS_LITERAL = re.compile(r"\[?ipv6:([0-9a-f:.]+)\]?", re.IGNORECASE)
_NO_ZONE = re.compile(r"[+-]0000\s*$")


class Fields:
    """The fields by name in lower case. `pop` takes one out; what is left at the end is what no report has."""

    def __init__(self, block: bytes, limits: FeedbackLimits, flaws: Flaws) -> None:
        self._flaws, self._limits = flaws, limits
        self._values: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        for number, (name, value) in enumerate(fields_of(block.removeprefix(b"\xef\xbb\xbf"))):
            if number >= limits.fields:
                flaws.tell(FlawCode.CUT, f"more than {limits.fields} fields")
                break
            if not name:
                flaws.tell(FlawCode.SHAPE, f"no field, left out: {unfolded(value[:60], flaws)!r}")
                continue
            text = unfolded(value, flaws)
            if len(text) > limits.text:
                flaws.tell(FlawCode.CUT, f"{name}: {len(text)} characters")
                text = text[: limits.text]
            key = _ALIASES.get(name.lower(), name.lower())
            values = self._values.setdefault(key, [])
            self._names.setdefault(key, name)
            if len(values) < limits.repeats:
                values.append(text)
            else:
                flaws.tell(FlawCode.CUT, f"{name}: more than {limits.repeats} times")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def any_of(self, names: Iterable[str]) -> bool:
        """Whether one of these fields is there."""
        return any(name in self._values for name in names)

    def many(self, name: str) -> tuple[str, ...]:
        """The values of a field that may be repeated, the empty ones left out."""
        return tuple(value for value in self._values.pop(name, ()) if value)

    def one(self, name: str) -> str | None:
        """The value of a field that may not; the first one of several."""
        values = self._values.pop(name, None)
        if values is None:
            return None
        different = list(dict.fromkeys(values))
        if len(different) > 1:
            self._flaws.tell(FlawCode.SHAPE, f"{name} stands {len(values)} times; the first one was taken")
        return next(filter(None, values), "")

    def text(self, name: str) -> str:
        """The same, empty where there is none."""
        return self.one(name) or ""

    def rest(self) -> tuple[tuple[str, str], ...]:
        """All that was not taken, under the names as written."""
        found = [(self._names[key], value) for key, values in self._values.items() for value in values]
        if len(found) > self._limits.repeats:
            self._flaws.tell(FlawCode.CUT, f"more than {self._limits.repeats} other fields")
        return tuple(found[: self._limits.repeats])


def path(text: str | None) -> str | None:
    """A path of RFC 5321 section 4.1.2 without its brackets; empty for the null one."""
    if text is None:
        return None
    text = text.strip()
    return text[1:-1].strip() if text.startswith("<") and text.endswith(">") else text


def words(text: str) -> tuple[str, ...]:
    """The words of a list, in lower case."""
    return tuple(dict.fromkeys(word.lower() for word in _BETWEEN.split(without_comments(text[:MAX_WORDS])) if word))


def without_comments(text: str) -> str:
    """The text without its comments (RFC 5322 section 3.2.2)."""
    parts: list[str] = []
    position = 0
    while (start := text.find("(", position)) >= 0:
        try:
            end = end_of_comment(text, start)
        except ParseError:
            break
        parts.append(text[position:start])
        position = end
    return " ".join([*parts, text[position:]]).strip()


def source_address(text: str, flaws: Flaws) -> str | None:
    """The address of `Source-IP`, which may be a literal of RFC 5321 section 4.1.3, or is found among other words."""
    bare = without_comments(text[:1000]) if text else ""
    literal = _ADDRESS_LITERAL.fullmatch(bare)
    found, mended = address(literal[1] if literal and bare[0] != "[" else bare)
    if found is None:
        for word in _BETWEEN.split(text[:1000])[:20]:
            if ("." in word or ":" in word) and found is None:
                found = address(word)[0]
    if mended:
        flaws.tell(FlawCode.ADDRESS, f"{text[:60]!r} was read as {found}")
    return found


def date(text: str, flaws: Flaws) -> datetime | None:
    """A date of RFC 5322 section 3.3, or in another form."""
    bare = without_comments(text[:1000])[: 2 * MAX_VALUE]
    try:
        moment = parsedate_to_datetime(bare)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        if _NO_ZONE.search(bare):  # RFC 5322 section 3.3: UTC, and the place is not told
            return moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        pass
    found, _ = instant(bare.strip())
    flaws.tell(FlawCode.DATE, f"{text[:60]!r} was read as {found}")
    return found


def number(name: str, text: str | None, most: int, flaws: Flaws) -> int | None:
    """A number from 1 to `most`; None where there is none."""
    if text is None:
        return None
    bare = without_comments(text)
    found, mended = count(bare)
    if mended or not 0 < found <= most:
        flaws.tell(FlawCode.COUNT, f"{name} {text[:60]!r} was read as {found if 0 < found <= most else None}")
    return found if 0 < found <= most else None
