"""Keys are read once, again when their file changes, and forgotten when there are too many."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import PrivateKey
from inalign.flow.key_finder import KeyLookupError
from inalign.keys import key_file, key_store
from inalign.keys.key_file import KeyAccess, KeyFileError
from inalign.keys.key_store import KeySource, KeyStore, RequestedKey, fitting_identity
from inalign.mail.domain import DomainName
from tests.keys.material import ED25519_KEY, RSA_KEY, Clock, write_key

ORG = DomainName("example.org")


def source(path: Path, selector: str = "s") -> KeySource:
    return KeySource(ORG, DomainName(selector), path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    seen: list[Path] = []

    def read(path: Path, access: KeyAccess) -> PrivateKey:
        seen.append(path)
        return key_file.read_key_file(path, access)

    monkeypatch.setattr(key_store, "read_key_file", read)
    return seen


def test_key_is_read_once_and_again_when_its_file_changes(tmp_path: Path, reads: list[Path]) -> None:
    clock = Clock()
    store = KeyStore(KeyAccess(), clock=clock)
    path = write_key(tmp_path / "k.pem")

    async def walk() -> list[KeyType]:
        kinds = []
        for step in range(6):
            if step == 3:
                write_key(tmp_path / "new.pem", ED25519_KEY).rename(path)
            kinds.append((await store.load(source(path))).private_key.key_type)
            if step != 3:
                clock.now += 1
        return kinds

    # in step 3 a second has passed since the last look; the file of before is never used longer than that
    assert asyncio.run(walk()) == [KeyType.RSA] * 3 + [KeyType.ED25519] * 3
    assert len(reads) == 2


def test_file_is_not_looked_at_twice_a_second(tmp_path: Path, reads: list[Path]) -> None:
    store = KeyStore(KeyAccess(), clock=Clock())
    path = write_key(tmp_path / "k.pem")

    async def walk() -> None:
        await store.load(source(path))
        path.unlink()
        await store.load(source(path))

    asyncio.run(walk())
    assert len(reads) == 1


def test_key_that_is_gone_or_open_to_others_is_used_no_more(tmp_path: Path) -> None:
    clock = Clock()
    store = KeyStore(KeyAccess(), clock=clock)
    path = write_key(tmp_path / "k.pem")

    async def walk() -> None:
        await store.load(source(path))
        clock.now += 1
        path.chmod(0o644)
        with pytest.raises(KeyFileError, match="mode 0644"):
            await store.load(source(path))
        path.chmod(0o600)
        await store.load(source(path))
        clock.now += 1
        path.unlink()
        with pytest.raises(KeyFileError, match="No such file"):
            await store.load(source(path))

    asyncio.run(walk())


def test_key_that_was_used_longest_ago_makes_room(tmp_path: Path, reads: list[Path]) -> None:
    store = KeyStore(KeyAccess(), capacity=2, clock=Clock())
    a, b, c = (write_key(tmp_path / f"{name}.pem") for name in "abc")

    async def walk() -> None:
        for path in (a, b, a, c, a, b):
            await store.load(source(path))

    asyncio.run(walk())
    assert [path.stem for path in reads] == ["a", "b", "c", "b"]


def test_short_key_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(key_store, "read_key_file", lambda *_: replace(RSA_KEY, bits=1023))
    with pytest.raises(KeyFileError, match=r"k.pem: the RSA key of s has fewer than 1024 bits"):
        asyncio.run(KeyStore(KeyAccess()).load(source(tmp_path / "k.pem")))


def test_each_name_signs_once_and_a_failure_names_the_rule(tmp_path: Path) -> None:
    store = KeyStore(KeyAccess())
    path = write_key(tmp_path / "k.pem")
    signers = [
        RequestedKey("rule:1", source(path), "@example.net"),
        RequestedKey("rule:2", source(path), "@example.org"),
    ]
    (choice,) = asyncio.run(store.choices(signers))
    assert (choice.rule, choice.identity) == ("rule:1", None)
    with pytest.raises(KeyLookupError, match=r"rule:3: .*gone.pem: No such file"):
        asyncio.run(store.choices([*signers, RequestedKey("rule:3", source(tmp_path / "gone.pem", "t"))]))


@pytest.mark.parametrize(
    ("identity", "fits"),
    [("@example.org", True), ("a@news.example.org", True), ("a@b@example.org", True), ("example.org", False),
     ("@org", False), ("@notexample.org", False), ("@", False), ("", False), (None, False)],
)  # fmt: skip
def test_identity_lies_at_or_below_the_domain(identity: str | None, fits: bool) -> None:
    assert fitting_identity(identity, ORG) == (identity if fits else None)
