"""Keys in a database, found by a query of the operator.

The query has the parameters :domain, :local and :address of the author, and answers with rows of domain, selector, key
(a path, PEM or base64) and perhaps identity. It is asked on a thread of its own, read-only, and its answers are kept
for a while; a database that does not answer is a failure that is told, and never taken for "no rule".
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from inalign.errors import ParseError, SettingsError
from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.keys.fault import Fault
from inalign.keys.key_store import KeySource, KeyStore, RequestedKey
from inalign.keys.recent import Recent
from inalign.keys.search import POSTMASTER, split_author
from inalign.keys.sql.database import ANSWER_SECONDS, MAX_ROWS, Database, DatabaseError, Parameters, QueryRows
from inalign.keys.sql.open_database import open_database
from inalign.mail.domain import DomainName, parse_domain

MAX_ANSWERS = 10_000  # kept in memory

Answer = tuple[RequestedKey, ...]


class SqlFinder:
    """Finds keys by a query."""

    def __init__(
        self,
        database: Database,
        query: str,
        store: KeyStore,
        *,
        seconds: float = 60.0,
        patience: float = ANSWER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds`: how long an answer counts, one without rows, too; `patience`: how long one is waited for."""
        self._database = database
        self._query = query
        self._store = store
        self._patience = patience
        self._by_address = re.search(r":(local|address)\b", query) is not None
        self._recent: Recent[Answer] = Recent(seconds, capacity=MAX_ANSWERS, clock=clock)
        self._under_way: dict[str, asyncio.Future[Answer]] = {}
        self._thread = ThreadPoolExecutor(1, "inalign-keys")

    async def find(self, author: str) -> tuple[Choice, ...]:
        """Find the keys that sign for the author; see `KeyFinder.find`."""
        split = split_author(author)
        if split is None:
            return ()
        local, domain = split
        parameters = parameters_of(local, domain)
        name = parameters["address" if self._by_address else "domain"]
        signers = self._recent.get(name)
        if signers is None:
            signers = await self._ask_once(name, parameters)
        return await self._store.choices(signers)

    async def _ask_once(self, name: str, parameters: Parameters) -> Answer:
        """Messages that ask the same at the same time ask once."""
        asked = self._under_way.get(name)
        if asked is None:
            asked = self._under_way[name] = asyncio.ensure_future(self._ask(name, parameters))
            asked.add_done_callback(partial(self._answered, name))
        return await asyncio.shield(asked)

    def _answered(self, name: str, asked: asyncio.Future[Answer]) -> None:
        self._under_way.pop(name, None)
        if not asked.cancelled():
            asked.exception()  # heard by those who wait, if anybody still does

    async def _ask(self, name: str, parameters: Parameters) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                answer = await loop.run_in_executor(self._thread, self._database.ask, self._query, parameters)
        except TimeoutError:
            await asyncio.to_thread(self._database.interrupt)
            raise KeyLookupError(f"{self._database.name}: no answer within {self._patience:g} s") from None
        except DatabaseError as problem:
            raise KeyLookupError(str(problem)) from None
        return self._recent.put(name, signers_of(answer, self._database.name))

    async def aclose(self) -> None:
        """Close the database, without waiting for a query to end by itself."""
        await asyncio.to_thread(self._database.interrupt)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.close)
        self._thread.shutdown()


def parameters_of(local: str, domain: DomainName) -> Parameters:
    """What the query may ask by."""
    return {"domain": str(domain), "local": local, "address": f"{local}@{domain}"}


def signers_of(answer: QueryRows, database: str) -> Answer:
    """What an answer asks for. Raises `KeyLookupError`."""
    if len(answer.rows) > MAX_ROWS:
        raise KeyLookupError(f"{database}: more than {MAX_ROWS} rows for one author, and each would sign")
    return tuple(signer_of(row, database) for row in answer.rows)


def signer_of(row: tuple[object, ...], database: str) -> RequestedKey:
    """What a row asks for. Raises `KeyLookupError`."""
    if not 3 <= len(row) <= 4 or not all(isinstance(value, str) for value in row[:3]):
        raise KeyLookupError(f"{database}: sign.query must give rows of domain, selector, key and perhaps identity")
    domain, selector, key = map(str, row[:3])
    try:
        names = parse_domain(domain), parse_domain(selector)
    except ParseError as problem:
        raise KeyLookupError(f"{database}: {problem}") from None
    source = KeySource(*names, Path(key)) if key.startswith("/") else KeySource(*names, text=key)
    identity = row[3] if len(row) == 4 else None
    return RequestedKey(f"{database}: {source.name}", source, identity if isinstance(identity, str) else None)


def database_signers(place: str, query: str, author: str) -> Answer:
    """What the database asks for in the name of one author, outside of a service. Raises `Error`."""
    split = split_author(author)
    if split is None:
        return ()
    database = open_database(place)
    try:
        return signers_of(database.ask(query, parameters_of(*split)), database.name)
    except KeyLookupError as problem:
        raise DatabaseError(str(problem)) from None
    finally:
        database.close()


def database_faults(place: str, query: str) -> Iterator[Fault]:
    """What is wrong with the database or the query, which is asked once."""
    try:
        database = open_database(place)
    except SettingsError as problem:
        yield Fault("sign.database", problem.problem)
        return
    parameters = parameters_of(POSTMASTER, DomainName("example.org"))
    try:
        columns = database.ask(query, parameters).columns
    except DatabaseError as problem:
        yield Fault("sign.query", str(problem))
    else:
        if not 3 <= columns <= 4:
            yield Fault("sign.query", f"gives {columns} columns; expected domain, selector, key, perhaps identity")
    finally:
        database.close()
