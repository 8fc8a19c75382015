from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inalign.cli import key as key_command
from inalign.cli import main
from inalign.cli.key_options import key_terms
from inalign.dkim.crypto import load_private_key
from inalign.keys.lifecycle.zone_servers import ZoneServers
from inalign.resolver.master_file import parse_master_file
from inalign.settings.file import parse_settings
from inalign.settings.postfix import maximal_queue_lifetime
from inalign.settings.tables import Settings
from tests.helpers import NOW
from tests.keys.lifecycle.test_zone_servers import zone
from tests.keys.sql.test_finder import database
from tests.nameserver import NameServer


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "keys"


def inalign(*words: str, days: float = 0) -> Result:
    when = ["--now", (NOW + timedelta(days=days)).isoformat()] if words[0] in ("new", "rotate") else []
    where = [] if "--config" in words else ["--directory", "keys"]
    return CliRunner().invoke(main, ["key", *words, *where, *when])


def test_new_prints_the_record_alone_and_keeps_the_key_to_its_owner(place: Path) -> None:
    made = inalign("new", "Bücher.example")
    assert made.exit_code == 0, made.output
    (read,) = parse_master_file(made.stdout)
    path = place / "xn--bcher-kva.example" / "r20261124.pending"
    key = load_private_key(path.read_bytes())
    assert (key.bits, path.stat().st_mode & 0o777) == (2048, 0o600)
    assert read.owner == "r20261124._domainkey.xn--bcher-kva.example"
    assert read.value == f"v=DKIM1; k=rsa; p={key.public_text()}".encode()
    assert "PRIVATE" not in made.output


def test_a_second_key_says_what_reporters_will_show(place: Path) -> None:
    made = inalign("new", "example.org", "--ed25519", "--selector", "2026")
    assert [record.owner.partition(".")[0] for record in parse_master_file(made.stdout)] == ["2026", "2026-ed25519"]
    assert "that is no fault" in made.stderr


def test_a_key_that_is_there_is_not_made_again(place: Path) -> None:
    assert inalign("new", "example.org").exit_code == 0
    again = inalign("new", "example.org")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "inalign key rotate example.org" in again.stderr
    added = inalign("new", "example.org", "--ed25519")
    assert added.exit_code == 0
    assert [record.owner for record in parse_master_file(added.stdout)] == ["e20261124._domainkey.example.org"]
    assert inalign("new", "example.org", "--selector", "r20261124").exit_code == 2


def test_a_passphrase_from_the_environment_encrypts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("inalign.toml").write_text('[sign]\nfolder = "keys"\npassphrase_variable = "KEY_PASSPHRASE"\n')
    assert "KEY_PASSPHRASE" in inalign("new", "example.org", "--config", "inalign.toml").output
    monkeypatch.setenv("KEY_PASSPHRASE", "open sesame")
    assert inalign("new", "example.org", "--config", "inalign.toml").exit_code == 0
    text = (place / "example.org" / "r20261124.pending").read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in text
    load_private_key(text, b"open sesame")


def test_key_that_the_configuration_would_not_use_is_told(place: Path) -> None:
    assert f'[sign] folder = "{place}"' in inalign("new", "example.org").stderr
    toml = '[sign]\nfolder = "keys"\n'
    Path("inalign.toml").write_text(toml)
    assert "Warning" not in inalign("rotate", "example.org", "--config", "inalign.toml").stderr
    rule = '[[sign.key]]\ndomain = "example.org"\nselector = "old"\nfile = "keys/example.org/r20261124.pending"\n'
    for more, is_told in (("", True), ("also = true\n", False), ('for = ["partner.example"]\n', False)):
        Path("inalign.toml").write_text(toml + rule + more)
        told = inalign("rotate", "example.org", "--config", "inalign.toml").stderr
        assert ("mail of example.org is signed by inalign.toml:3, which is asked before" in told) is is_told


def test_list_as_table_and_as_json(place: Path) -> None:
    assert inalign("list").exit_code == 0
    inalign("new", "example.org")
    assert "r20261124  rsa-2048  pending  2026-11-24 12:00" in inalign("list").stdout
    (managed_key,) = json.loads(inalign("list", "--json").stdout)
    assert (managed_key["state"], managed_key["selector"], managed_key["next_at"]) == ("pending", "r20261124", None)
    (place / "example.org" / "r20261124.json").write_text("{")
    assert inalign("list").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("rotate",),
        ("rotate", "example.org", "--all"),
        ("rotate", "--all", "--update", "192.0.2.1", "--tsig", "x"),
        ("rotate", "example.org", "--update", "192.0.2.1"),
        ("rotate", "example.org"),
        ("rotate", "exa mple.org"),
        ("check", "example.org"),
        ("check",),
        ("new", "example.org", "--bits", "512"),
        ("new", "example.org", "--selector", "no selector"),
        ("new", "example.org", "--tsig", "x"),
        ("new", "example.org", "--selector", ".".join(["s" * 60] * 4)),
    ],
)
def test_what_cannot_be_done_is_one_error(place: Path, words: tuple[str, ...]) -> None:
    result = inalign(*words)
    assert result.exit_code == 2
    assert "Error" in result.output
    assert not list(place.glob("*/*.*")) if words[0] != "new" else True


def test_a_long_name_leaves_no_half_made_key(place: Path) -> None:
    inalign("new", "example.org", "--selector", ".".join(["s" * 60] * 4))
    assert [path.name for path in (place / "example.org").iterdir()] == [".lock"]


def test_check_against_servers_and_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = inalign("new", "example.org", "--selector", "s")
    Path("good.zone").write_text(made.stdout)
    Path("wrong.zone").write_text(made.stdout.replace("s._domainkey", "default._domainkey"))
    assert inalign("check", "--zone", "good.zone").exit_code == 0
    wrong = inalign("check", "--zone", "wrong.zone")
    assert wrong.exit_code == 1
    assert "misplaced: wrong.zone:1: the record of this key stands as default._domainkey.example.org" in wrong.stdout
    Path("broken.zone").write_text("s TXT (")
    assert inalign("check", "--zone", "broken.zone").exit_code == 2
    with NameServer(zone(), flags=0x0400) as server:
        Path("inalign.toml").write_text(f'[dns]\nservers = ["{server.address}"]\nexchange_timeout_seconds = 1\n')
        monkeypatch.setattr(key_command, "ZoneServers", partial(ZoneServers, port=server.port))
        found = inalign("check", "example.org", "--json")
    assert found.exit_code == 1
    (checked,) = json.loads(found.stdout)
    assert [one["finding"] for one in checked["findings"]] == ["not_a_key"]
    assert [one["server"] for one in checked["servers"]] == ["ns.example.org"]


def test_check_names_a_private_key_that_is_gone(place: Path) -> None:
    Path("z").write_text(inalign("new", "example.org").stdout)
    (place / "example.org" / "r20261124.pending").unlink()
    found = inalign("check", "--zone", "z")
    assert (found.exit_code, "r20261124.pending: there is no private key" in found.stderr) == (2, True)


def test_check_reads_the_keys_of_the_configuration_and_names_their_lines(place: Path) -> None:
    inalign("new", "example.org", "--selector", "s")
    Path("s.pem").write_bytes((place / "example.org" / "s.pending").read_bytes())
    Path("s.pem").chmod(0o600)
    Path("good.zone").write_text('x TXT "v=spf1 -all"')
    Path("KeyTable").write_text("# keys\nk example.org:s:./s.pem\ngone example.net:s:./gone.pem\n")
    Path("SigningTable").write_text("example.org k\n")
    Path("c.toml").write_text(
        f'[sign]\nkey_table = "{Path("KeyTable").absolute()}"\nsigning_table = "{Path("SigningTable").absolute()}"\n'
    )
    found = inalign("check", "--zone", "good.zone", "--config", "c.toml")
    assert found.exit_code == 2  # one key is gone
    assert "KeyTable:3: " in found.stderr
    assert f"s._domainkey.example.org ({Path('KeyTable').absolute()}:2)" in found.stdout


QUERY = "SELECT domain, selector, key FROM dkim WHERE domain = :domain"


def configure_database(query: str = QUERY, domain: str = "example.org") -> str:
    """A configuration whose one key is in a database; its zone."""
    made = inalign("new", "example.org", "--selector", "s")
    pem = (Path("keys") / "example.org" / "s.pending").read_text()
    database(Path(), (domain, "s", pem, "alice@example.org", ""))
    Path("c.toml").write_text(f'[sign]\ndatabase = "keys.db"\nquery = "{query}"\nfolder = "empty"\n')
    Path("empty").mkdir()
    Path("s.zone").write_text(made.stdout)
    return made.stdout


def test_keys_of_a_database_are_seen_for_domains_that_are_named(place: Path) -> None:
    configure_database()
    found = inalign("check", "example.net", "EXAMPLE.org", "--zone", "s.zone", "--config", "c.toml")
    assert (found.exit_code, found.stdout.count("in order")) == (0, 1), found.output
    assert "keys.db: s._domainkey.example.org" in found.stdout
    listed = inalign("list", "example.org", "--config", "c.toml", "--json")
    (row,) = json.loads(listed.stdout)
    assert (row["selector"], row["key_type"], row["state"]) == ("s", "rsa", "named")
    assert row["place"].endswith("keys.db: s._domainkey.example.org")
    for command in ("list", "check"):
        unnamed = inalign(command, "--config", "c.toml")
        assert "name the domains" in unnamed.stderr, command


def test_database_that_is_asked_by_address_is_asked_for_an_address(place: Path) -> None:
    configure_database("SELECT domain, selector, key FROM dkim WHERE author = :address")
    assert inalign("check", "example.org", "--config", "c.toml").exit_code == 2
    assert inalign("check", "Alice@example.org", "--zone", "s.zone", "--config", "c.toml").exit_code == 0


@pytest.mark.parametrize(
    "statement", ["DROP TABLE dkim", "UPDATE dkim SET key = 'no key'", "UPDATE dkim SET domain = 7"]
)
def test_database_that_is_down_or_holds_no_key_is_told(place: Path, statement: str) -> None:
    configure_database(QUERY.partition(" WHERE")[0])
    with sqlite3.connect("keys.db") as connection:
        connection.execute(statement)
    connection.close()
    for words in (["list", "example.org"], ["check", "example.org", "--zone", "s.zone"]):
        found = inalign(*words, "--config", "c.toml")
        assert (found.exit_code, "keys.db" in found.stderr, "no key" in found.stdout) == (2, True, False), found.output


def test_rotate_says_which_line_names_a_key_and_what_to_write(place: Path) -> None:
    inalign("new", "example.net", "--selector", "old")
    for name in ("table.pem", "rule.pem"):
        Path(name).write_bytes((place / "example.net" / "old.pending").read_bytes())
        Path(name).chmod(0o600)
    Path("KeyTable").write_text("# keys\nk example.org:old:./table.pem\n")
    Path("SigningTable").write_text("example.org k\n")
    here = Path.cwd()
    Path("c.toml").write_text(
        f'[sign]\nfolder = "{place}"\nkey_table = "{here}/KeyTable"\nsigning_table = "{here}/SigningTable"\n'
        '[[sign.key]]\ndomain = "example.org"\nselector = "rule"\nfile = "rule.pem"\nfor = ["a@example.org"]\n'
    )
    before = inalign("rotate", "example.org", "--config", "c.toml")
    assert before.exit_code == 1
    assert before.stdout.count("`inalign key new example.org` makes its successor") == 2
    assert f"old._domainkey.example.org: named by {here}/KeyTable:2" in before.stdout
    inalign("new", "example.org", "--selector", "fresh")
    folder = place / "example.org"
    state = json.loads((folder / "fresh.json").read_text())
    (folder / "fresh.json").write_text(json.dumps(state | {"state": "active"}))
    (folder / "fresh.pending").rename(folder / "fresh.pem")
    after = inalign("rotate", "example.org", "--every", "100", "--config", "c.toml")
    assert f"write example.org:fresh:{folder}/fresh.pem behind the name in {here}/KeyTable:2" in after.stdout
    assert f'write selector = "fresh" and file = "{folder}/fresh.pem" in' in after.stdout
    assert after.exit_code == 1


@pytest.mark.parametrize(
    ("asked", "expire", "main_cf", "days"),
    [
        (14, 0, "", 14),
        (14, 30, "", 30),
        (14, 0, "maximal_queue_lifetime = 3w\n", 21),
        (14, 30, "maximal_queue_lifetime = 20\n", 30),
        (3, 0, "maximal_queue_lifetime = 1d\n", 5),
        (3, 0, None, 5),
        (0, 30, "maximal_queue_lifetime = 20d\n", 0),
    ],
)
def test_a_key_retires_no_sooner_than_its_last_signature_may_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, asked: int, expire: int, main_cf: str | None, days: int
) -> None:
    path = tmp_path / "main.cf"
    if main_cf is not None:
        path.write_text(main_cf)
    settings = parse_settings(f"[sign]\nexpire_days = {expire}\n")
    assert key_terms(settings, asked, path).retire_after == timedelta(days=days)
    assert ("too short" in capsys.readouterr().err) == (asked != days)


def test_queue_lifetime_counts_in_days(tmp_path: Path) -> None:
    path = tmp_path / "main.cf"
    path.write_text("maximal_queue_lifetime = 2\n")
    assert maximal_queue_lifetime(path) == 2 * 86_400
    path.write_text("")
    assert maximal_queue_lifetime(path) == 5 * 86_400
    assert key_terms(Settings(), 14, path).retire_after == timedelta(days=14)
