"""Which key files are read, and what is said of the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inalign.keys.key_file import KeyAccess, KeyFileError, read_key_file
from tests.keys.material import ED25519_KEY, RSA_KEY, write_key

SAFE = KeyAccess()


@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
def test_key_of_its_owner_alone_is_read(key: object, tmp_path: Path) -> None:
    assert key in (RSA_KEY, ED25519_KEY)
    path = write_key(tmp_path / "k.pem", RSA_KEY if key is RSA_KEY else ED25519_KEY)
    assert read_key_file(path, SAFE).public_octets() in (RSA_KEY.public_octets(), ED25519_KEY.public_octets())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644])
def test_key_that_others_may_use_is_refused_by_name(mode: int, tmp_path: Path) -> None:
    path = write_key(tmp_path / "k.pem", mode=mode)
    with pytest.raises(KeyFileError, match=rf"k.pem: mode {mode:04o} is open to others.*chmod 600"):
        read_key_file(path, SAFE)
    assert read_key_file(path, KeyAccess(unsafe_keys=True)).bits == 2048


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_key_in_a_folder_that_others_may_write_is_refused(mode: int, tmp_path: Path) -> None:
    path = write_key(tmp_path / "open" / "below" / "k.pem")
    (tmp_path / "open").chmod(mode)
    with pytest.raises(KeyFileError, match=r"others may write to .*/open, and so exchange it"):
        read_key_file(path, SAFE)
    (tmp_path / "open").chmod(mode | 0o1000)
    assert read_key_file(path, SAFE).bits == 2048


def test_link_is_followed_to_where_the_key_is(tmp_path: Path) -> None:
    path = write_key(tmp_path / "open" / "k.pem")
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link.pem").symlink_to(path)
    with pytest.raises(KeyFileError, match="exchange it"):
        read_key_file(tmp_path / "link.pem", SAFE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_must_be_the_reader_or_root(tmp_path: Path) -> None:
    path = write_key(tmp_path / "k.pem")
    os.chown(path, 12345, -1)
    with pytest.raises(KeyFileError, match="belongs to user 12345"):
        read_key_file(path, SAFE)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid not in (0, 12345):
            pytest.skip("the temporary folder is not root's")
    assert read_key_file(path, KeyAccess(reader=12345)).bits == 2048
    with pytest.raises(KeyFileError, match="belongs to user 12345"):
        read_key_file(path, KeyAccess(reader=54321))


@pytest.mark.skipif(os.geteuid() != 0, reason="without root we are who reads")
def test_key_that_the_later_user_could_not_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"only its owner, user 0, may read it, not user 12345"):
        read_key_file(write_key(tmp_path / "k.pem"), KeyAccess(reader=12345))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, words in (
        ("gone", "No such file"),
        (".", "(not a regular file|Is a directory)"),
        ("pipe", "not a regular"),
    ):
        with pytest.raises(KeyFileError, match=words):
            read_key_file(tmp_path / name, SAFE)
    with pytest.raises(KeyFileError, match="null"):
        read_key_file(Path("/a\0b"), SAFE)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "neither PEM nor DER"), (b"SECRET" * 100, "neither PEM"), (b"x" * 70_000, "more than 65536 octets")],
)
def test_what_is_no_key(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=words) as caught:
        read_key_file(path, SAFE)
    assert "SECRET" not in str(caught.value)


def test_encrypted_key_is_opened_with_the_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(RSA_KEY.to_pem(b"secret"))
    path.chmod(0o600)
    access = KeyAccess(passphrase=b"secret")
    assert read_key_file(path, access).bits == 2048
    assert "secret" not in repr(access)
    with pytest.raises(KeyFileError, match="no passphrase"):
        read_key_file(path, SAFE)
