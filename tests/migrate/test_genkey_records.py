"""The files of the talk, and records beside keys."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import PrivateKey, generate_private_key
from tests.keys.material import ED25519_KEY, RSA_KEY, write_key
from tests.migrate.vectors import TALK, configure, run

SHORT = generate_private_key(KeyType.RSA, bits=1024)


def public(key: PrivateKey) -> str:
    return base64.b64encode(key.public_octets()).decode()


def test_the_three_faults_of_the_talk_are_named_with_file_and_line(tmp_path: Path) -> None:
    for path in TALK.iterdir():
        (tmp_path / path.name).write_text(
            path.read_text().replace("KEYS", str(tmp_path)).replace("PUBLIC", public(SHORT))
        )
    write_key(tmp_path / "selector25.pem", SHORT)
    assert public(SHORT).startswith("MIGf")
    result = run("opendkim", tmp_path / "opendkim.conf")
    assert result.exit_code == 1
    told = result.stderr.replace(str(tmp_path), "")
    assert "/SigningTable:1: names the key 'selector25._domainkey.internetweek.jp'" in told
    assert "do you mean 'selector25._domainkey.example.com'" in told
    assert "/selector25.txt:1: is printed as default._domainkey" in told
    assert "/KeyTable:1: /selector25.pem has 1024 bits" in told
    assert "/selector25.txt:1: p= of default._domainkey has 1024 bits" in told


@pytest.mark.parametrize(
    ("owner", "key", "told"),
    [
        ("s1._domainkey", RSA_KEY, ""),
        ("s1._domainkey.example.org.", RSA_KEY, ""),
        (
            "s2._domainkey",
            RSA_KEY,
            "a.txt:2: is printed as s2._domainkey, and its key signs as s1._domainkey.example.org",
        ),
        ("s1._domainkey.example.net.", RSA_KEY, "a.txt:2: is printed as s1._domainkey.example.net"),
        ("s1._domainkey", ED25519_KEY, "a.txt:2: p= of s1._domainkey is not the key in"),
        ("other._domainkey", ED25519_KEY, "a.txt:2: p= of other._domainkey is not the key in"),
    ],
)
def test_a_record_beside_a_key_is_of_that_key(owner: str, key: PrivateKey, told: str, tmp_path: Path) -> None:
    write_key(tmp_path / "a.private")
    (tmp_path / "a.txt").write_text(f'; made once\n{owner} 300 IN TXT ( "v=DKIM1; k=rsa; "\n "p={public(key)}" )\n')
    text = f"Domain example.org\nSelector s1\nKeyFile {tmp_path / 'a.private'}\n"
    result = run("opendkim", configure(tmp_path, text))
    assert result.exit_code == (1 if told else 0), result.stderr
    assert told in result.stderr


def test_other_text_beside_a_key_says_nothing(tmp_path: Path) -> None:
    write_key(tmp_path / "a.private")
    (tmp_path / "notes.txt").write_text("s1._domainkey is ours\n_domainkey\n" + '"' * 10_000)
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 100)
    text = f"Domain example.org\nSelector s1\nKeyFile {tmp_path / 'a.private'}\n"
    assert run("opendkim", configure(tmp_path, text)).exit_code == 0
