"""Keys in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from inalign.flow.key_finder import KeyLookupError
from inalign.keys.key_file import KeyAccess
from inalign.keys.key_store import KeyStore
from inalign.keys.sql.finder import SqlFinder, database_faults
from tests.interop.postgresql import Postgresql, missing_part
from tests.keys.material import ED25519_KEY, find, told

psycopg = pytest.importorskip("psycopg", reason="psycopg, or libpq, is not installed", exc_type=ImportError)

BY_DOMAIN = "SELECT domain, selector, key FROM dkim WHERE domain = :domain::text AND selector LIKE '%a'"
BY_ADDRESS = "SELECT domain, selector, key, '@' || :domain FROM dkim WHERE author IN (:address, :local)"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgresql]:
    missing = missing_part()
    if missing:
        pytest.skip(missing)
    server = Postgresql()
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE dkim (domain text, selector varchar(63), key text, author text)")
            rows = [("example.org", "2026a", "alice@example.org"), ("example.org", "2026b", "b\"o'b")]
            for domain, selector, author in rows:
                words = domain, selector, ED25519_KEY.to_pem().decode(), author
                connection.execute("INSERT INTO dkim VALUES (%s, %s, %s, %s)", words)
        yield server
    finally:
        server.stop()


def finder(server: Postgresql, query: str, *, seconds: float = 60.0, patience: float = 30.0) -> SqlFinder:
    from inalign.keys.sql.postgresql import PostgresqlDatabase

    store = KeyStore(KeyAccess())
    return SqlFinder(PostgresqlDatabase(server.url), query, store, seconds=seconds, patience=patience)


def test_rows_are_signatures(server: Postgresql) -> None:
    found = find(finder(server, BY_DOMAIN), "x@example.org", "x@example.net", "x'; DROP TABLE dkim; --@example.org")
    assert found == [["example.org 2026a"], [], ["example.org 2026a"]]


def test_query_by_address(server: Postgresql) -> None:
    found = find(finder(server, BY_ADDRESS), "Alice@example.org", "b\"o'b@example.org", "x@example.org")
    assert found == [["example.org 2026a @example.org"], ["example.org 2026b @example.org"], []]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DELETE FROM dkim RETURNING domain, selector, key", "read-only transaction"),
        ("SELECT missing FROM dkim", 'column "missing" does not exist'),
        ("SELECT 1, 2, 3", "must give rows of"),
        ("COMMIT", "must give rows of|syntax|no more"),
    ],
)
def test_answer_that_cannot_be_is_told(server: Postgresql, query: str, words: str) -> None:
    if query == "COMMIT":
        assert find(finder(server, query), "x@example.org") == [[]]  # no rows, and nothing written
        return
    with pytest.raises(KeyLookupError, match=words):
        find(finder(server, query), "x@example.org")


def test_query_that_does_not_end_is_ended(server: Postgresql) -> None:
    with pytest.raises(KeyLookupError, match=r"postgresql:///postgres: no answer within 0.3 s"):
        find(finder(server, "SELECT pg_sleep(600)::text, '', ''", patience=0.3), "x@example.org")


def test_check_asks_the_query_once(server: Postgresql) -> None:
    assert list(database_faults(server.url, BY_ADDRESS)) == []
    (fault,) = database_faults(server.url, "SELECT 1")
    assert "gives 1 columns" in fault.text


def test_server_that_was_down_is_asked_again(server: Postgresql) -> None:
    keys = finder(server, BY_DOMAIN, seconds=0.001)

    async def walk() -> list[list[str]]:
        seen = [told(await keys.find("x@example.org"))]
        await asyncio.to_thread(server.end)
        with pytest.raises(KeyLookupError, match="postgresql:///postgres: "):
            await keys.find("x@example.org")
        await asyncio.to_thread(server.start)
        seen.append(told(await keys.find("x@example.org")))
        await asyncio.to_thread(server.end)
        await asyncio.to_thread(server.start)
        seen.append(told(await keys.find("x@example.org")))  # the connection was lost unseen
        await keys.aclose()
        return seen

    assert asyncio.run(walk()) == [["example.org 2026a"]] * 3


def test_password_of_the_url_is_never_told() -> None:
    (fault,) = database_faults("postgresql://user:secret@127.0.0.1:1/keys", BY_DOMAIN)
    assert "postgresql://127.0.0.1:1/keys: " in fault.text
    assert "secret" not in str(fault)
