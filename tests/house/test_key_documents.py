"""What docs/ shows of signing and keys can be typed as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from inalign.cli import main
from inalign.settings.file import read_config
from tests.house.citations import ROOT

PAGES = ("signing.md", "keys.md", "moving.md")
BLOCK = re.compile(r"(?:^(?: {4,}.*)?\n)+", re.MULTILINE)
COMMAND = re.compile(r"^ +inalign (.+)$|`inalign ([^`]+)`", re.MULTILINE)


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_are_shown_are_settings(page: str, tmp_path: Path) -> None:
    blocks = [block.strip("\n") for block in BLOCK.findall(text_of(page))]
    shown = [block for block in blocks if re.match(r" +\[\[?[a-z]", block)]
    assert shown or page == "moving.md"
    for block in shown:
        (tmp_path / "inalign.toml").write_text(block)
        read_config(tmp_path / "inalign.toml")


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_shown_have_these_options(page: str) -> None:
    commands = [(first or second).partition("#")[0] for first, second in COMMAND.findall(text_of(page))]
    assert len(commands) > 1
    for words in commands:
        command: click.Command = main
        for word in words.split():
            if isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, words
                command = found
        known = {name for parameter in command.params for name in parameter.opts}
        assert known.issuperset(re.findall(r"(?<![\w-])--[a-z0-9-]+", words)), words
