"""OpenDKIM's tables as they are, and what happens when they change."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.flow.key_finder import KeyLookupError
from inalign.keys.key_file import KeyAccess
from inalign.keys.key_store import KeyStore
from inalign.keys.opendkim.finder import TableFinder
from tests.keys.material import Clock, find, told, write_key
from tests.keys.vectors import NAMES, read_vector

KEYS = "one example.com:sel1:{0}/one.pem\ntwo example.com:sel2:{0}/one.pem\n"


def finder(folder: Path, keys: str = KEYS, rules: str = "example.org one\n", clock: Clock | None = None) -> TableFinder:
    write_key(folder / "one.pem")
    (folder / "KeyTable").write_text(keys.format(folder))
    (folder / "SigningTable").write_text(rules)
    clock = clock or Clock()
    store = KeyStore(KeyAccess(), clock=clock)
    return TableFinder(f"file:{folder / 'KeyTable'}", f"file:{folder / 'SigningTable'}", store, clock=clock)


@pytest.mark.parametrize("multiple", [False, True], ids=["single", "multiple"])
@pytest.mark.parametrize("name", NAMES)
def test_tables_choose_what_the_manual_says(name: str, multiple: bool, tmp_path: Path) -> None:
    vector = read_vector(name, tmp_path)
    cases = vector.multiple if multiple else vector.single
    tables = TableFinder(vector.key_table, vector.signing_table, KeyStore(KeyAccess()), multiple=multiple)
    assert dict(zip(cases, find(tables, *cases), strict=True)) == cases


def test_rule_is_named_with_its_line(tmp_path: Path) -> None:
    (choice,) = asyncio.run(finder(tmp_path, rules="# comment\n\nexample.org one\n").find("a@example.org"))
    assert choice.rule == f"{tmp_path}/SigningTable:3"


def test_author_without_a_domain_has_no_rule(tmp_path: Path) -> None:
    assert find(finder(tmp_path, rules="* one"), "alice", "", "a@", "a@[192.0.2.1]", "a@b c") == [[]] * 5


def test_change_is_seen_when_the_files_have_stood_for_a_second(tmp_path: Path) -> None:
    clock = Clock()
    tables = finder(tmp_path, clock=clock)

    async def walk() -> list[list[str]]:
        seen = [told(await tables.find("a@example.org"))]
        (tmp_path / "SigningTable").write_text("example.org two # and more\n")
        for _ in range(3):
            seen.append(told(await tables.find("a@example.org")))
            clock.now += 1
        seen.append(told(await tables.find("a@example.org")))
        return seen

    one, two = ["example.com sel1"], ["example.com sel2"]
    assert asyncio.run(walk()) == [one, one, one, two, two]


@pytest.mark.parametrize(
    ("rules", "words"),
    [("example.org gone\n", "names the key 'gone'"), (None, "No such file")],
    ids=["a rule without a key", "no file"],
)
def test_tables_that_are_not_in_order_change_nothing(
    rules: str | None, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    tables = finder(tmp_path, clock=clock)

    async def walk() -> list[str]:
        if rules is None:
            (tmp_path / "SigningTable").unlink()
        else:
            (tmp_path / "SigningTable").write_text(rules)
        for _ in range(4):
            clock.now += 1
            await tables.find("a@example.org")
        return told(await tables.find("a@example.org"))

    with caplog.at_level(logging.ERROR, "inalign.keys"):
        assert asyncio.run(walk()) == ["example.com sel1"]
    (record,) = caplog.records
    assert words in record.getMessage()


@pytest.mark.parametrize(
    ("keys", "rules", "words"),
    [
        (KEYS, "example.org gone", r"SigningTable:1: names the key 'gone', which .*KeyTable does not hold"),
        (KEYS, "a@example.org\n", r"SigningTable:1: 'a@example.org' has no key"),
        ("one example.com:sel1\n", "example.org one", r"KeyTable:1: the key 'one' has not the form"),
        ("one example.com:-sel:/x\n", "example.org one", r"KeyTable:1: '-sel' in '-sel' is not a label"),
        ("one exa mple.com:sel:/x\n", "example.org one", r"KeyTable:1: 'exa mple' in"),
        ("one a.b:s:/x\ntwo A.B:S:/y\n", "example.org one", r"KeyTable:2: S._domainkey.A.B has another key in line 1"),
    ],
)
def test_fault_is_named_with_file_and_line(keys: str, rules: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        finder(tmp_path, keys, rules)


@pytest.mark.parametrize("name", ["dsn:mysql://h/d/table=x", "lua:/x", "x", "db:/x", "file:", "ldap://h"])
def test_data_set_of_another_kind_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match="no data set that is read here"):
        TableFinder(name, name, KeyStore(KeyAccess()))


def test_percent_as_key_name_that_no_key_has(tmp_path: Path) -> None:
    with pytest.raises(KeyLookupError, match=r"SigningTable:1: names the key 'example.org'"):
        find(finder(tmp_path, rules="* %"), "a@example.org")


def test_key_in_the_table_itself(tmp_path: Path) -> None:
    text = "".join((write_key(tmp_path / "one.pem")).read_text().splitlines()[1:-1])
    assert find(finder(tmp_path, f"one %:s:{text}\n"), "a@example.org") == [["example.org s"]]


def test_path_that_is_relative_begins_at_the_key_table(tmp_path: Path) -> None:
    assert find(finder(tmp_path, "one %:s:./one.pem\n"), "a@example.org") == [["example.org s"]]


def test_name_with_u_labels_fits_an_author_with_a_labels(tmp_path: Path) -> None:
    tables = finder(tmp_path, "one %:s:./one.pem\n", "bücher.example one\n")
    assert find(tables, "a@xn--bcher-kva.example") == [["xn--bcher-kva.example s"]]


def test_repr_shows_no_key(tmp_path: Path) -> None:
    tables = finder(tmp_path, "one %:s:SECRET\n")
    data = tables._tables._value.keys.data
    assert "SECRET" not in repr(data)
    with pytest.raises(KeyLookupError) as caught:
        find(tables, "a@example.org")
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(tables._tables._value.signers("a@example.org", multiple=False))


@pytest.mark.parametrize("kind", ["file", "refile"])
def test_hundred_thousand_domains(kind: str, tmp_path: Path) -> None:
    count = 100_000
    write_key(tmp_path / "one.pem")
    names = [f"d{number}.example" for number in range(count)]
    (tmp_path / "KeyTable").write_text("".join(f"k.{name} {name}:s:{tmp_path}/one.pem\n" for name in names))
    before = "*@" if kind == "refile" else ""
    (tmp_path / "SigningTable").write_text("".join(f"{before}{name} k.{name}\n" for name in names))
    tables = TableFinder(str(tmp_path / "KeyTable"), f"{kind}:{tmp_path / 'SigningTable'}", KeyStore(KeyAccess()))
    asked = ["a@d0.example", "a@d77777.example", "a@d99999.example", "a@d100000.example"]
    assert find(tables, *asked) == [["d0.example s"], ["d77777.example s"], ["d99999.example s"], []]
