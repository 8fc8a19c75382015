"""What `config check` accepts, starts: one check is behind the command, every start and SIGHUP."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from click.testing import CliRunner

from inalign.cli import main
from inalign.cli import serve as serve_command
from inalign.errors import SettingsError
from inalign.settings.file import read_config
from inalign.wiring import run
from inalign.wiring.check import check

WRONG = [
    ("[web]\nlisten = '8897'\n", "web.listen: '8897' is not an address to listen on; expected inet:HOST:PORT"),
    ("[web]\ntime_zone = 'Mars/Olympus'\n", "web.time_zone: 'Mars/Olympus' is not a time zone"),
    ("[insight]\nmaps = ['nope.toml']\n", "insight.maps: "),
    ("[insight]\ndnsbl = ['NOT A NAME']\n", "insight.dnsbl: 'NOT A NAME' is not a domain name"),
    ("[intake.push]\nlisten = 'inet:127.0.0.1:0'\n", "intake.push.listen: intake.push.tokens is empty"),
    ("[[summaries]]\nto = ['\u00fc@example.org']\n", "summaries[0].to: '\u00fc@example.org' is not a mail address"),
    ("[[summaries]]\nto = ['a,b;c@example.org']\n", "summaries[0].to: 'a,b;c@example.org' is not a mail address"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_no_part_can_be_built_from_is_refused_with_file_line_and_key(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        check(read_config(path))
    assert str(refused.value).startswith(f"{path}:{1 if 'summaries' in words and 'to' not in text else 2}: {words}")


@pytest.mark.parametrize("command", [("config", "check"), ("serve",), ("up",), ("milter",)])
@pytest.mark.parametrize(("text", "words"), WRONG)
def test_every_start_refuses_the_same(tmp_path: Path, command: tuple[str, ...], text: str, words: str) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text(f"[store]\nfolder = 'store'\n{text}")
    result = CliRunner().invoke(main, [*command, "--config", str(path)])
    assert result.exit_code == 2
    assert f"{path}:4: {words}" in result.stderr


def test_a_reload_and_serve_call_the_same_check() -> None:
    for function in (run.run_service, serve_command.command.callback):
        assert function is not None
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(inspect.getsource(function)))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check"
        ]
        assert len(calls) == (2 if function is run.run_service else 1)
