"""Rules that OpenDKIM has: its KeyTable and SigningTable, as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from inalign.errors import ParseError, SettingsError
from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.keys.fault import Fault
from inalign.keys.file_value import FileValue
from inalign.keys.key_store import KeyStore, RequestedKey
from inalign.keys.opendkim.data_set import data_set_path, read_data_set
from inalign.keys.opendkim.key_table import KeyTable
from inalign.keys.opendkim.signing_table import SigningTable
from inalign.keys.search import split_author


class Tables:
    """Both tables, which belong together."""

    def __init__(self, key_table: str, signing_table: str) -> None:
        """Reads the data sets of these names. Raises `SettingsError`."""
        self.keys = KeyTable(read_data_set(key_table))
        self.rules = SigningTable(read_data_set(signing_table))

    def signers(self, author: str, *, multiple: bool) -> list[RequestedKey]:
        """What the first rule that fits asks for, or all of them with `multiple`. Raises `KeyLookupError`."""
        split = split_author(author)
        if split is None:
            return []
        local, domain = split
        found = []
        for entry in self.rules.entries(local, domain):
            place = self.rules.data.place(entry.number)
            row = self.keys.row(entry.key)
            if row is None:
                raise KeyLookupError(f"{place}: names the key {entry.key!r}, which the KeyTable does not hold")
            try:
                source = self.keys.source(row, domain)
            except ParseError as problem:
                raise KeyLookupError(f"{self.keys.data.place(row.number)}: {problem}") from None
            found.append(RequestedKey(place, source, entry.identity))
            if not multiple:
                break
        return found

    def faults(self) -> Iterator[Fault]:
        """What is wrong with them."""
        yield from self.keys.faults()
        yield from self.rules.faults(self.keys)

    def refuse_faults(self) -> Tables:
        """Raises `SettingsError` for the first fatal one: the tables in force are better than these."""
        for fault in self.faults():
            if fault.is_fatal:
                raise SettingsError(str(fault))
        return self


class TableFinder:
    """Finds keys by tables, and sees when these change."""

    def __init__(
        self,
        key_table: str,
        signing_table: str,
        store: KeyStore,
        *,
        multiple: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads the tables; raises `SettingsError`."""
        paths = [path for name in (key_table, signing_table) if (path := data_set_path(name)) is not None]
        self._tables = FileValue(paths, lambda: Tables(key_table, signing_table).refuse_faults(), clock=clock)
        self._store = store
        self._multiple = multiple

    async def find(self, author: str) -> tuple[Choice, ...]:
        """Find the keys that sign for the author; see `KeyFinder.find`."""
        tables = await self._tables.current()
        return await self._store.choices(tables.signers(author, multiple=self._multiple))

    async def aclose(self) -> None:
        """Do nothing: this finder holds nothing open."""
