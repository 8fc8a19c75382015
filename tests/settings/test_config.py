"""A configuration knows its file, the lines of its keys, and where relative paths start."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.errors import SettingsError
from inalign.settings.config import Config
from inalign.settings.file import parse_config, read_config


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Config(path=Path("/etc/inalign/inalign.toml")).relative("keys") == Path("/etc/inalign/keys")
    assert Config(path=Path("inalign.toml")).relative("keys") == tmp_path / "keys"
    assert Config().relative("keys") == tmp_path / "keys"
    assert Config().relative("/keys") == Path("/keys")


@pytest.mark.parametrize(
    ("key", "location"),
    [
        ("milter.workers", "x.toml:2"),
        ("milter.listen", "x.toml:1"),  # missing: the table that it belongs to
        ("sign.key[0].file", "x.toml:4"),
        ("sign.key[0].selector", "x.toml:3"),
        ("dns.servers", "x.toml"),
    ],
)
def test_an_error_names_the_line_of_the_key_or_of_its_table(key: str, location: str) -> None:
    config = parse_config("[milter]\nworkers = 2\n[[sign.key]]\nfile = 'a'\n", Path("x.toml"))
    error = config.error(key, "wrong")
    assert (error.key, error.problem, error.location) == (key, "wrong", location)
    assert str(error) == f"{location}: {key}: wrong"


def test_an_error_without_a_file_has_no_location() -> None:
    assert str(Config().error("milter.listen", "wrong")) == "milter.listen: wrong"


def test_the_location_is_that_of_the_text_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text("[milter]\nworkers = 2\n")
    config = read_config(path)
    path.write_text("# a new first line\n[milter]\nworkers = 2\n")
    assert config.location("milter.workers") == f"{path}:2"


def test_an_error_of_a_part_gets_its_location_once() -> None:
    config = parse_config("[milter]\nworkers = 2\n", Path("x.toml"))
    located = config.located(SettingsError("wrong", key="milter.workers"))
    assert str(located) == "x.toml:2: milter.workers: wrong"
    assert config.located(located) is located
    assert str(config.located(SettingsError("no key"))) == "no key"
