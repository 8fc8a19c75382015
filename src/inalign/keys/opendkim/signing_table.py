"""OpenDKIM's SigningTable: authors, each with the name of a key and perhaps an identity (opendkim.conf(5))."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from inalign.errors import ParseError
from inalign.keys.fault import Fault
from inalign.keys.key_store import fitting_identity
from inalign.keys.opendkim.data_set import DataSet, DataSetRow
from inalign.keys.opendkim.key_table import SENDER, KeyTable
from inalign.keys.opendkim.patterns import Patterns
from inalign.keys.search import names_of, parse_name
from inalign.mail.domain import DomainError, DomainName

MAX_NAMES_COMPARED = 1000  # looking for a likely misprint among more takes seconds


class SigningEntry(NamedTuple):
    """What a row asks for."""

    number: int
    key: str
    identity: str

    @classmethod
    def of(cls, row: DataSetRow, domain: str) -> SigningEntry:
        """With the domain of the author filled in: for a key that is only `%`, and anywhere in the identity."""
        key, _, identity = row.value.partition(":")
        key = key.strip()
        return cls(row.number, domain if key == SENDER else key, identity.strip().replace(SENDER, domain))


class SigningTable:
    """The rules of the table, in the order of the file."""

    def __init__(self, data: DataSet) -> None:
        self.data = data
        self._patterns = Patterns(data.rows) if data.kind == "refile" else None
        self._rows: dict[str, DataSetRow] = {}
        if self._patterns is None:
            for row in data.rows:
                self._rows.setdefault(_plain(row.name), row)

    def entries(self, local: str, domain: DomainName) -> Iterator[SigningEntry]:
        """All that fits an author, in the order in which it is tried."""
        if self._patterns is not None:
            for row in self._patterns.matches(f"{local}@{domain}"):
                yield SigningEntry.of(row, domain)
            return
        for name in names_of(local, domain):
            found = self._rows.get(name)
            if found is not None:
                yield SigningEntry.of(found, domain)

    def faults(self, keys: KeyTable) -> Iterator[Fault]:
        """Rules that name no key, ask for what cannot be, or can never fit."""
        for row in self.data.rows:
            place = self.data.place(row.number)
            entry = SigningEntry.of(row, SENDER)
            text = self._misfit(row.name)
            if text:
                yield Fault(place, text, False)
            if not entry.key:
                yield Fault(place, f"{row.name!r} has no key")
            elif entry.key != SENDER and entry.key not in keys:
                missing = f"names the key {entry.key!r}, which {keys.data.path or 'the KeyTable'} does not hold"
                yield Fault(place, missing + _hint(entry.key, keys))
            elif entry.identity:
                yield from _identity_faults(place, row, keys)

    def _misfit(self, name: str) -> str:
        """Why a name never fits, or ""."""
        if self._patterns is not None:
            if "@" in name or "*" in name:
                return ""
            return f"{name!r} never fits: a refile: is compared with whole addresses; *@{name} means the domain"
        if "*" in name.rpartition("@")[0]:
            return f"{name!r} never fits: only a refile: has patterns"
        try:
            parse_name(name)
        except DomainError as problem:
            return f"{name!r} never fits: {problem}"
        return ""


def _identity_faults(place: str, row: DataSetRow, keys: KeyTable) -> Iterator[Fault]:
    """An identity outside d= is left out, as there."""
    sender = DomainName("example.org")
    entry = SigningEntry.of(row, sender)
    key_row = keys.row(entry.key)
    if key_row is None or row.value.split(":", 1)[1].count(SENDER):
        return
    try:
        domain = keys.source(key_row, sender).domain
    except ParseError:
        return  # said where the key stands
    if not key_row.value.startswith(SENDER) and fitting_identity(entry.identity, domain) is None:
        yield Fault(place, f"the identity {entry.identity!r} does not lie at or below {domain}, and is left out", False)


def _plain(name: str) -> str:
    """A name of a `file:` as `names_of` yields it, in one form of the domain."""
    if name == "*" or name.isascii():
        return name.lower()
    try:
        return parse_name(name)
    except DomainError:
        return name.lower()


def _hint(key: str, keys: KeyTable) -> str:
    """The name that is most like it."""
    if len(keys.data.rows) > MAX_NAMES_COMPARED:
        return ""
    return "".join(f"; do you mean {name!r}?" for name in get_close_matches(key, keys.names(), 1, 0.5))
