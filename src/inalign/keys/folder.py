"""A folder of keys: `FOLDER/example.org/SELECTOR.pem`; every such file signs for that domain.

A folder a domain: 100,000 domains need no list and no start, whoever owns a domain can be given its folder, and a key
begins or ends to sign with one rename within it (`2026a.pending` to `2026a.pem`), which cannot be seen half done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.keys.fault import Fault
from inalign.keys.file_value import CHECK_SECONDS
from inalign.keys.key_store import KeySource, KeyStore, RequestedKey
from inalign.keys.recent import Recent
from inalign.keys.search import split_author
from inalign.mail.domain import DomainError, DomainName, parse_domain

SUFFIX = ".pem"
MAX_DOMAINS = 10_000  # in memory
MAX_KEYS_A_DOMAIN = 8  # all of them sign; more is a mistake that makes every message larger


def keys_in(folder: Path, domain: DomainName) -> list[KeySource]:
    """The keys of a domain, by selector; none where it has no folder. Raises `OSError`."""
    try:
        files = sorted(file for file in (folder / domain).iterdir() if file.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for file in files:
        try:
            found.append(KeySource(domain, parse_domain(file.name.removesuffix(SUFFIX)), file))
        except DomainError:
            continue  # `config check` tells of it
    return found


class FolderFinder:
    """Finds keys in a folder."""

    def __init__(self, folder: Path, store: KeyStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._store = store
        self._recent: Recent[list[KeySource]] = Recent(CHECK_SECONDS, capacity=MAX_DOMAINS, clock=clock)

    async def find(self, author: str) -> tuple[Choice, ...]:
        """Find the keys that sign for the author; see `KeyFinder.find`."""
        split = split_author(author)
        if split is None:
            return ()
        domain = split[1]
        sources = self._recent.get(domain)
        if sources is None:
            try:
                sources = self._recent.put(domain, await asyncio.to_thread(keys_in, self._folder, domain))
            except OSError as problem:
                raise KeyLookupError(f"{self._folder / domain}: {problem.strerror or problem}") from None
        if len(sources) > MAX_KEYS_A_DOMAIN:
            raise KeyLookupError(f"{self._folder / domain}: more than {MAX_KEYS_A_DOMAIN} keys, and all would sign")
        return await self._store.choices(RequestedKey(str(source.path), source) for source in sources)

    async def aclose(self) -> None:
        """Do nothing: this finder holds nothing open."""


def folder_keys(folder: Path) -> Iterator[KeySource | Fault]:
    """Every key of every domain, and what is wrong with names."""
    try:
        below = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())
    except OSError as problem:
        yield Fault(str(folder), problem.strerror or str(problem))
        return
    for path in below:
        try:
            domain = parse_domain(path.name)
            sources = keys_in(folder, DomainName(path.name))
            files = sorted(path.iterdir())
        except (DomainError, OSError) as problem:
            yield Fault(str(path), str(problem), False)
            continue
        if domain != path.name:
            yield Fault(str(path), f"never looked at: the folder of this domain is called {domain}", False)
            continue
        yield from sources
        if len(sources) > MAX_KEYS_A_DOMAIN:
            yield Fault(str(path), f"more than {MAX_KEYS_A_DOMAIN} keys, and all would sign")
        known = {source.path for source in sources}
        for file in files:
            if file.name.endswith(SUFFIX) and file not in known:
                yield Fault(str(file), f"{file.name.removesuffix(SUFFIX)!r} is no selector: no DNS name", False)
