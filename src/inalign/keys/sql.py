"""Keys in an SQLite database, found by a query of the operator.

The query has the parameters :domain, :local and :address of the author, and answers with rows of domain, selector, key
(a path, PEM or base64) and perhaps identity. It is asked on a thread of its own, read-only, and its answers are kept
for a while; a database that does not answer is a failure that is told, and never taken for "no rule".
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from inalign.errors import ParseError
from inalign.flow.keys import Choice, KeyLookupError
from inalign.keys.fault import Fault
from inalign.keys.key_store import KeySource, KeyStore, Signer
from inalign.keys.recent import Recent
from inalign.keys.search import split_author
from inalign.keys.watched import Stamp, stamp
from inalign.mail.domain import parse_domain

MAX_ANSWERS = 10_000  # kept in memory
MAX_ROWS = 8  # for one author: each of them signs
ANSWER_SECONDS = 5.0  # the MTA waits

Parameters = dict[str, str]
Answer = tuple[Signer, ...]


class SqlFinder:
    """Finds keys by a query."""

    def __init__(
        self,
        database: Path,
        query: str,
        store: KeyStore,
        *,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds`: how long an answer counts, one without rows, too."""
        self._database = Database(database)
        self._query = query
        self._store = store
        self._by_address = re.search(r":(local|address)\b", query) is not None
        self._recent: Recent[Answer] = Recent(seconds, capacity=MAX_ANSWERS, clock=clock)
        self._under_way: dict[str, asyncio.Future[Answer]] = {}

    async def find(self, author: str) -> tuple[Choice, ...]:
        """As `KeyFinder.find`."""
        split = split_author(author)
        if split is None:
            return ()
        local, domain = split
        parameters = {"domain": str(domain), "local": local, "address": f"{local}@{domain}"}
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
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                rows = await self._database.rows(self._query, parameters)
        except TimeoutError:
            self._database.interrupt()
            raise KeyLookupError(f"{self._database.path}: no answer within {ANSWER_SECONDS:g} s") from None
        except sqlite3.Error as problem:
            raise KeyLookupError(f"{self._database.path}: {problem}") from None
        return self._recent.put(name, tuple(signer_of(row, self._database.path) for row in rows))

    async def aclose(self) -> None:
        """Close the database; who still waits for it hears of it."""
        await self._database.aclose()


class Database:
    """An SQLite file, opened when it is first asked and again when another takes its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, "inalign-keys")
        self._connection: sqlite3.Connection | None = None
        self._inode: Stamp = None

    async def rows(self, query: str, parameters: Parameters) -> list[tuple[object, ...]]:
        """The rows, MAX_ROWS at most. Raises `sqlite3.Error`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._rows, query, parameters)

    def _rows(self, query: str, parameters: Parameters) -> list[tuple[object, ...]]:
        there = stamp(self.path)
        inode = there and there[:2]
        if self._connection is None or inode != self._inode:
            self._close()
            self._connection, self._inode = connect(self.path), inode
        cursor = self._connection.execute(query, parameters)
        try:
            rows: list[tuple[object, ...]] = cursor.fetchmany(MAX_ROWS + 1)
        finally:
            cursor.close()  # a reader that stays open would keep writers from a checkpoint
        if len(rows) > MAX_ROWS:
            raise sqlite3.DataError(f"more than {MAX_ROWS} rows for one author, and each would sign")
        return rows

    def interrupt(self) -> None:
        """End the query that runs."""
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # its thread has closed it in the meantime
                connection.interrupt()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def aclose(self) -> None:
        """Close it, without waiting for a query to end by itself."""
        self.interrupt()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()


def connect(path: Path) -> sqlite3.Connection:
    """The database, read-only. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=ANSWER_SECONDS / 2, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA query_only = 1")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def signer_of(row: tuple[object, ...], database: Path) -> Signer:
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
    return Signer(f"{database}: {source.name}", source, identity if isinstance(identity, str) else None)


def database_faults(database: Path, query: str) -> Iterator[Fault]:
    """What is wrong with the database or the query."""
    try:
        connection = connect(database)
    except sqlite3.Error as problem:
        yield Fault(str(database), str(problem))
        return
    parameters = {"domain": "example.org", "local": "postmaster", "address": "postmaster@example.org"}
    try:
        columns = connection.execute(query, parameters).description or ()
    except sqlite3.Error as problem:
        yield Fault("sign.query", str(problem))
    else:
        if not 3 <= len(columns) <= 4:
            yield Fault("sign.query", f"gives {len(columns)} columns; expected domain, selector, key, perhaps identity")
    finally:
        connection.close()
