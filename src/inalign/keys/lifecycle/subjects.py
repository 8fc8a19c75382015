"""The keys that commands of `inalign key` are about: those of the folder, of the configuration, and of its database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inalign.errors import Error
from inalign.keys.fault import Fault
from inalign.keys.key_store import KeySource, read_key
from inalign.keys.lifecycle.check import Subject
from inalign.keys.lifecycle.folder import KeyFolder
from inalign.keys.lifecycle.publication import PublishedState
from inalign.keys.lifecycle.state import WANTED
from inalign.keys.options import KeyOptions, all_keys, database_keys
from inalign.keys.search import POSTMASTER
from inalign.mail.domain import DomainName, parse_domain

DATABASE_NOTE = "The keys of sign.database are looked up by domain: name the domains, or addresses, to see theirs."


def parse_author(text: str) -> tuple[str, DomainName]:
    """A domain, or an address for a database that is asked by address: the address, and its domain. Raises `Error`."""
    local, _, domain = text.rpartition("@")
    name = parse_domain(domain)
    return f"{local or POSTMASTER}@{name}", name


def all_subjects(options: KeyOptions, folder: KeyFolder, authors: Sequence[str]) -> Iterator[Subject | str]:
    """The keys to check, and what is wrong with those that cannot be read; `authors` as `parse_author` takes them."""
    names = list(dict.fromkeys(parse_author(author)[1] for author in authors))
    for name in names or folder.domains():
        try:
            for managed_key in folder.managed_keys(name):
                key, path = folder.key(managed_key), str(folder.key_path(managed_key))
                if key is None and WANTED[managed_key.state] is PublishedState.RECORD:
                    yield f"{path}: there is no private key"
                elif not managed_key.is_over:
                    yield Subject(path, name, managed_key.selector, key, managed_key)
        except Error as problem:
            yield str(problem)
    yield from named_subjects(options, folder, authors)


def named_subjects(options: KeyOptions, folder: KeyFolder, authors: Sequence[str]) -> Iterator[Subject | str]:
    """The keys that no life is kept for: of rules, tables and the database."""
    for item in named_keys(options, folder, authors):
        if isinstance(item, Fault):
            yield str(item)
            continue
        place, source = item
        try:
            yield Subject(place, source.domain, source.selector, read_key(source, options.access).private_key)
        except Error as problem:
            yield f"{place}: {problem}"


def named_keys(
    options: KeyOptions, folder: KeyFolder, authors: Sequence[str]
) -> Iterator[tuple[str, KeySource] | Fault]:
    """The same, with the place that names each; a database has an answer for those alone that are asked for."""
    addresses = dict(map(parse_author, authors))
    for item in all_keys(options):
        if isinstance(item, Fault):
            yield item
            continue
        source = item[1]
        is_in_folder = source.path is not None and source.path.parent.parent == folder.path
        if not is_in_folder and (not addresses or source.domain in addresses.values()):
            yield item
    seen: set[KeySource] = set()
    for address in addresses if options.database else ():
        for item in database_keys(options, address):
            if isinstance(item, Fault):
                yield item
            elif item[1] not in seen:
                seen.add(item[1])
                yield item
