"""Every option of the other programs is taken over, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.migrate.options import options
from inalign.migrate.translate import PROGRAMS
from inalign.settings.manual import describe
from tests.migrate.vectors import FOLDER, configure, run

OF_THEIRS_ALONE = {"BaseDirectory"}
LOOKED_FOR = (FOLDER / "opendkim.looked-for").read_text().split()
"""What operators who come from OpenDKIM look for, those of its development branch included."""


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_of_the_program_has_a_row(program: str) -> None:
    names = (FOLDER / f"{program}.names").read_text().split()
    assert len(names) > 30
    rows = {name.lower() for name in options()[program]}
    assert [name for name in names if name.lower() not in rows] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_row_says_one_thing(program: str) -> None:
    for name, row in options()[program].items():
        assert sum(map(bool, (row.to, row.not_needed, row.instead, row.not_yet))) == 1, name


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_has_a_setting_is_translated_and_nothing_else(program: str) -> None:
    has_setting = {name for name, row in options()[program].items() if row.to}
    assert has_setting == {*PROGRAMS[program].lines, *PROGRAMS[program].together}


@pytest.mark.parametrize("program", PROGRAMS)
def test_settings_that_are_named_are_there(program: str) -> None:
    known = {key for key, *_ in describe()} | {"sign", "sign.key"}
    for name, row in options()[program].items():
        assert {key for key in row.to.split(", ") if key} <= known, name


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_option_makes_the_import_fail(program: str, tmp_path: Path) -> None:
    """Whatever its value is: it is taken over, named, or told with its line."""
    equals = "=" if program == "policyd-spf" else " "
    names = [name for name in options()[program] if name != "Include"]
    for value in ("0", "nonsense", "/nowhere/at/all", "csl:"):
        path = configure(tmp_path, "".join(f"{name}{equals}{value}\n" for name in names))
        result = run(program, path)
        assert result.exit_code in (0, 1, 2), result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        if result.exit_code < 2:
            for name in names:
                assert name in result.output, (name, value)


@pytest.mark.parametrize("name", LOOKED_FOR)
def test_what_operators_look_for_is_taken_over_or_named_with_its_line(name: str, tmp_path: Path) -> None:
    assert name.lower() in {option.lower() for option in options()["opendkim"]}
    if name == "Include":
        return
    path = configure(tmp_path, f"# before\n{name} X-Y\n")
    result = run("opendkim", path)
    assert f"{path}:2: {name}" in result.output.replace(f"{path}:2: {name.lower()}", f"{path}:2: {name}")


@pytest.mark.parametrize("option", ["KeyTable", "SigningTable", "InternalHosts", "ExemptDomains", "OversignHeaders"])
@pytest.mark.parametrize("kind", ["db:/k.db", "dsn:mysql://h/d", "ldap://h/o=x", "ldaps://h/", "lua:/x.lua",
                                  "memcache:h/k", "mdb:/k", "erlang:n", "socket:/s", "repute:h"])  # fmt: skip
def test_data_sets_of_other_kinds_are_named_with_line_and_cure(option: str, kind: str, tmp_path: Path) -> None:
    beside = {"KeyTable": "SigningTable csl:a=k\n", "SigningTable": "KeyTable csl:k=a:s:/k\n"}.get(option, "")
    path = configure(tmp_path, f"{option} {kind}\n{beside}")
    result = run("opendkim", path)
    assert result.exit_code == 1
    assert f"{path}:1: {option}: " in result.output
    assert "write it to a file" in result.output


@pytest.mark.parametrize("line", ["AuthservID mx.\udce0", "Domain a\udce0", "Selector \udce0", "UserID \udce0"])
def test_octets_that_are_no_text_are_one_error(line: str, tmp_path: Path) -> None:
    path = tmp_path / "it.conf"
    path.write_bytes(f"Domain example.org\nSelector s\nKeyFile /k.pem\n{line}\n".encode("utf-8", "surrogateescape"))
    result = run("opendkim", path)
    assert result.exit_code == 1
    assert f"{path}:4: holds octets that are not UTF-8" in result.output
