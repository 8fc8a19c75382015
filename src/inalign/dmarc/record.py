"""DMARC records as a type: reading, and printing what was read.

RFC 9989 sections 4.7 (tags), 4.8 (grammar) and 4.10.1 (a record without a valid policy). Records written for
RFC 7489 are read as they are found. A text is a DMARC record if its version is right, and then nothing in it is an
error of ours: what breaks the grammar is replaced by the default or left out (RFC 9989 section 4.8), and told as a
`Flaw`, for the checker.

What the grammar leaves open, and what is done here:

- Tags with the same name that say different things are a syntax error of that tag; repeats count once.
- Tag names have no case; blanks may stand at both ends of the record; empty tags are passed over.
- A report URI is judged alone, so that one broken address does not silence the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

from inalign.dmarc.report_uri import ReportUri, parse_report_uri
from inalign.dmarc.result import Policy
from inalign.errors import ParseError

T = TypeVar("T", bound=Hashable)

MAX_TAGS = 64  # RFC 9989 section 9.3 knows 14 tags; what stands behind the 64th is not read
MAX_REPORT_URIS = 64  # of one tag; RFC 9989 section 4.6 would have a report sent to each of them
MAX_DETAIL = 120  # characters of a stranger's text that a flaw repeats
MAX_CACHED_RECORDS = 2048
MAX_CACHED_LENGTH = 1024  # longer ones are read anew each time, so that strangers cannot fill the memory


class DmarcRecordError(ParseError):
    """The text is no DMARC record: it does not begin with `v=DMARC1`."""


class AlignmentMode(StrEnum):
    """How alike two domains must be (RFC 9989 section 3.2.10)."""

    RELAXED = "r"
    """They have the same organizational domain."""
    STRICT = "s"
    """The domains must be identical."""


class PublicSuffix(StrEnum):
    """What the record says about its own name (RFC 9989 section 4.7, tag psd)."""

    YES = "y"
    """A public suffix domain."""
    NO = "n"
    """The organizational domain of itself and all names below."""
    UNDECLARED = "u"
    """No public suffix; the tree walk decides whether it is an organizational domain."""


class RecordFlawCode(StrEnum):
    """What a checker may say about a record. None of these makes a text with the right version no record."""

    BLANK_BEFORE_VERSION = "blank_before_version"
    UPPER_CASE_TAG = "upper_case_tag"
    """Other readers compare tag names with case (RFC 6376 section 3.2)."""
    EMPTY_TAG = "empty_tag"
    NOT_A_TAG = "not_a_tag"
    """A piece between semicolons without `=`, or whose name is no tag name."""
    REPEATED_TAG = "repeated_tag"
    """The same tag, and each time it says the same."""
    CONTRADICTING_TAG = "contradicting_tag"
    """The same tag with different values: none of them counts."""
    INVALID_VALUE = "invalid_value"
    """The default counts instead, if there is one."""
    INVALID_URI = "invalid_uri"
    """One address of rua or ruf that is no URI; the others stay."""
    OBSOLETE_SIZE = "obsolete_size"
    """The size limit of RFC 7489 behind a URI: read over (RFC 9989 section 4.8)."""
    HISTORIC_TAG = "historic_tag"
    """pct, rf or ri of RFC 7489: ignored (RFC 9989 section 9.3)."""
    UNKNOWN_TAG = "unknown_tag"
    MISSING_POLICY = "missing_policy"
    FO_WITHOUT_RUF = "fo_without_ruf"
    TOO_MANY = "too_many"
    """More tags or URIs than are read."""


class RecordFlaw(NamedTuple):
    """One thing that is not as it should be."""

    code: RecordFlawCode
    tag: str
    """The tag in lower case; empty where the flaw belongs to none."""
    detail: str
    """What was found, as written, cut to a readable length."""


_DEFAULT_FO = ("0",)


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcRecord:
    """A DMARC policy record. `p`, `sp` and `np` are what was written; what follows from it are the properties."""

    p: Policy | None = None
    """None where it is missing or not valid."""
    sp: Policy | None = None
    """None where it is missing or not valid (then `invalid` has it)."""
    np: Policy | None = None
    """The policy for subdomains that do not exist; None where the record has no `np`."""
    adkim: AlignmentMode = AlignmentMode.RELAXED
    aspf: AlignmentMode = AlignmentMode.RELAXED
    psd: PublicSuffix = PublicSuffix.UNDECLARED
    testing: bool = False
    """`t=y` (RFC 9989 appendix A.6)."""
    fo: tuple[str, ...] = _DEFAULT_FO
    """When failure reports are wanted: 0, 1, d, s in the order written; means nothing without `ruf`."""
    rua: tuple[ReportUri, ...] = ()
    ruf: tuple[ReportUri, ...] = ()
    invalid: tuple[tuple[str, str], ...] = ()
    """Known tags with a syntax error, as written."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Tags that RFC 9989 does not process, the historic pct, rf and ri among them, as written, each name once."""
    flaws: tuple[RecordFlaw, ...] = field(default=(), compare=False)
    text: str = field(default="", compare=False)
    """The record as it was found; octets beyond ASCII as UTF-8 with surrogateescape."""

    @property
    def is_sound(self) -> bool:
        """Whether there is a valid `p`, and neither `sp` nor `np` is broken."""
        return self.p is not None and not (self.invalid and any(tag in ("sp", "np") for tag, _ in self.invalid))

    @property
    def is_usable(self) -> bool:
        """Whether DMARC applies at all to messages under this record."""
        # RFC 9989 section 4.10.1: without a valid policy a record lives by its valid rua alone
        return self.is_sound or bool(self.rua)

    @property
    def domain_policy(self) -> Policy | None:
        """The policy for the name of the record itself, None if the record is not usable."""
        if self.is_sound:
            return self.p
        # RFC 9989 section 4.10.1: "act as if a record containing p=none was retrieved", and that for all names
        return Policy.NONE if self.rua else None

    @property
    def subdomain_policy(self) -> Policy | None:
        """The policy for existing names below, None if the record is not usable."""
        return self.sp if self.is_sound and self.sp is not None else self.domain_policy

    @property
    def nonexistent_policy(self) -> Policy | None:
        """The policy for names below that do not exist, None if the record is not usable."""
        return self.np if self.is_sound and self.np is not None else self.subdomain_policy

    def __str__(self) -> str:
        """The record in one canonical form, which reads back as an equal one. Defaults are not written."""
        return "; ".join(["v=DMARC1", *(f"{tag}={value}" for tag, value in self._tags())])

    def _tags(self) -> list[tuple[str, str]]:
        plain = {
            "p": self.p,
            "sp": self.sp,
            "np": self.np,
            "adkim": self.adkim if self.adkim is not AlignmentMode.RELAXED else None,
            "aspf": self.aspf if self.aspf is not AlignmentMode.RELAXED else None,
            "psd": self.psd if self.psd is not PublicSuffix.UNDECLARED else None,
            "t": "y" if self.testing else None,
            "rua": ",".join(uri.uri for uri in self.rua) or None,
            "ruf": ",".join(uri.uri for uri in self.ruf) or None,
            "fo": ":".join(self.fo) if self.fo != _DEFAULT_FO else None,
        }
        return [*((tag, value) for tag, value in plain.items() if value is not None), *self.invalid, *self.unknown]


# RFC 9989 section 4.7: v comes first, its value is case-sensitive; section 4.8: blanks around the equals sign
_VERSION = re.compile(r"[ \t]*[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_VERSION_OCTETS = re.compile(_VERSION.pattern.encode())

# RFC 9989 section 4.8 has letters only; RFC 6376 section 3.2 allows more, so that such a tag is merely unknown.
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_BLANKS = " \t"


def is_dmarc_record(octets: bytes) -> bool:
    """Whether a TXT record is one of DMARC: the filter of the tree walk, which looks at the version alone."""
    return _VERSION_OCTETS.match(octets) is not None


def parse_dmarc_record(text: str | bytes) -> DmarcRecord:
    """Read a DMARC record, the strings of its TXT record joined (RFC 9989 section 4.5).

    Raises `DmarcRecordError` unless it begins with `v=DMARC1`; everything else that is wrong is told in `flaws`.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    text = text.removesuffix("\r\n")  # of a line that a person read from a file
    return _parse_cached(text) if len(text) <= MAX_CACHED_LENGTH else _parse(text)


def _parse(text: str) -> DmarcRecord:
    if not _VERSION.match(text):
        raise DmarcRecordError(f"{_cut(text)!r} does not begin with v=DMARC1 (RFC 9989 section 4.7)")
    flaws: list[RecordFlaw] = []
    if text[0] in _BLANKS:
        flaws.append(RecordFlaw(RecordFlawCode.BLANK_BEFORE_VERSION, "v", ""))
    tags, unknown = _split(text, flaws)
    if "p" not in tags:
        flaws.append(RecordFlaw(RecordFlawCode.MISSING_POLICY, "p", ""))
    if "fo" in tags and "ruf" not in tags:
        flaws.append(RecordFlaw(RecordFlawCode.FO_WITHOUT_RUF, "fo", ""))
    read = _TagReader(tags, flaws)
    return DmarcRecord(
        p=read("p", _policy),
        sp=read("sp", _policy),
        np=read("np", _policy),
        adkim=read("adkim", _mode) or AlignmentMode.RELAXED,
        aspf=read("aspf", _mode) or AlignmentMode.RELAXED,
        psd=read("psd", _public_suffix) or PublicSuffix.UNDECLARED,
        testing=read("t", _yes_or_no) or False,
        fo=read("fo", _failure_options) or _DEFAULT_FO,
        rua=read("rua", read.uris) or (),
        ruf=read("ruf", read.uris) or (),
        invalid=tuple((tag, value) for tag, values in tags.items() if tag in read.broken for value in values),
        unknown=unknown,
        flaws=tuple(flaws),
        text=text,
    )


_parse_cached = lru_cache(maxsize=MAX_CACHED_RECORDS)(_parse)

_KNOWN = ("v", "p", "sp", "np", "adkim", "aspf", "psd", "t", "fo", "rua", "ruf")
_HISTORIC = ("pct", "rf", "ri")  # RFC 9989 section 9.3


def _split(text: str, flaws: list[RecordFlaw]) -> tuple[dict[str, list[str]], tuple[tuple[str, str], ...]]:
    """The known tags with all their values, and the unknown ones with the first."""
    specs = text.split(";", MAX_TAGS)
    if len(specs) > 1 and not specs[-1].strip(_BLANKS):
        specs.pop()  # RFC 9989 section 4.8: the record may end with a semicolon
    elif len(specs) > MAX_TAGS:
        flaws.append(RecordFlaw(RecordFlawCode.TOO_MANY, "", f"only the first {MAX_TAGS} tags are read"))
        specs.pop()
    tags: dict[str, list[str]] = {}
    unknown: dict[str, str] = {}
    for spec in specs:
        written, equals, value = spec.partition("=")
        written = written.strip(_BLANKS)
        tag = written.lower()
        value = value.strip(_BLANKS)
        if not equals or not _TAG_NAME.fullmatch(written):
            code = RecordFlawCode.NOT_A_TAG if spec.strip(_BLANKS) else RecordFlawCode.EMPTY_TAG
            flaws.append(RecordFlaw(code, "", _cut(spec)))
            continue
        if written != tag:
            flaws.append(RecordFlaw(RecordFlawCode.UPPER_CASE_TAG, tag, written))
        if tag in _KNOWN:
            tags.setdefault(tag, []).append(value)
        elif tag not in unknown:
            # RFC 9989 section 4.7: unknown tags MUST be ignored
            code = RecordFlawCode.HISTORIC_TAG if tag in _HISTORIC else RecordFlawCode.UNKNOWN_TAG
            flaws.append(RecordFlaw(code, tag, _cut(value)))
            unknown[tag] = value
    if len(tags.pop("v")) > 1:
        flaws.append(RecordFlaw(RecordFlawCode.REPEATED_TAG, "v", "only the first one counts"))
    return tags, tuple(unknown.items())


class _TagReader:
    """Reads the values of known tags and notes what is wrong with them."""

    def __init__(self, tags: dict[str, list[str]], flaws: list[RecordFlaw]) -> None:
        self._tags = tags
        self._flaws = flaws
        self._tag = ""
        self.broken: set[str] = set()

    def __call__(self, tag: str, parse: Callable[[str], T | None]) -> T | None:
        """The value of a tag, None if it is not there or breaks its grammar."""
        values = self._tags.get(tag)
        if values is None:
            return None
        self._tag = tag
        read = {parse(value) for value in values}
        if len(values) > 1:
            # RFC 6376 section 3.2 would void the whole record for it, RFC 9989 is silent: here the tag is void.
            self._note(
                RecordFlawCode.REPEATED_TAG if len(read) == 1 else RecordFlawCode.CONTRADICTING_TAG, ", ".join(values)
            )
        value = read.pop() if len(read) == 1 else None
        if value is None:
            # RFC 9989 section 4.8: a syntax error gives way to the default, or the tag is ignored
            self._note(RecordFlawCode.INVALID_VALUE, ", ".join(values))
            self.broken.add(tag)
        return value

    def uris(self, value: str) -> tuple[ReportUri, ...] | None:
        """`dmarc-urilist` of RFC 9989 section 4.8, each URI judged alone; None where no one is left."""
        parts = value.split(",", MAX_REPORT_URIS)
        if len(parts) > MAX_REPORT_URIS:
            self._note(RecordFlawCode.TOO_MANY, f"only the first {MAX_REPORT_URIS} URIs are read")
            parts.pop()
        found: dict[ReportUri, None] = {}
        for part in parts:
            text, mark, size = part.partition("!")
            uri = parse_report_uri(text.strip(_BLANKS)) if not mark or _SIZE.fullmatch(size) else None
            if uri is None:
                self._note(RecordFlawCode.INVALID_URI, part.strip(_BLANKS))
                continue
            if mark:
                self._note(RecordFlawCode.OBSOLETE_SIZE, part.strip(_BLANKS))
            found[uri] = None
        return tuple(found) or None

    def _note(self, code: RecordFlawCode, detail: str) -> None:
        self._flaws.append(RecordFlaw(code, self._tag, _cut(detail)))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def _policy(value: str) -> Policy | None:
    return _POLICIES.get(value.lower())


def _mode(value: str) -> AlignmentMode | None:
    return _MODES.get(value.lower())


def _public_suffix(value: str) -> PublicSuffix | None:
    return _PUBLIC_SUFFIX.get(value.lower())


def _yes_or_no(value: str) -> bool | None:
    return {"y": True, "n": False}.get(value.lower())


# RFC 9989 section 4.8: the keywords are plain ABNF strings, which have no case (RFC 5234 section 2.3).
_POLICIES = {str(policy): policy for policy in Policy}
_MODES = {str(mode): mode for mode in AlignmentMode}
_PUBLIC_SUFFIX = {str(flag): flag for flag in PublicSuffix}


def _failure_options(value: str) -> tuple[str, ...] | None:
    """`dmarc-fo` of RFC 9989 section 4.8: at most one of 0 and 1, d and s, each once, in any order."""
    options = tuple(option.strip(_BLANKS) for option in value.lower().split(":", 4))
    if len(set(options)) < len(options) or not {"0", "1", "d", "s"}.issuperset(options) or {"0", "1"} <= {*options}:
        return None
    return options


# RFC 9989 section 4.8, obs-dmarc-report-size. Blanks within are found in the wild.
_SIZE = re.compile(r"[ \t]*[0-9]+[ \t]*[kmgtKMGT]?[ \t]*", re.ASCII)
