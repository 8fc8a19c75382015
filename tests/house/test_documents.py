"""The generated pages say what the code says, and the README names commands that exist."""

from __future__ import annotations

import re

import click
import pytest

from inalign.cli import main
from inalign.settings.manual import describe
from tests.house.citations import ROOT, read_state
from tests.house.documents import STATES, pages, stale

READMES = [name for name in ("README.md", "README.ja.md") if (ROOT / name).exists()]


def test_generated_pages_are_current() -> None:
    assert not stale(), "run `make docs`"


def test_every_setting_has_a_meaning() -> None:
    assert not [key for key, _, _, meaning in describe() if not meaning.endswith(".")]


def test_every_setting_is_on_the_page() -> None:
    page = pages()["settings.md"]
    assert not [key for key, *_ in describe() if f"| `{key.rpartition('.')[2]}` |" not in page]


def test_every_state_is_explained() -> None:
    assert {standard.state for standard in read_state().values()} <= set(STATES)


@pytest.mark.parametrize("name", READMES)
def test_targets_in_the_readme_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?= *(?:#|`|$))", _text(name), re.MULTILINE))
    assert {"up", "test"} <= named <= targets


@pytest.mark.parametrize("name", READMES)
def test_commands_in_the_readme_exist(name: str) -> None:
    named = set(re.findall(r"(?:bin/|`)inalign ([a-z]+)(?: ([a-z]+)\b)?", _text(name)))
    assert named
    for command, word in named:
        found = main.get_command(click.Context(main), command)
        assert found is not None, command
        if word and isinstance(found, click.Group):
            assert word in found.commands, f"{command} {word}"


@pytest.mark.parametrize("name", READMES)
def test_options_in_the_readme_exist(name: str) -> None:
    known = {option for command in _commands(main) for one in command.params for option in one.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", _text(name)))
    assert named <= known


@pytest.mark.parametrize("name", READMES)
def test_settings_in_the_readme_exist(name: str) -> None:
    known = {key for key, *_ in describe()}
    tables = {key.partition(".")[0] for key in known}
    named = {f"{table}.{key}" for table, key in re.findall(r"`([a-z]+)\.([a-z_]+)`", _text(name)) if table in tables}
    assert named
    assert named <= known


@pytest.mark.parametrize("name", [*READMES, "SECURITY.md", *[f"docs/{path.name}" for path in ROOT.glob("docs/*.md")]])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_both_readmes_have_the_same_commands() -> None:
    blocks = [re.findall(r"^```\w*\n(.*?)^```", _text(name), re.MULTILINE | re.DOTALL) for name in READMES]
    bare = [[re.sub(r" *#.*", "", block) for block in of_one] for of_one in blocks]
    assert all(of_one == bare[0] for of_one in bare)


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _commands(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    children = [command.get_command(context, name) for name in command.list_commands(context)]
    return [command, *(found for child in children if child is not None for found in _commands(child))]
