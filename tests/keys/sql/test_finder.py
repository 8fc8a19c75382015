"""Keys in an SQLite database."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

from inalign.flow.key_finder import KeyLookupError
from inalign.keys.key_file import KeyAccess
from inalign.keys.key_store import KeyStore
from inalign.keys.sql.database import QueryRows
from inalign.keys.sql.finder import SqlFinder, database_faults
from inalign.keys.sql.sqlite import SqliteDatabase
from tests.keys.material import RSA_KEY, Clock, find, told, write_key

BY_DOMAIN = "SELECT domain, selector, key FROM dkim WHERE domain = :domain ORDER BY selector"
BY_ADDRESS = "SELECT domain, selector, key, identity FROM dkim WHERE author = :address OR author = :local"


def database(folder: Path, *rows: tuple[str, ...], name: str = "keys.db") -> Path:
    """A database of these rows: domain, selector, key, author, identity."""
    path = folder / name
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE dkim (domain, selector, key, author, identity)")
        connection.executemany("INSERT INTO dkim VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    return path


def row(key: str | Path, selector: str = "s", author: str = "", identity: str | None = None) -> tuple[str, ...]:
    return ("example.org", selector, str(key), author, identity)  # type: ignore[return-value]  # NULL is an answer, too


def finder(path: Path, query: str = BY_DOMAIN, clock: Clock | None = None) -> SqlFinder:
    clock = clock or Clock()
    return SqlFinder(SqliteDatabase(path), query, KeyStore(KeyAccess(), clock=clock), clock=clock)


def test_rows_are_signatures(tmp_path: Path) -> None:
    path = write_key(tmp_path / "k.pem")
    keys = database(tmp_path, row(path, "a"), row(RSA_KEY.to_pem().decode(), "b"))
    found = find(finder(keys), "x@example.org", "x@EXAMPLE.org", "x@example.net", "x")
    assert found == [["example.org a", "example.org b"]] * 2 + [[], []]


def test_query_by_address_with_identity(tmp_path: Path) -> None:
    path = write_key(tmp_path / "k.pem")
    rows = row(path, "a", "alice@example.org", "@example.org"), row(path, "b", "bob", "@example.net")
    found = find(finder(database(tmp_path, *rows), BY_ADDRESS), "Alice@example.org", "bob@example.org", "x@example.org")
    assert found == [["example.org a @example.org"], ["example.org b"], []]


def test_rule_names_the_database(tmp_path: Path) -> None:
    keys = finder(database(tmp_path, row(write_key(tmp_path / "k.pem"))))
    (choice,) = asyncio.run(keys.find("x@example.org"))
    assert choice.rule == f"{tmp_path}/keys.db: s._domainkey.example.org"


def test_answers_count_for_a_while_those_without_rows_too(tmp_path: Path) -> None:
    clock = Clock()
    path = write_key(tmp_path / "k.pem")
    file = database(tmp_path, row(path, "a"))
    keys = finder(file, clock=clock)

    async def walk() -> list[list[str]]:
        seen = [told(await keys.find(f"x@{domain}")) for domain in ("example.org", "example.net")]
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE dkim SET selector = 'b'")
            connection.execute("INSERT INTO dkim VALUES ('example.net', 'n', ?, '', '')", [str(path)])
        connection.close()
        clock.now += 59
        seen += [told(await keys.find(f"x@{domain}")) for domain in ("example.org", "example.net")]
        clock.now += 1
        seen += [told(await keys.find(f"x@{domain}")) for domain in ("example.org", "example.net")]
        await keys.aclose()
        return seen

    assert asyncio.run(walk()) == [["example.org a"], [], ["example.org a"], [], ["example.org b"], ["example.net n"]]


def test_database_that_takes_the_place_of_another_is_seen(tmp_path: Path) -> None:
    clock = Clock()
    path = write_key(tmp_path / "k.pem")
    file = database(tmp_path, row(path, "a"))
    keys = finder(file, clock=clock)

    async def walk() -> list[list[str]]:
        seen = [told(await keys.find("x@example.org"))]
        database(tmp_path, row(path, "b"), name="new.db").rename(file)
        clock.now += 60
        seen.append(told(await keys.find("x@example.org")))
        await keys.aclose()
        return seen

    assert asyncio.run(walk()) == [["example.org a"], ["example.org b"]]


def test_many_messages_ask_once(tmp_path: Path) -> None:
    keys = finder(database(tmp_path, row(write_key(tmp_path / "k.pem"))))
    asked = []
    ask = keys._database.ask

    def count(query: str, parameters: dict[str, str]) -> QueryRows:
        asked.append(parameters["domain"])
        return ask(query, parameters)

    keys._database.ask = count  # type: ignore[method-assign]

    async def walk() -> None:
        await asyncio.gather(*(keys.find(f"{number}@example.org") for number in range(50)))
        await keys.aclose()

    asyncio.run(walk())
    assert asked == ["example.org"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1, 2", "must give rows of"),
        ("SELECT domain, selector, NULL FROM dkim", "must give rows of"),
        ("SELECT 'a b', selector, key FROM dkim", "not a label"),
        ("SELECT domain, '_-', key FROM dkim", "not a label"),
        ("SELECT missing FROM dkim", "no such column"),
        ("DELETE FROM dkim", "readonly"),
        (
            f"{BY_DOMAIN.partition(' WHERE')[0]}, (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9))",
            "more than 8 rows",
        ),
    ],
)
def test_answer_that_cannot_be_is_told(query: str, words: str, tmp_path: Path) -> None:
    keys = database(tmp_path, row(write_key(tmp_path / "k.pem")))
    with pytest.raises(KeyLookupError, match=words):
        find(finder(keys, query), "x@example.org")


def test_database_that_is_down_is_told_and_asked_again(tmp_path: Path) -> None:
    keys = finder(tmp_path / "keys.db")

    async def walk() -> list[str]:
        with pytest.raises(KeyLookupError, match=r"keys.db: unable to open"):
            await keys.find("x@example.org")
        database(tmp_path, row(write_key(tmp_path / "k.pem")))
        found = told(await keys.find("x@example.org"))
        await keys.aclose()
        return found

    assert asyncio.run(walk()) == ["example.org s"]


def test_query_that_does_not_end_is_ended(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i), '', '' FROM n"
    with pytest.raises(KeyLookupError, match="no answer within"):
        find(
            SqlFinder(SqliteDatabase(database(tmp_path)), endless, KeyStore(KeyAccess()), patience=0.05),
            "x@example.org",
        )


@pytest.mark.parametrize(
    ("query", "words"),
    [(BY_DOMAIN, []), (BY_ADDRESS, []), ("SELECT 1", ["gives 1 columns"]), ("SELEC", ["syntax error"]),
     ("SELECT :owner, 2, 3", [":owner"])],
)  # fmt: skip
def test_check_asks_the_query_once(query: str, words: list[str], tmp_path: Path) -> None:
    faults = list(database_faults(str(database(tmp_path)), query))
    assert len(faults) == len(words)
    assert all(word in fault.text for word, fault in zip(words, faults, strict=True))


def test_check_of_a_database_that_is_not_there(tmp_path: Path) -> None:
    (fault,) = database_faults(str(tmp_path / "gone.db"), BY_DOMAIN)
    assert (fault.place, fault.text) == ("sign.query", f"{tmp_path}/gone.db: unable to open database file")


def test_postgresql_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "inalign.keys.sql.postgresql", raising=False)
    (fault,) = database_faults("postgresql://host/keys", BY_DOMAIN)
    assert fault.place == "sign.database"
    assert "needs psycopg" in fault.text
