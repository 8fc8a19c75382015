"""Reading the Authentication-Results field (RFC 8601 section 2.2); what was read and how it prints is in `results`.

Strict reading takes the grammar, UTF-8 (RFC 8601 section 2.5), and three things that the grammar refuses and half the
world writes: a last `;`, a property without its type (`x-bits=1024`), and property values that are no tokens but hold
nothing that could end them (base64, IPv6 addresses). Lenient reading is for what others wrote and nothing is decided
on: it takes a field without an authserv-id or without the `;` behind it, odd comments and control characters, and
leaves out what it cannot read. It never gives a field in which it read no result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from inalign.errors import LimitError, ParseError
from inalign.mail.lexical import QUOTED_STRING, end_of_comment, skip_cfws, unfold, unquote
from inalign.mail.results import AuthenticationResults, MethodResult, Property

MAX_RESULTS = 256  # in one field: a result for each of 100 signatures and 50 ARC sets stays below
MAX_PROPERTIES = 64  # of one result: the registry has under 10 for a method

_KEYWORD = re.compile(r"[0-9A-Za-z_-]*[0-9A-Za-z]")  # RFC 5321 section 4.1.2, and the underscore of some filters
_DIGITS = re.compile(r"[0-9]{1,9}(?![^ \t;(=])")
# RFC 2045 section 5.1, and what is beyond ASCII but UTF-8 (RFC 8601 section 2.5): not the lone surrogates.
_TOKEN = re.compile("[!#$%&'*+.0-9A-Z^_`a-z{|}~\x80-\ud7ff\ue000-\U0010ffff-]+")
# A value as found: all but blanks, `;`, quotes and parentheses.
_VALUE = re.compile('[^ \t;()"\\\\\ud800-\udfff]+')


class AuthenticationResultsError(ParseError):
    """The value is no Authentication-Results."""


def parse_authentication_results(value: bytes | str, *, lenient: bool = False) -> AuthenticationResults:
    """Parse the value of an Authentication-Results field, folds (CRLF or LF) and a last CRLF included.

    Raises `ParseError` for what RFC 8601 refuses; with `lenient`, only where no result can be read at all, or more
    than the limits allow.
    """
    octets = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    octets = octets.removesuffix(b"\r\n")
    return _read_leniently(octets) if lenient else _FieldReader(unfold(octets)).read()


class _FieldReader:
    """The grammar of RFC 8601 section 2.2, over a position that only moves forward."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = skip_cfws(text, 0)
        self._behind = 0

    def read(self) -> AuthenticationResults:
        authserv_id = self._value(_TOKEN, "an authserv-id")
        version = self._version()
        self._expect(";")
        if self._is_none():
            return AuthenticationResults(authserv_id=authserv_id, version=version)
        results = list(self.results())
        if not results:
            raise self._error("a result")
        return AuthenticationResults(authserv_id=authserv_id, version=version, results=tuple(results))

    def _is_none(self) -> bool:
        word = _KEYWORD.match(self.text, self.position)
        if word is None or word[0].lower() != "none":
            return False
        return not self.text[skip_cfws(self.text, word.end()) :].strip("; \t")

    def results(self) -> Iterator[MethodResult]:
        """The results from here on, with `;` between them."""
        count = 0
        while not self._is_at_end():
            count += 1
            if count > MAX_RESULTS:
                raise LimitError(f"more than {MAX_RESULTS} results in one field")
            yield self._result()
            if self._is_at_end():
                return
            self._expect(";")

    def _result(self) -> MethodResult:
        method = self._keyword("a method")
        version = 1
        if self._take("/"):
            version = int(self._match(_DIGITS, "a method version"))
        self._expect("=")
        result = self._keyword("a result")
        comment = self._comment()
        reason: str | None = None
        properties: list[Property] = []
        while not self._is_at_end() and self.text[self.position] != ";":
            name = self._keyword("a property or reason")
            ptype = ""
            if self._take("."):
                ptype, name = name, self._keyword("a property")
            self._expect("=")
            if name == "reason" and not ptype and reason is None:
                reason = self._value(_VALUE, "a reason")
                continue
            if len(properties) >= MAX_PROPERTIES:
                raise LimitError(f"more than {MAX_PROPERTIES} properties of one result")
            properties.append(Property(ptype, name, self._property_value()))
        return MethodResult(
            method=method,
            version=version,
            result=result,
            reason=reason,
            properties=tuple(properties),
            comment=comment,
        )

    def _property_value(self) -> str:
        """A value, or a mailbox whose local part may be quoted; `""` alone is an empty value."""
        if self.text.startswith('"', self.position):
            quoted = QUOTED_STRING.match(self.text, self.position)
            if quoted is not None and self.text.startswith("@", quoted.end()):
                domain = _VALUE.match(self.text, quoted.end())
                end = domain.end() if domain else quoted.end()
                value = self.text[self.position : end]
                self.position = skip_cfws(self.text, end)
                return value
        return self._value(_VALUE, "a value")

    def _value(self, plain: re.Pattern[str], wanted: str) -> str:
        quoted = QUOTED_STRING.match(self.text, self.position)
        if quoted is not None:
            self.position = skip_cfws(self.text, quoted.end())
            return unquote(quoted[1])
        return self._match(plain, wanted)

    def _keyword(self, wanted: str) -> str:
        return self._match(_KEYWORD, wanted).lower()

    def _version(self) -> int:
        digits = _DIGITS.match(self.text, self.position)
        if digits is None:
            return 1
        self.position = skip_cfws(self.text, digits.end())
        return int(digits[0])

    def _comment(self) -> str | None:
        """The first comment behind the token just read; the place of the next token is known already."""
        between = self.text[self._behind : self.position].lstrip(" \t")
        return unquote(between[1 : end_of_comment(between, 0) - 1]) if between.startswith("(") else None

    def _match(self, pattern: re.Pattern[str], wanted: str) -> str:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise self._error(wanted)
        self._behind = found.end()
        self.position = skip_cfws(self.text, found.end())
        return found[0]

    def _take(self, character: str) -> bool:
        if not self.text.startswith(character, self.position):
            return False
        self.position = skip_cfws(self.text, self.position + 1)
        return True

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise self._error(repr(character))

    def _is_at_end(self) -> bool:
        return self.position >= len(self.text)

    def _error(self, wanted: str) -> AuthenticationResultsError:
        found = self.text[self.position : self.position + 20] or "the end"
        return AuthenticationResultsError(
            f"expected {wanted} at {self.position}, found {found!r} (RFC 8601 section 2.2)"
        )


_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
# An authserv-id, a version, and perhaps properties that should not stand here (Yahoo).
_HEAD = re.compile(
    r"(?P<id>[^ \t=;()\"]+)(?:[ \t]+(?P<version>[0-9]{1,9}))?(?P<rest>(?:[ \t]+[\w.-]+=[^ \t=;]+)*)[ \t]*"
)


def _read_leniently(value: bytes) -> AuthenticationResults:
    text = _CONTROLS.sub(" ", value.decode("utf-8", "surrogateescape"))
    segments = list(_segments(text))
    head = _HEAD.fullmatch(_without_comments(segments[0]).strip(" \t"))
    quoted = QUOTED_STRING.match(segments[0].lstrip(" \t"))
    authserv_id, version = "", 1
    if head is not None:
        authserv_id, version = head["id"], int(head["version"] or 1)
        segments = segments[1:]
    elif quoted is not None:
        authserv_id = unquote(quoted[1])
        segments = segments[1:]
    if len(segments) > MAX_RESULTS:
        raise LimitError(f"more than {MAX_RESULTS} results in one field")
    results = [result for segment in segments for result in _result_of(segment)]
    is_none = any(_without_comments(segment).strip(" \t").lower() == "none" for segment in segments)
    if not results and not is_none:
        raise AuthenticationResultsError("no result can be read")
    return AuthenticationResults(authserv_id=authserv_id, version=version, results=tuple(results))


def _result_of(segment: str) -> Iterator[MethodResult]:
    """The result of one segment: as the grammar has it, else its method and result with what can be read behind."""
    try:
        yield from _FieldReader(segment).results()
    except ParseError:
        bare = _without_comments(segment)
        found = _METHOD.match(bare)
        if found is not None:
            pairs = list(_PAIR.finditer(bare, found.end()))[:MAX_PROPERTIES]
            reasons = [pair["value"] for pair in pairs if pair["name"].lower() == "reason" and not pair["ptype"]]
            yield MethodResult(
                method=found["method"].lower(),
                result=found["result"].lower(),
                reason=reasons[0].strip('"') if reasons else None,
                properties=tuple(
                    Property((pair["ptype"] or "").lower(), pair["name"].lower(), pair["value"].strip('"'))
                    for pair in pairs
                    if pair["ptype"] or pair["name"].lower() != "reason"
                ),
            )


_METHOD = re.compile(r"[ \t#]*(?P<method>[A-Za-z][\w-]*)(?:/[0-9]+)?[ \t]*=[ \t]*(?P<result>[A-Za-z][\w-]*)(?![^ \t(])")
_PAIR = re.compile(
    r"(?<![^ \t#])(?:(?P<ptype>[A-Za-z][\w-]*)\.)?(?P<name>[A-Za-z][\w-]*)=(?P<value>\"[^\"]*\"|[^ \t]+)"
)


def _segments(text: str) -> Iterator[str]:
    """The parts between the `;` that stand in no comment and no quoted string."""
    start = 0
    for kind, place, end in _marks(text):
        if kind == ";":
            yield text[start:place]
            start = end
    yield text[start:]


def _without_comments(text: str) -> str:
    """The text with a blank for each comment."""
    parts: list[str] = []
    start = 0
    for kind, place, end in _marks(text):
        if kind == "(":
            parts.append(text[start:place])
            start = end
    return " ".join([*parts, text[start:]])


_SPECIAL = re.compile(r'[;("]')


def _marks(text: str) -> Iterator[tuple[str, int, int]]:
    """Each `;`, comment and quoted string that stands in no other: its first character, its place, its end.

    What opens and never ends is as good as plain text, and so is all of its kind behind it: so no place is read twice.
    """
    open_kinds: set[str] = set()
    position = 0
    while special := _SPECIAL.search(text, position):
        kind, place, position = special[0], special.start(), special.end()
        if kind in open_kinds:
            continue
        end = position if kind == ";" else _end_of(kind, text, place)
        if end is None:
            open_kinds.add(kind)
        else:
            yield kind, place, end
            position = end


def _end_of(kind: str, text: str, place: int) -> int | None:
    if kind == '"':
        quoted = QUOTED_STRING.match(text, place)
        return quoted.end() if quoted else None
    try:
        return end_of_comment(text, place)
    except ParseError:
        return None
