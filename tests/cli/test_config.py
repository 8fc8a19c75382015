"""The other commands, and the public face of the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import inalign
from inalign.cli import COMMANDS, main
from inalign.settings.file import parse_settings
from inalign.settings.tables import Settings

SOURCE = str(Path(inalign.__file__).parents[1])


def test_every_command_has_help_with_an_example() -> None:
    for name in COMMANDS:
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, result.output
        if name != "config":
            assert "Example: inalign" in result.output


def test_sample_configuration_is_the_defaults() -> None:
    result = CliRunner().invoke(main, ["config", "sample"])
    assert parse_settings(result.output) == Settings()
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line and line.startswith("# ") and not line.startswith("# (") else line
        for line in result.output.splitlines()
    )
    assert parse_settings(uncommented) == Settings()


def test_config_check_says_what_it_will_do(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text('authserv_id = "mx.example.net"\n[milter]\nlisten = ["inet:127.0.0.1:9999"]\n')
    result = CliRunner().invoke(main, ["config", "check", "--config", str(path)])
    assert result.exit_code == 0, result.output
    assert "mx.example.net" in result.output
    assert "9999" in result.output


def test_config_check_tells_who_hands_mail_in(tmp_path: Path) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text(
        "[milter]\nrelays = ['192.0.2.1', '!192.0.2.2']\n"
        "[[milter.gateways]]\nnetworks = ['192.0.2.3']\nauthserv_id = 'gw.example'\n"
        "[[milter.gateways]]\nnetworks = ['192.0.2.4']\nclient_field = 'X-Client-IP'\n"
    )
    result = CliRunner().invoke(main, ["config", "check", "--config", str(path)])
    assert result.exit_code == 0, result.output
    assert "handed mail on by   192.0.2.1, !192.0.2.2\n" in result.output
    assert "192.0.2.3: the client is known from its results" in result.output
    assert "192.0.2.4: the client is known from X-Client-IP" in result.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[milter]\nlisten = 'x'", "inalign.toml:2: milter.listen: expected `array`"),
        ("[milter]\n\nlistn = ['x']", "inalign.toml:3: milter.listn: no such setting"),
        ("[milter]\nlisten = ['inet:nowhere']", "milter.listen"),
        ("[milter]\nlisten = []", "milter.listen"),
        (
            "[milter]\nlocal_networks = ['10.0.0.1/8']",
            "inalign.toml:2: milter.local_networks: 10.0.0.1/8 has host bits",
        ),
        (
            "[milter]\ntrusted_relays = ['::1', '!::1/128']",
            "inalign.toml:2: milter.trusted_relays: ::1/128 stands there both with and without `!`",
        ),
        ("[milter]\nrelays = ['mx2.example.net']", "inalign.toml:2: milter.relays: 'mx2.example.net'"),
        ("[milter]\nrelays = ['0.0.0.0/0']", "inalign.toml:2: milter.relays: a prefix of length 0"),
        ("[[milter.gateways]]\nauthserv_id = 'x'", "inalign.toml:1: milter.gateways[0].networks: a gateway needs"),
        (
            "[[milter.gateways]]\nnetworks = ['192.0.2.1']\n[[milter.gateways]]\n\nnetworks = ['192.0.2.0/33']",
            "inalign.toml:5: milter.gateways[1].networks: '192.0.2.0/33'",
        ),
        (
            "[[milter.gateways]]\nnetworks = ['192.0.2.1']\nauthservid = 'x'",
            "milter.gateways[0].authservid: no such setting; known here: milter.gateways[].networks",
        ),
        ("[[milter.gateways]]\nnetworks = ['::1']\n\nauthserv_id = 'a;b'", "inalign.toml:4: milter.gateways[0]"),
        ("[[milter.gateways]]\nnetworks = ['::1']\nclient_field = 'X-IP:'", "inalign.toml:3: milter.gateways[0]"),
        ("[milter]\ngateways = [{networks = ['x']}]", "inalign.toml:2: milter.gateways[0].networks"),
        ("[milter]\nsocket_mode = '777'", "milter.socket_mode"),
        ("[dns]\nservers = ['nonsense']", "dns.servers"),
        ("[dns]\nmessage_budget_seconds = 0", "dns.message_budget_seconds"),
        ("authserv_id = 'a b'", "authserv_id"),
        ("[milter", "Expected"),
        ("[dkim]\npartial_body = 'maybe'", "dkim.partial_body"),
        ("unknown = 1", "inalign.toml:1: unknown: no such setting"),
    ],
)
def test_broken_configuration_names_file_key_and_what_was_expected(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "inalign.toml"
    path.write_text(text)
    result = CliRunner().invoke(main, ["config", "check", "--config", str(path)])
    assert result.exit_code == 2
    assert words in result.output
    assert "inalign.toml" in result.output


def test_configuration_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["config", "check", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "No such file" in result.output


def test_every_public_name_is_there() -> None:
    for name in inalign.__all__:
        assert getattr(inalign, name) is not None
        assert name in dir(inalign)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = inalign.nonsense  # type: ignore[attr-defined]  # that is what is tried


@pytest.mark.parametrize("code", ["import inalign", "import inalign; inalign.Envelope", "import inalign.cli"])
def test_import_alone_loads_nothing_heavy(code: str) -> None:
    heavy = "{'cryptography', 'asyncio', 'uvloop', 'idna'}"
    program = f"{code}\nimport sys\nprint(sorted({heavy} & set(sys.modules)))"
    if "Envelope" in code:
        program = program.replace("'cryptography', 'asyncio', 'uvloop', 'idna'", "'uvloop', 'asyncio'")
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": SOURCE}
    )
    assert found.stdout.strip() == "[]"
