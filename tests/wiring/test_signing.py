"""From the settings to the keys, and what `inalign config check` says of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from inalign.cli import main
from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import generate_private_key
from inalign.errors import SettingsError
from inalign.flow.key_finder import KeyLookupError
from inalign.keys.options import make_key_finder
from inalign.settings.config import Config
from inalign.settings.file import read_config
from inalign.wiring.signing import make_key_options, refuse, signing_faults
from tests.keys.material import ED25519_KEY, find, write_key
from tests.keys.sql.test_finder import BY_DOMAIN, database, row
from tests.keys.vectors import FOLDER

RULE = '[[sign.key]]\ndomain = "example.org"\nselector = "{0}"\nfile = "{0}.pem"\n'


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "inalign.toml"
    path.write_text(text)
    return path


def found(path: Path, *authors: str) -> list[list[str]]:
    """What the finder of these settings finds."""
    finder = make_key_finder(make_key_options(read_config(path)))
    assert finder is not None
    return find(finder, *authors)


def faults(path: Path) -> list[str]:
    return [str(fault) for fault in signing_faults(read_config(path), with_keys=True)]


def test_nothing_signs_by_default() -> None:

    assert make_key_finder(make_key_options(Config())) is None


def test_settings_lead_to_keys(tmp_path: Path) -> None:
    write_key(tmp_path / "rsa.pem")
    write_key(tmp_path / "ed.pem", ED25519_KEY)
    text = RULE.format("rsa") + 'for = ["example.org", ".example.org"]\nidentity = "@%"\n\n' + RULE.format("ed")
    path = settings_file(tmp_path, text)
    assert faults(path) == []
    assert found(path, "a@example.org", "a@n.example.org", "a@example.net") == [
        ["example.org rsa @example.org", "example.org ed"],
        ["example.org rsa @n.example.org"],
        [],
    ]


def test_sources_are_asked_in_their_order(tmp_path: Path) -> None:
    write_key(tmp_path / "rule.pem")
    write_key(tmp_path / "keys" / "example.org" / "folder.pem")
    write_key(tmp_path / "keys" / "example.net" / "folder.pem")
    database(tmp_path, row(tmp_path / "rule.pem", "sql"), ("example.com", "sql", str(tmp_path / "rule.pem"), "", ""))
    text = (
        f'[sign]\nkey_table = "csl:k=%:table:{tmp_path}/rule.pem"\nsigning_table = "csl:example.edu=k,example.net=k"\n'
        f'folder = "keys"\ndatabase = "keys.db"\nquery = "{BY_DOMAIN}"\n' + RULE.format("rule")
    )
    path = settings_file(tmp_path, text)
    assert faults(path) == []
    authors = [f"a@example.{top}" for top in ("org", "edu", "net", "com", "info")]
    assert found(path, *authors) == [
        ["example.org rule"], ["example.edu table"], ["example.net table"], ["example.com sql"], [],
    ]  # fmt: skip


def test_tables_by_a_relative_path_begin_where_the_settings_are(tmp_path: Path) -> None:
    write_key(tmp_path / "k.pem")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "KeyTable").write_text(f"k example.org:s1:{tmp_path}/k.pem\n")
    (tmp_path / "tables" / "SigningTable").write_text("*@example.org k\n")
    text = '[sign]\nkey_table = "file:tables/KeyTable"\nsigning_table = "refile:tables/SigningTable"\n'
    path = settings_file(tmp_path, text)
    assert faults(path) == []
    assert found(path, "a@example.org") == [["example.org s1"]]


def test_rule_that_is_also_signs_beside_what_is_found_anywhere(tmp_path: Path) -> None:
    write_key(tmp_path / "esp.pem")
    write_key(tmp_path / "keys" / "example.org" / "folder.pem")
    write_key(tmp_path / "keys" / "esp.example" / "esp.pem")
    rule = RULE.format("esp").replace("example.org", "esp.example") + 'for = ["*"]\nalso = true\n'
    path = settings_file(tmp_path, '[sign]\nfolder = "keys"\n' + rule)
    assert found(path, "a@example.org", "a@example.net", "a@esp.example") == [
        ["example.org folder", "esp.example esp"],
        ["esp.example esp"],
        ["esp.example esp"],
    ]
    assert found(settings_file(tmp_path, rule), "a@example.org") == [["esp.example esp"]]


def test_source_that_cannot_say_is_not_passed_over(tmp_path: Path) -> None:
    write_key(tmp_path / "keys" / "example.org" / "s.pem", mode=0o644)
    database(tmp_path, row(write_key(tmp_path / "k.pem")))
    text = f'[sign]\nfolder = "keys"\ndatabase = "keys.db"\nquery = "{BY_DOMAIN}"\n'
    with pytest.raises(KeyLookupError, match="mode 0644"):
        found(settings_file(tmp_path, text), "a@example.org")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[sign.key]]\ndomain = "example.org"\nselector = "s"\n', ":1: sign.key[0].file: it is required"),
        (RULE.format("a") + RULE.format("b").replace("e.org", "e org"), ":6: sign.key[1].domain: 'example org' in"),
        (RULE.format("-s"), ":3: sign.key[0].selector: '-s' in '-s' is not a label"),
        (RULE.format("s") + 'for = ["*.example.org"]\n', ":5: sign.key[0].for: '*' in"),
        (RULE.format("s") + "owner = 1\n", ":5: sign.key[0].owner: no such setting"),
        ('[sign]\nkey_table = "/x"\n', ":1: sign.signing_table: sign.key_table is missing"),
        ('[sign]\nsigning_table = "dsn:x"\nkey_table = "dsn:x"\n', ":2: sign.signing_table: 'dsn:x' is no data set"),
        ('[sign]\ndatabase = "x"\n', ":1: sign.query: sign.database is missing"),
        ('[sign]\nfolder = "gone"\n', ":2: sign.folder: "),
        ('[sign]\npassphrase_variable = "INALIGN_NOT_SET"\n', ":2: sign.passphrase_variable: there is no INALIGN"),
    ],
)  # fmt: skip
def test_check_names_file_line_and_setting(text: str, words: str, tmp_path: Path) -> None:
    path = settings_file(tmp_path, text)
    result = CliRunner().invoke(main, ["config", "check", "--config", str(path)])
    assert result.exit_code != 0
    assert f"{path}{words}" in str(result.exception or "") + result.output


def test_check_opens_every_key(tmp_path: Path) -> None:
    write_key(tmp_path / "open.pem", mode=0o640)
    write_key(tmp_path / "short.pem", generate_private_key(KeyType.RSA, bits=1024))
    (tmp_path / "junk.pem").write_text("SECRET")
    (tmp_path / "junk.pem").chmod(0o600)
    path = settings_file(tmp_path, "\n".join(map(RULE.format, ("open", "short", "junk", "gone"))))
    assert faults(path) == [
        f"{path}:1: {tmp_path}/open.pem: mode 0640 is open to others than its owner; try: chmod 600 "
        f"{tmp_path}/open.pem",
        f"{path}:6: {tmp_path}/short.pem has 1024 bits; 2048 are advised (RFC 8301 section 3.2)",
        f"{path}:11: {tmp_path}/junk.pem: this is neither PEM nor DER nor the base64 of an Ed25519 seed",
        f"{path}:16: {tmp_path}/gone.pem: No such file or directory",
    ]
    with pytest.raises(SettingsError, match=r"(?s)open.pem.*junk.pem.*gone.pem"):
        refuse(signing_faults(read_config(path), with_keys=True))
    # at the start of the service keys are not opened: there may be 100,000
    assert signing_faults(read_config(path), with_keys=False) == []


def test_one_name_has_one_key(tmp_path: Path) -> None:
    write_key(tmp_path / "a.pem")
    write_key(tmp_path / "b.pem")
    path = settings_file(tmp_path, RULE.format("a") + RULE.format("b").replace('selector = "b"', 'selector = "a"'))
    assert faults(path) == [f"{path}:5: a._domainkey.example.org has another key at {path}:1"]


def test_identity_outside_of_the_domain(tmp_path: Path) -> None:
    write_key(tmp_path / "a.pem")
    path = settings_file(tmp_path, RULE.format("a") + 'identity = "@example.net"\n')
    assert faults(path) == [f"{path}:1: the identity '@example.net' does not lie at or below example.org"]


def test_many_faults_are_counted(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "".join(RULE.format(f"gone{number}") for number in range(30)))
    with pytest.raises(SettingsError, match="and 10 more"):
        refuse(signing_faults(read_config(path), with_keys=True))


def test_encrypted_keys_are_opened_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.pem"
    path.write_bytes(ED25519_KEY.to_pem(b"secret"))
    path.chmod(0o600)
    settings = settings_file(tmp_path, '[sign]\npassphrase_variable = "INALIGN_TEST"\n' + RULE.format("s"))
    monkeypatch.setenv("INALIGN_TEST", "secret")
    assert found(settings, "a@example.org") == [["example.org s"]]
    assert "secret" not in repr(make_key_options(read_config(settings)))
    monkeypatch.setitem(os.environ, "INALIGN_TEST", "other")
    assert faults(settings) == [
        f"{settings}:3: {path}: the private key is encrypted, and the passphrase does not open it"
    ]


def talk(folder: Path) -> Path:
    """The tables of the talk, and settings that name them."""
    write_key(folder / "selector25.pem", generate_private_key(KeyType.RSA, bits=1024))
    for name in ("KeyTable", "SigningTable"):
        (folder / name).write_text((FOLDER / "talk" / name).read_text().replace("KEYS", str(folder)))
    text = f'[sign]\nkey_table = "{folder}/KeyTable"\nsigning_table = "refile:{folder}/SigningTable"\n'
    return settings_file(folder, text)


def test_mistakes_of_the_talk_are_named_with_file_and_line(tmp_path: Path) -> None:
    assert faults(talk(tmp_path)) == [
        f"{tmp_path}/SigningTable:1: names the key 'selector25._domainkey.internetweek.jp', which {tmp_path}/KeyTable "
        "does not hold; do you mean 'selector25._domainkey.example.com'?",
        f"{tmp_path}/KeyTable:1: {tmp_path}/selector25.pem has 1024 bits; 2048 are advised (RFC 8301 section 3.2)",
    ]


@pytest.mark.parametrize(
    ("keys", "rules", "words"),
    [
        ("s._domainkey.a.example b.example:s:{0}", "*@b.example s._domainkey.a.example",
         "KeyTable:1: the key is called 's._domainkey.a.example' and signs as s._domainkey.b.example"),
        ("k a.example:s:{0}\nk b.example:s:{0}", "*@a.example k", "KeyTable:2: the key 'k' stands in line 1 already"),
        ("k a.example:s:{0}", "a.example k", "SigningTable:1: 'a.example' never fits: a refile: is compared"),
        ("k a.example:s:{0}", "*@a.example k:@b.example", "SigningTable:1: the identity '@b.example' does not lie"),
    ],
)  # fmt: skip
def test_warnings_of_tables(keys: str, rules: str, words: str, tmp_path: Path) -> None:
    path = talk(tmp_path)
    (tmp_path / "KeyTable").write_text(keys.format(write_key(tmp_path / "k.pem")) + "\n")
    (tmp_path / "SigningTable").write_text(rules + "\n")
    (fault,) = signing_faults(read_config(path), with_keys=True)
    assert str(fault).startswith(f"{tmp_path}/{words}")
    assert not fault.is_fatal


def test_pattern_in_a_table_that_has_none(tmp_path: Path) -> None:
    path = talk(tmp_path)
    path.write_text(path.read_text().replace("refile:", "file:"))
    (tmp_path / "SigningTable").write_text("*@a.example selector25._domainkey.example.com\n")
    assert "SigningTable:1: '*@a.example' never fits: only a refile: has patterns" in faults(path)[0]


def test_check_says_where_keys_come_from_and_warns(tmp_path: Path) -> None:
    write_key(tmp_path / "s.pem", generate_private_key(KeyType.RSA, bits=1024))
    path = settings_file(tmp_path, RULE.format("s"))
    result = CliRunner().invoke(main, ["config", "check", "--config", str(path)])
    assert result.exit_code == 0
    assert "finds signing keys in  1 rules" in result.output
    assert f"Warning: {path}:1: {tmp_path}/s.pem has 1024 bits" in result.output


@pytest.mark.parametrize(
    ("sign", "keys", "rules", "words"),
    [
        ("", "k a.example:s:/gone.pem", "*@a.example k", "KeyTable:2: /gone.pem: No such file or directory"),
        ("", "k a.example:s:{folder}/open.pem", "*@a.example k", "KeyTable:2: {folder}/open.pem: mode 0644 is open"),
        ("", "k a.example:s:{folder}/k.pem", "*@a.example m", "SigningTable:2: names the key 'm', which"),
        ("", "k a.example:s:{folder}/k.pem", "*@a.example", "SigningTable:2: '*@a.example' has no key"),
        ("", "k a.example:-s:{folder}/k.pem", "*@a.example k", "KeyTable:2: '-s'"),
        ("", "k a.example::{folder}/k.pem", "*@a.example k", "KeyTable:2: the key 'k' has not the form"),
        ('database = "gone.db"\nquery = "SELECT 1, 2, 3"\n', "", "", "inalign.toml:5: sign.query: {folder}/gone.db:"),
        ('database = "keys.db"\nquery = "SELECT 1"\n', "", "", "inalign.toml:5: sign.query: gives 1 columns"),
        ('database = "keys.db"\nquery = "SELECT * FROM gone"\n', "", "", "inalign.toml:5: sign.query: "),
    ],
)  # fmt: skip
def test_bad_input_is_one_error_with_file_and_line(
    tmp_path: Path, sign: str, keys: str, rules: str, words: str
) -> None:
    write_key(tmp_path / "k.pem")
    write_key(tmp_path / "open.pem", mode=0o644)
    database(tmp_path)
    (tmp_path / "KeyTable").write_text("# keys\n" + keys.format(folder=tmp_path) + "\n")
    (tmp_path / "SigningTable").write_text("# rules\n" + rules + "\n")
    tables = f'key_table = "{tmp_path}/KeyTable"\nsigning_table = "refile:{tmp_path}/SigningTable"\n'
    path = settings_file(tmp_path, f"[sign]\n{tables}{sign}")
    result = CliRunner().invoke(main, ["config", "check", "--config", str(path)])
    assert result.exit_code == 2
    assert f"{tmp_path}/{words.format(folder=tmp_path)}" in result.output
    assert len([line for line in result.output.splitlines() if "Warning" not in line]) == 1, result.output
