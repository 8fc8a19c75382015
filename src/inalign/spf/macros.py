"""Macros, RFC 7208 section 7: `%{ir}.%{v}._spf.%{d2}` is read once and filled in for every client.

Reading checks the grammar, so that a record with a bad macro anywhere is refused before anything is evaluated.
Filling in never fails: it gives text, or None where RFC 8616 section 4 says that the term matches nothing. It is
bounded by what it writes, not by what the record repeats: a target is built from its right end, for only its last
253 octets count, and an explanation from its left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from inalign.errors import ParseError
from inalign.mail.domain import MAX_LABEL_OCTETS, MAX_NAME_OCTETS
from inalign.spf.identity import Client

MAX_EXPLANATION_OCTETS = 499  # RFC 5321 section 4.5.3.1.5: a reply line has 512, less "550 5.7.23 " and CRLF
MAX_VALUE_OCTETS = 1024  # RFC 5321 section 4.5.3.1.4 knows command lines of 512; a longer value is no part of a name
MAX_MACROS = 255  # in one term or explanation; RFC 7208 section 7.3 knows names of 127 labels
_ALL_PARTS = 1 << 30


class MacroError(ParseError):
    """The text is no macro-string, domain-spec or explain-string of RFC 7208 section 7.1."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One `%{...}`: a letter and what is done to its value."""

    letter: str
    """In lower case: one of s l o d i p v h c r t."""
    is_escaped: bool = False
    """Whether the letter was upper case: the expansion is URL-escaped."""
    parts: int = 0
    """How many right-hand parts stay; 0 is all of them."""
    is_reversed: bool = False
    delimiters: str = ""
    """What the value is split on; empty is the dot."""

    def transform(self, value: str) -> str:
        """RFC 7208 section 7.3: split, reverse, keep the right-hand parts, join with dots, escape."""
        if self.parts or self.is_reversed or self.delimiters:
            for delimiter in self.delimiters:
                value = value.replace(delimiter, "\0")  # no value holds a NUL, and a dot may be no delimiter
            pieces = value.split("\0" if self.delimiters else ".")
            if self.is_reversed:
                pieces.reverse()
            value = ".".join(pieces[-self.parts :])
        return quote(value, safe="", errors="surrogateescape") if self.is_escaped else value


@dataclass(frozen=True, slots=True)
class MacroString:
    """Text with macros, as written and taken apart. `str()` gives it as written."""

    text: str
    parts: tuple[str | Macro, ...]

    def __str__(self) -> str:
        return self.text

    def uses(self, letter: str) -> bool:
        """Whether a macro with this (lower-case) letter is in it."""
        return any(isinstance(part, Macro) and part.letter == letter for part in self.parts)


@dataclass(frozen=True, slots=True)
class DomainSpec(MacroString):
    """A macro-string that ends as a domain name must (RFC 7208 section 7.1)."""

    name: str | None = None
    """The target where no macro is in it, so that nothing is left to do."""
    needs_name: bool = False
    """Whether `%{p}` is in it, which takes DNS look-ups to fill in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What the macro letters stand for in one check (RFC 7208 section 7.2)."""

    client: Client
    local_part: str
    sender_domain: str
    domain: str
    """The domain whose record is evaluated: another one after `include` and `redirect`."""
    helo: str
    receiver: str
    now: datetime | None
    validated_name: str = "unknown"


_VALUES: dict[str, Callable[[Variables], str]] = {
    "s": lambda known: f"{known.local_part}@{known.sender_domain}",
    "l": lambda known: known.local_part,
    "o": lambda known: known.sender_domain,
    "d": lambda known: known.domain,
    "i": lambda known: known.client.dotted,
    "p": lambda known: known.validated_name,
    "v": lambda known: "in-addr" if known.client.version == 4 else "ip6",
    "h": lambda known: known.helo,
    "c": lambda known: known.client.text,
    "r": lambda known: known.receiver,
    "t": lambda known: "" if known.now is None else str(int(known.now.timestamp())),
}

# RFC 7208 section 7.1; `r` is a string of ABNF, so its case does not matter.
_EXPAND = re.compile(r"%(?:\{([SLODIPVHCRTslodipvhcrt])([0-9]*)([Rr]?)([-.+,/_=]*)\}|([%_-]))")
_VISIBLE = re.compile(r"[\x21-\x24\x26-\x7e]+")
_VISIBLE_OR_SPACE = re.compile(r"[\x20-\x24\x26-\x7e]+")
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
_LABELS = re.compile(rf"[^.]{{1,{MAX_LABEL_OCTETS}}}(?:\.[^.]{{1,{MAX_LABEL_OCTETS}}})*")
_UNSAFE = re.compile(r"[^\x20-\x7e]")


def parse_macro_string(text: str) -> MacroString:
    """Read a macro-string; it may be empty. Raises `MacroError`."""
    return MacroString(text, _take_apart(text, _VISIBLE)[0])


def parse_explain_string(text: str) -> MacroString:
    """Read the text that an `exp=` points to. Raises `MacroError`."""
    return MacroString(text, _take_apart(text, _VISIBLE_OR_SPACE)[0])


def parse_domain_spec(text: str) -> DomainSpec:
    """Read a domain-spec. Raises `MacroError`, also for `%{c}`, `%{r}` and `%{t}`."""
    parts, tail = _take_apart(text, _VISIBLE)
    macros = [part for part in parts if isinstance(part, Macro)]
    for macro in macros:
        if macro.letter in "crt":
            # RFC 7208 section 7.2: these three are for the explanation text alone
            raise MacroError(f"macro letter {macro.letter!r} stands outside an explanation (RFC 7208 section 7.2)")
    if (tail or not parts) and not _ends_in_toplabel(tail):
        raise MacroError(f"{text[:100]!a} does not end as a domain name (RFC 7208 section 7.1)")
    name = None if macros else "".join(map(str, parts)).removesuffix(".")
    return DomainSpec(text, parts, name, any(macro.letter == "p" for macro in macros))


def expand_target(spec: DomainSpec, known: Variables) -> str | None:
    """The target-name of a domain-spec, cut to 253 octets, without a trailing dot.

    None where a value is beyond ASCII, holds a control character or is longer than any name: such a term matches
    nothing. The name may still be malformed: see `is_queryable`.
    """
    if spec.name is not None:
        return cut_left(spec.name)
    pieces: list[str] = []
    octets = 0
    for part in reversed(spec.parts):
        piece = part if isinstance(part, str) else _fill_in(part, known)
        if piece is None:
            return None
        pieces.append(piece)
        octets += len(piece)
        if octets > MAX_NAME_OCTETS + 1:  # the rest is cut anyway; one octet more for a trailing dot
            break
    return cut_left("".join(reversed(pieces)).removesuffix("."))


def _fill_in(macro: Macro, known: Variables) -> str | None:
    value = _VALUES[macro.letter](known)
    # RFC 8616 section 4: a local part beyond ASCII can be no label, so the term matches nothing. RFC 7208 section 6.2
    # has explanations in US-ASCII; a control character would begin a new line of the SMTP reply.
    if len(value) > MAX_VALUE_OCTETS or _UNSAFE.search(value) or (macro.letter == "t" and not value):
        return None
    return macro.transform(value)


def cut_left(name: str) -> str:
    """RFC 7208 section 7.3: labels go from the left until the name has 253 octets at most."""
    if len(name) <= MAX_NAME_OCTETS:
        return name
    border = name.find(".", len(name) - MAX_NAME_OCTETS - 1)
    return name[border + 1 :]


def expand_explanation(explanation: MacroString, known: Variables) -> str | None:
    """The explanation for an SMTP reply: ASCII, no control characters, at most `MAX_EXPLANATION_OCTETS`.

    None where it cannot be that, or where it asks for a time that is not known.
    """
    pieces: list[str] = []
    octets = 0
    for part in explanation.parts:
        piece = part if isinstance(part, str) else _fill_in(part, known)
        if piece is None:
            return None
        pieces.append(piece)
        octets += len(piece)
        if octets > MAX_EXPLANATION_OCTETS:
            break
    return "".join(pieces)[:MAX_EXPLANATION_OCTETS]


def is_queryable(name: str) -> bool:
    """Whether a target is a name that DNS can be asked for (RFC 1035 section 2.3.4)."""
    return len(name) <= MAX_NAME_OCTETS and _has_good_labels(name)


@lru_cache(maxsize=4096)
def _has_good_labels(name: str) -> bool:
    return _LABELS.fullmatch(name) is not None


def _take_apart(text: str, literal: re.Pattern[str]) -> tuple[tuple[str | Macro, ...], str]:
    """The parts, and the literal text behind the last `%` expression."""
    parts: list[str | Macro] = []
    position = tail = macros = 0
    while position < len(text):
        found = literal.match(text, position)
        if found:
            parts.append(found[0])
        else:
            found = _EXPAND.match(text, position)
            if not found:
                # RFC 7208 section 7.3: a `%` that starts none of the four expressions is a syntax error
                raise MacroError(f"{text[position : position + 20]!a} at {position} is no macro (RFC 7208 section 7.1)")
            parts.append(_ESCAPES[found[5]] if found[5] else _macro(found))
            tail = found.end()
            macros += 1
            if macros > MAX_MACROS:
                raise MacroError(f"more than {MAX_MACROS} macros in one text")
        position = found.end()
    return tuple(parts), text[tail:]


def _macro(found: re.Match[str]) -> Macro:
    letter, digits, reverse, delimiters = found.group(1, 2, 3, 4)
    remaining = digits.lstrip("0")
    if digits and not remaining:
        raise MacroError(f"{found[0][:20]!r} keeps no part: the number must not be 0 (RFC 7208 section 7.3)")
    # Of more parts than a value can have all stay; int() would refuse a number of thousands of digits.
    parts = int(remaining) if remaining and len(remaining) < 9 else _ALL_PARTS if remaining else 0
    return Macro(letter.lower(), letter.isupper(), parts, bool(reverse), delimiters)


def _ends_in_toplabel(tail: str) -> bool:
    """RFC 7208 section 7.1: `"." toplabel ["."]`, where a toplabel is not all digits."""
    _, dot, label = tail.removesuffix(".").rpartition(".")
    if not dot or not label.replace("-", "").isalnum() or label[0] == "-" or label[-1] == "-":
        return False
    return "-" in label or not label.isdigit()
