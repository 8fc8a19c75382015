"""OpenDKIM's KeyTable: names of keys, each with `domain:selector:key` (opendkim.conf(5))."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from inalign.dkim.signature import key_name
from inalign.errors import ParseError
from inalign.keys.fault import Fault
from inalign.keys.key_store import KeySource
from inalign.keys.opendkim.data_set import DataSet, DataSetRow
from inalign.keys.opendkim.patterns import Patterns
from inalign.mail.domain import DomainName, parse_domain

SENDER = "%"  # stands for the domain of the author
FILE_STARTS = ("/", "./", "../")


class KeyEntry(NamedTuple):
    """The three fields of a row."""

    domain: str
    selector: str
    key: str

    def __repr__(self) -> str:
        """Return the text of the entry without the private key."""
        return f"KeyEntry({self.domain!r}, {self.selector!r})"

    @classmethod
    def of(cls, row: DataSetRow) -> KeyEntry:
        """From a row; fields that are not there are empty. Blanks around a field say nothing."""
        domain, _, rest = row.value.partition(":")
        selector, _, key = rest.partition(":")
        return cls(domain.strip(), selector.strip(), key.strip())

    def names(self, of: str, sender: DomainName) -> tuple[DomainName, DomainName]:
        """Domain and selector for mail of `sender`; `of` is what the key is called. Raises `ParseError`."""
        if not self.selector or not self.key:
            raise ParseError(f"the key {of!r} has not the form domain:selector:key")
        domain = sender if self.domain == SENDER else parse_domain(self.domain)
        selector = parse_domain(self.selector)
        key_name(selector, domain)
        return domain, selector


class KeyTable:
    """The keys by name."""

    def __init__(self, data: DataSet) -> None:
        self.data = data
        self._folder = data.path.parent if data.path else Path("/")
        self._patterns = Patterns(data.rows) if data.kind == "refile" else None
        self._rows = {row.name: row for row in reversed(data.rows)}  # the first of several counts, as there

    def __contains__(self, name: str) -> bool:
        return self.row(name) is not None

    def names(self) -> list[str]:
        """Return the names of all entries."""
        return list(self._rows)

    def row(self, name: str) -> DataSetRow | None:
        """The row of this name; case counts."""
        if self._patterns is not None:
            return next(self._patterns.matches(name), None)
        return self._rows.get(name)

    def source(self, row: DataSetRow, sender: DomainName) -> KeySource:
        """Where the key is, for mail of this domain. Raises `ParseError`."""
        entry = KeyEntry.of(row)
        domain, selector = entry.names(row.name, sender)
        if entry.key.startswith(FILE_STARTS):
            # the program puts d= there, which is the domain of the author wherever d= is %
            return KeySource(domain, selector, self._folder / entry.key.replace(SENDER, domain))
        return KeySource(domain, selector, text=entry.key)

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the rows by themselves."""
        example = DomainName("example.org")
        seen: dict[str, int] = {}
        published: dict[tuple[str, str], tuple[int, str]] = {}
        for row in self.data.rows:
            place = self.data.place(row.number)
            if seen.setdefault(row.name, row.number) != row.number:
                yield Fault(place, f"the key {row.name!r} stands in line {seen[row.name]} already, which counts", False)
                continue
            entry = KeyEntry.of(row)
            try:
                entry.names(row.name, example)
            except ParseError as problem:
                yield Fault(place, str(problem))
                continue
            line, key = published.setdefault((entry.domain.lower(), entry.selector.lower()), (row.number, entry.key))
            if key != entry.key:
                yield Fault(place, f"{entry.selector}._domainkey.{entry.domain} has another key in line {line}")
            selector, dot, domain = row.name.partition("._domainkey.")
            if dot and entry.domain != SENDER and (selector, domain) != (entry.selector, entry.domain):
                name = f"{entry.selector}._domainkey.{entry.domain}"
                yield Fault(place, f"the key is called {row.name!r} and signs as {name}", False)
