"""A folder a domain, a file a key."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from inalign.flow.key_finder import KeyLookupError
from inalign.keys.folder import FolderFinder, folder_keys
from inalign.keys.key_file import KeyAccess
from inalign.keys.key_store import KeyStore
from tests.keys.material import ED25519_KEY, Clock, find, told, write_key


def finder(folder: Path, clock: Clock | None = None) -> FolderFinder:
    clock = clock or Clock()
    return FolderFinder(folder, KeyStore(KeyAccess(), clock=clock), clock=clock)


def test_every_key_of_the_domain_signs(tmp_path: Path) -> None:
    write_key(tmp_path / "example.org" / "2026b.pem", ED25519_KEY)
    write_key(tmp_path / "example.org" / "2026a.pem")
    write_key(tmp_path / "example.org" / "2027a.pending")
    write_key(tmp_path / "example.org" / "no selector.pem")
    found = find(finder(tmp_path), "a@example.org", "A@EXAMPLE.org", "a@news.example.org", "a@..", "a@../example.org")
    assert found == [["example.org 2026a", "example.org 2026b"]] * 2 + [[], [], []]


def test_rename_begins_and_ends_a_key_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    keys = finder(tmp_path, clock)
    folder = tmp_path / "example.org"
    write_key(folder / "new.pending")

    async def walk() -> list[list[str]]:
        seen = [told(await keys.find("a@example.org"))]
        (folder / "new.pending").rename(folder / "new.pem")
        seen.append(told(await keys.find("a@example.org")))
        clock.now += 1
        seen.append(told(await keys.find("a@example.org")))
        (folder / "new.pem").rename(folder / "new.retired")
        clock.now += 1
        seen.append(told(await keys.find("a@example.org")))
        return seen

    assert asyncio.run(walk()) == [[], [], ["example.org new"], []]


def test_rule_is_the_file(tmp_path: Path) -> None:
    path = write_key(tmp_path / "example.org" / "s.pem")
    (choice,) = asyncio.run(finder(tmp_path).find("a@example.org"))
    assert choice.rule == str(path)


def test_more_keys_than_anybody_means(tmp_path: Path) -> None:
    for number in range(9):
        write_key(tmp_path / "example.org" / f"s{number}.pem", ED25519_KEY)
    with pytest.raises(KeyLookupError, match="more than 8 keys"):
        find(finder(tmp_path), "a@example.org")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_folder_that_cannot_be_read_is_no_absence_of_keys(tmp_path: Path) -> None:
    write_key(tmp_path / "example.org" / "s.pem")
    (tmp_path / "example.org").chmod(0)
    try:
        with pytest.raises(KeyLookupError, match="Permission denied"):
            find(finder(tmp_path), "a@example.org")
    finally:
        (tmp_path / "example.org").chmod(0o700)


def test_check_names_what_is_never_looked_at(tmp_path: Path) -> None:
    write_key(tmp_path / "Example.net" / "s.pem")
    write_key(tmp_path / "example.org" / "no selector.pem")
    write_key(tmp_path / "no domain" / "s.pem")
    write_key(tmp_path / ".hidden" / "s.pem")
    write_key(tmp_path / "example.com" / "s.pem")
    found = [str(getattr(item, "text", item)) for item in folder_keys(tmp_path)]
    assert len(found) == 4
    assert "never looked at: the folder of this domain is called example.net" in found
    assert "'no selector' is no selector: no DNS name" in found
