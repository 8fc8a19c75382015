"""The settings of keys as one value, the finder made of them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inalign.dkim.algorithm import KeyType
from inalign.dkim.sign import ADVISED_RSA_BITS
from inalign.errors import Error, SettingsError
from inalign.flow.key_finder import KeyFinder
from inalign.keys.chain import Chain
from inalign.keys.fault import Fault
from inalign.keys.folder import FolderFinder, folder_keys
from inalign.keys.key_file import KeyAccess, KeyFileError
from inalign.keys.key_store import KeySource, KeyStore, fitting_identity, read_key
from inalign.keys.opendkim.finder import TableFinder, Tables
from inalign.keys.opendkim.key_table import SENDER, KeyEntry
from inalign.keys.rules import KeyRule, RuleFinder
from inalign.keys.sql.finder import SqlFinder, database_faults, database_signers
from inalign.keys.sql.open_database import open_database
from inalign.mail.domain import DomainName


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """Where keys come from. The parts are asked in this order; what is empty is not there."""

    rules: tuple[KeyRule, ...] = ()
    key_table: str = ""
    signing_table: str = ""
    multiple_signatures: bool = False
    folder: Path | None = None
    database: str = field(default="", repr=False)
    """The path of an SQLite file, or a URL that may hold a password."""
    query: str = ""
    cache_seconds: float = 60.0
    access: KeyAccess = field(default_factory=KeyAccess)


def make_key_finder(options: KeyOptions) -> KeyFinder | None:
    """The finder, None where nothing is set. Reads the tables, opens no key. Raises `SettingsError`."""
    store = KeyStore(options.access)
    finders: list[KeyFinder] = []
    rules = [rule for rule in options.rules if not rule.also]
    also = [rule for rule in options.rules if rule.also]
    if rules:
        finders.append(RuleFinder(rules, store))
    if options.signing_table:
        finders.append(
            TableFinder(options.key_table, options.signing_table, store, multiple=options.multiple_signatures)
        )
    if options.folder is not None:
        finders.append(FolderFinder(options.folder, store))
    if options.database:
        finders.append(SqlFinder(open_database(options.database), options.query, store, seconds=options.cache_seconds))
    if also:
        return Chain(finders, RuleFinder(also, store, every=True))
    if len(finders) == 1:
        return finders[0]
    return Chain(finders) if finders else None


def key_faults(options: KeyOptions, *, with_keys: bool) -> Iterator[Fault]:
    """What is wrong with rules and tables and, `with_keys`, with every key that they name.

    A place that begins with `sign.` is a setting.
    """
    yield from _rule_faults(options.rules)
    tables: Tables | None = None
    if options.signing_table:
        try:
            tables = Tables(options.key_table, options.signing_table)
            yield from tables.faults()
        except SettingsError as problem:
            yield Fault("sign.signing_table", str(problem))
    if options.folder is not None and not options.folder.is_dir():
        yield Fault("sign.folder", f"{options.folder} is no folder")
    if options.database:
        yield from database_faults(options.database, options.query)
    if with_keys:
        for item in _keys(options, tables):
            if isinstance(item, Fault):
                yield item
            else:
                yield from key_file_faults(*item, options.access)


def all_keys(options: KeyOptions) -> Iterator[tuple[str, KeySource] | Fault]:
    """The keys whose files do not depend on the author, each with its place."""
    tables: Tables | None = None
    if options.signing_table:
        with suppress(SettingsError):  # `key_faults` tells of it
            tables = Tables(options.key_table, options.signing_table)
    yield from _keys(options, tables)


def database_keys(options: KeyOptions, author: str) -> Iterator[tuple[str, KeySource] | Fault]:
    """The keys that the database has for one author: nobody can list them all without knowing its tables."""
    try:
        found = database_signers(options.database, options.query, author)
    except Error as problem:
        yield Fault("sign.database", str(problem))
        return
    for signer in found:
        yield signer.rule, signer.source


def _keys(options: KeyOptions, tables: Tables | None) -> Iterator[tuple[str, KeySource] | Fault]:
    for rule in options.rules:
        yield rule.place, rule.source
    if tables is not None:
        yield from _table_keys(tables)
    if options.folder is not None and options.folder.is_dir():
        for item in folder_keys(options.folder):
            yield item if isinstance(item, Fault) else (str(item.path), item)


def _rule_faults(rules: tuple[KeyRule, ...]) -> Iterator[Fault]:
    seen: dict[tuple[str, str], KeyRule] = {}
    for rule in rules:
        first = seen.setdefault((rule.source.domain, rule.source.selector), rule)
        if first.source != rule.source:
            yield Fault(rule.place, f"{rule.source.name} has another key at {first.place}")
        domain = rule.source.domain
        if rule.identity and SENDER not in rule.identity and fitting_identity(rule.identity, domain) is None:
            yield Fault(rule.place, f"the identity {rule.identity!r} does not lie at or below {domain}")


def _table_keys(tables: Tables) -> Iterator[tuple[str, KeySource]]:
    faulty = {fault.place for fault in tables.keys.faults() if fault.is_fatal}
    for row in tables.keys.data.rows:
        place = tables.keys.data.place(row.number)
        if place not in faulty and SENDER not in (KeyEntry.of(row).domain, *KeyEntry.of(row).key):
            yield place, tables.keys.source(row, DomainName("example.org"))


def key_file_faults(place: str, source: KeySource, access: KeyAccess) -> Iterator[Fault]:
    """Yield what is wrong with one key and its file; `place` names the rule or setting that names the key."""
    try:
        key = read_key(source, access)
    except KeyFileError as problem:
        text = str(problem)
        yield Fault(place, text.removeprefix(f"{place}: "))
        return
    bits = key.private_key.bits
    if key.private_key.key_type is KeyType.RSA and bits < ADVISED_RSA_BITS:
        where = source.path or source.name
        yield Fault(place, f"{where} has {bits} bits; {ADVISED_RSA_BITS} are advised (RFC 8301 section 3.2)", False)
