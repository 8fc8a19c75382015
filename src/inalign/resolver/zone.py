"""The resolver that answers from text and nothing else, for tests, `--zone` and demonstrations.

Names compare without case, a trailing dot is dropped, any text is a valid name; `CNAME` is
followed; `error` is the answer for every type that the name does not list; a name that is not there, nor above one
that is, does not exist. It never waits, so that its user needs no event loop.

All is read when it is made, and what is wrong with it is said then (`ZoneError`); an answer is a look into a table.
Wildcards (RFC 4592) are a thing of master files; in JSON, `*` is a label like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, cast

from inalign.errors import ParseError
from inalign.resolver.interface import (
    MAX_ALIASES,
    Answer,
    IPAddress,
    MailExchange,
    Outcome,
    Question,
    QuestionKind,
    canonical_name,
)
from inalign.resolver.master_file import parse_master_file

MAX_ANCESTOR_CHARACTERS = 1024  # of a name, the end that is looked at for the names above it; DNS has 253


class ZoneError(ParseError):
    """The zone is not what `ZoneResolver` reads; the text says which name and what is wrong."""


@dataclass(slots=True)
class _Entry:
    """What one name has. A type that is not among the records is not listed."""

    records: dict[QuestionKind, tuple[object, ...]] = field(default_factory=dict)
    ttls: dict[QuestionKind, int] = field(default_factory=dict)
    alias: str | None = None
    other: Answer[object] | None = None
    """The answer for every type that is not listed, where it is not NO_DATA."""
    answers: dict[QuestionKind, Answer[object]] = field(default_factory=dict)

    def unite(self, name: str, more: _Entry) -> None:
        """Take in what is said of the same name elsewhere; what both say counts once (RFC 2181 section 5)."""
        for kind, added in more.records.items():
            known = self.records.get(kind, ())
            seen = frozenset(known)
            self.records[kind] = known + tuple(record for record in added if record not in seen) if known else added
            self.ttls[kind] = min(self.ttls.get(kind, more.ttls.get(kind, 0)), more.ttls.get(kind, 0))
        if self.alias is not None and more.alias is not None and self.alias != more.alias:
            raise ZoneError(f"{_shown(name)} has two CNAMEs, {_shown(self.alias)} and {_shown(more.alias)}")
        self.alias = more.alias if self.alias is None else self.alias
        self.other = self.other or more.other

    def lay_ready(self) -> None:
        """Make the answers of this entry for all record types."""
        self.answers = {
            kind: Answer(Outcome.FOUND, records, ttl=self.ttls[kind])
            for kind, records in self.records.items()
            if records
        }


class ZoneResolver:
    """Answers from names and their records; made by `from_json`, `from_master_file` and `merge`."""

    def __init__(self) -> None:
        """A zone without any name: nothing exists."""
        self._entries: dict[str, _Entry] = {}
        self._above: set[str] = set()
        self._wildcards: set[str] = set()

    def within(self, seconds: float) -> ZoneResolver:
        """Return the zone itself: it answers at once, so it needs no budget."""
        return self

    @classmethod
    def from_json(cls, mapping: Mapping[str, Mapping[str, object]]) -> ZoneResolver:
        """From `{"name": {"TXT": ["..."], "A": [], "AAAA": [], "MX": [[10, "..."]], "PTR": [], "CNAME": "..."}}`.

        A list may be empty: the name is there, this type is not. A single text stands for a list of one, null for what
        is not listed. `"error"` is "timeout", "servfail" or "nxdomain"; other keys are ignored. Raises `ZoneError`.
        """
        if not isinstance(mapping, Mapping):
            raise ZoneError(f"a zone is a mapping of names to records, not {_shown(mapping)}")
        zone = cls()
        zone._take((canonical_name(_text(name, "a name")), _entry(name, listed)) for name, listed in mapping.items())
        return zone

    @classmethod
    def from_master_file(cls, text: str | bytes, *, origin: str = "") -> ZoneResolver:
        """From the text of an RFC 1035 master file, see `master_file`. Raises `ParseError` with the line number.

        `origin` is what names are relative to before the first `$ORIGIN`.
        """
        entries: dict[str, _Entry] = {}
        found: dict[tuple[str, QuestionKind], dict[object, int]] = {}
        for record in parse_master_file(text, origin=origin):
            entry = entries.setdefault(record.owner, _Entry())
            if record.kind == "CNAME":
                try:
                    entry.unite(record.owner, _Entry(alias=str(record.value)))
                except ZoneError as problem:
                    raise ZoneError(f"line {record.line}: {problem}") from None
            elif record.kind is not None:
                found.setdefault((record.owner, record.kind), {}).setdefault(record.value, record.ttl)
        for (owner, kind), records in found.items():
            entries[owner].records[kind] = tuple(records)
            entries[owner].ttls[kind] = min(records.values())  # RFC 2181 section 5.2: one TTL for all
        zone = cls()
        zone._take(entries.items())
        zone._wildcards.update(owner for owner in entries if owner == "*" or owner.startswith("*."))
        return zone

    @classmethod
    def merge(cls, *zones: ZoneResolver) -> ZoneResolver:
        """One resolver that knows what these know. Raises `ZoneError` where the CNAMEs of a name disagree."""
        merged = cls()
        for zone in zones:
            merged._take(zone._entries.items())  # noqa: SLF001 - of its own class
            merged._wildcards |= zone._wildcards  # noqa: SLF001 - as above
        return merged

    async def txt(self, name: str) -> Answer[bytes]:
        return cast("Answer[bytes]", self._ask("TXT", name))

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        return cast("Answer[IPAddress]", self._ask("A" if version == 4 else "AAAA", name))

    async def mx(self, name: str) -> Answer[MailExchange]:
        return cast("Answer[MailExchange]", self._ask("MX", name))

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        return cast("Answer[str]", self._ask("PTR", ip.reverse_pointer))

    def prefetch(self, *questions: Question) -> None:
        """Nothing to do: every answer is at hand."""

    def _take(self, entries: Iterable[tuple[str, _Entry]]) -> None:
        for name, entry in entries:
            mine = self._entries.setdefault(name, _Entry())
            mine.unite(name, entry)
            mine.lay_ready()
            self._above.update(_ancestors(name, self._above))

    def _ask(self, kind: QuestionKind, name: str) -> Answer[object]:
        key = canonical_name(name)
        for _ in range(MAX_ALIASES + 1):
            entry = self._entries.get(key) or self._from_wildcard(key)
            if entry is None:
                return _NO_DATA if key in self._above else _NO_NAME
            answer = entry.answers.get(kind)
            if answer is not None:
                return answer
            if entry.alias is None:
                return entry.other if entry.other is not None and kind not in entry.records else _NO_DATA
            key = entry.alias
        return Answer(Outcome.FAILED, detail="CNAME loop")

    def _from_wildcard(self, name: str) -> _Entry | None:
        """What `*` below the closest name that exists has (RFC 4592 section 3.3.1); not for a name that exists."""
        if not self._wildcards or name in self._above:
            return None
        for ancestor in _ancestors(name):
            if ancestor in self._entries or ancestor in self._above:
                star = f"*.{ancestor}" if ancestor else "*"
                return self._entries[star] if star in self._wildcards else None
        return None


def _ancestors(name: str, until: Container[str] = ()) -> Iterator[str]:
    """The names above a name, nearest first, up to the root or to one of those that are known already."""
    at = name.find(".", max(0, len(name) - MAX_ANCESTOR_CHARACTERS))
    while at >= 0:
        ancestor = name[at + 1 :]
        if ancestor in until:
            return
        yield ancestor
        at = name.find(".", at + 1)
    yield ""


_NO_DATA: Answer[object] = Answer(Outcome.NODATA)
_NO_NAME: Answer[object] = Answer(Outcome.NXDOMAIN)
_ERRORS: dict[str, Answer[object]] = {
    "timeout": Answer(Outcome.FAILED, detail="timeout"),
    "servfail": Answer(Outcome.FAILED, detail="servfail"),
    "nxdomain": _NO_NAME,
}


def _entry(name: str, listed: Mapping[str, object]) -> _Entry:
    if not isinstance(listed, Mapping):
        raise ZoneError(f"{_shown(name)} must have a mapping of types to records, not {_shown(listed)}")
    entry = _Entry()
    for kind, read in _READERS.items():
        values = listed.get(kind)
        if values is not None:
            entry.records[kind] = tuple(_read(name, kind, read, value) for value in _list(name, kind, values))
    targets = _list(name, "CNAME", listed.get("CNAME") or ())
    if len(targets) > 1:
        raise ZoneError(f"{_shown(name)} has more than one CNAME")
    for target in targets:
        entry.alias = canonical_name(_text(target, f"the CNAME of {_shown(name)}"))
    error = listed.get("error")
    if error is not None:
        entry.other = _ERRORS.get(error.lower()) if isinstance(error, str) else None
        if entry.other is None:
            raise ZoneError(f"the error of {_shown(name)} is timeout, servfail or nxdomain, not {_shown(error)}")
    return entry


def _list(name: str, kind: str, values: object) -> Sequence[object]:
    if isinstance(values, str | bytes):
        return (values,)
    if isinstance(values, Sequence):
        return values
    raise ZoneError(f"{kind} of {_shown(name)} must be a list, not {_shown(values)}")


def _read(name: str, kind: str, read: Callable[[object], object], value: object) -> object:
    try:
        return read(value)
    except ValueError as problem:  # ZoneError is one, and so is what ipaddress and the codecs raise
        raise ZoneError(f"{kind} of {_shown(name)}: {problem}") from None


def _read_txt(value: object) -> bytes:
    return value if isinstance(value, bytes) else _text(value, "a TXT value").encode("utf-8", "surrogateescape")


def _read_a(value: object) -> IPv4Address:
    return IPv4Address(_text(value, "an address"))


def _read_aaaa(value: object) -> IPv6Address:
    address = IPv6Address(_text(value, "an address"))
    if address.scope_id is not None:
        raise ZoneError(f"{_shown(value)} has a scope")
    return address


def _read_mx(value: object) -> MailExchange:
    match value:
        case [int(preference), str(exchange)] if not isinstance(preference, bool) and 0 <= preference <= 0xFFFF:
            return MailExchange(preference, canonical_name(exchange))
    raise ZoneError(f"an MX record is [preference, exchange], not {_shown(value)}")


def _read_ptr(value: object) -> str:
    return canonical_name(_text(value, "a name"))


_READERS: dict[QuestionKind, Callable[[object], object]] = {
    "TXT": _read_txt,
    "A": _read_a,
    "AAAA": _read_aaaa,
    "MX": _read_mx,
    "PTR": _read_ptr,
}


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ZoneError(f"{what} must be a text, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str | bytes | int | float) else type(value).__name__
    return text if len(text) <= 80 else text[:77] + "..."
