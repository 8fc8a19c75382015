"""How the files are read, by their manuals."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.migrate.configuration import Dialect, read_configuration
from inalign.migrate.spelling import boolean, data_set_name, integer, networks
from tests.migrate.vectors import configure, run

OPENDKIM = Dialect(includes=True)


def test_comments_begin_anywhere_and_carriage_returns_end_a_line(tmp_path: Path) -> None:
    path = configure(tmp_path, "# all\n\nMode\t sv # both\r\nSocket local:/a#b\n")
    assert [(line.number, line.name, line.value) for line in read_configuration(path, OPENDKIM).lines] == [
        (3, "Mode", "sv"),
        (4, "Socket", "local:/a"),
    ]


def test_the_last_line_of_a_name_counts_in_any_case(tmp_path: Path) -> None:
    path = configure(tmp_path, "Mode s\nMODE v\n")
    found = read_configuration(path, OPENDKIM)
    line = found.get("mode")
    assert line is not None
    assert line.value == "v"


def test_a_loop_of_includes_is_named_with_its_line(tmp_path: Path) -> None:
    path = configure(tmp_path, f"Mode sv\nInclude {tmp_path / 'b.conf'}\n")
    configure(tmp_path, f"\n\nInclude {path}\n", "b.conf")
    result = run("opendkim", path)
    assert result.exit_code == 2
    assert f"{tmp_path / 'b.conf'}:3: Include" in result.output
    assert "loop" in result.output


def test_includes_go_five_deep(tmp_path: Path) -> None:
    for number in range(7):
        configure(tmp_path, f"Include {tmp_path / f'{number + 1}.conf'}\n", f"{number}.conf")
    configure(tmp_path, "Mode sv\n", "7.conf")
    with pytest.raises(SettingsError, match=r"5\.conf:1: .*more than 5"):
        read_configuration(tmp_path / "0.conf", OPENDKIM)
    assert read_configuration(tmp_path / "2.conf", OPENDKIM).get("Mode")


def test_an_include_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    path = configure(tmp_path, "Include /nowhere/at/all\n")
    with pytest.raises(SettingsError, match=r"it\.conf:1: Include /nowhere/at/all: No such file"):
        read_configuration(path, OPENDKIM)


@pytest.mark.parametrize("text", ["t", "True", "YES", "1", "yellow"])
def test_the_first_letter_says_yes(text: str) -> None:
    assert boolean(text)


@pytest.mark.parametrize("text", ["f", "False", "NO", "0"])
def test_the_first_letter_says_no(text: str) -> None:
    assert not boolean(text)


def test_another_letter_is_neither() -> None:
    with pytest.raises(SettingsError, match="neither yes nor no"):
        boolean("on")


@pytest.mark.parametrize(("text", "number"), [("007", 7), ("022", 18), ("22", 22), ("0x1F", 31), ("-1", -1), ("0", 0)])
def test_numbers_are_those_of_c(text: str, number: int) -> None:
    assert integer(text) == number


@pytest.mark.parametrize("text", ["", "08", "1k", "٣", "9" * 30])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(SettingsError):
        integer(text)


def test_data_sets_keep_their_kind_and_get_whole_paths() -> None:
    base = Path("/etc/opendkim")
    assert data_set_name("refile:SigningTable", base) == "refile:/etc/opendkim/SigningTable"
    assert data_set_name("/etc/KeyTable", base) == "/etc/KeyTable"
    assert data_set_name("127.0.0.1, ::1") == "csl:127.0.0.1, ::1"
    with pytest.raises(SettingsError, match="write it whole"):
        data_set_name("file:KeyTable")


@pytest.mark.parametrize("text", ["dsn:mysql://u:secret@h/d/table=x", "ldap://h/", "keys.db", "lua:/x", "memcache:h/k"])
def test_databases_are_refused_by_name_and_without_their_password(text: str) -> None:
    with pytest.raises(SettingsError, match="write it to a file") as caught:
        data_set_name(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("!192.0.2.0/24", ["!192.0.2.0/24"]),
        ("192.0.2.7/24", ["192.0.2.0/24"]),
        ("[2001:DB8::]/32", ["2001:db8::/32"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("mail.example.org", None),
        ("192.0.2/24", None),
    ],
)
def test_clients(text: str, expected: list[str] | None) -> None:
    assert networks(text) == expected
