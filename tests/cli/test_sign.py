"""`inalign sign`, and `inalign verify --explain-sign`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inalign.cli import main
from inalign.dkim.verify import verify_dkim
from tests.helpers import message, run_now, zone
from tests.keys.material import write_key
from tests.senders import TEXT, private_key, records

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command with a configuration, a message and a zone in files."""
    write_key(tmp_path / "s1.pem", private_key())
    (tmp_path / "message.eml").write_bytes(message(TEXT))
    (tmp_path / "zone.json").write_text(json.dumps(records()))

    def run(*words: str, settings: str = "", rule: str = 'selector = "s1"') -> Result:
        key = f'[[sign.key]]\ndomain = "example.org"\nfile = "s1.pem"\n{rule}\n' if rule else ""
        (tmp_path / "inalign.toml").write_text(f"{settings}\n{key}")
        placed = [word.replace("DIR", str(tmp_path)) for word in words]
        return CliRunner().invoke(main, [*placed, "--config", str(tmp_path / "inalign.toml")])

    return run


def passes(octets: bytes) -> bool:
    (result,) = run_now(verify_dkim(octets, zone(records()), now=datetime.now(UTC)))
    return result.result == "pass"


def test_sign_prints_the_signed_message(run: Run) -> None:
    result = run("sign", "DIR/message.eml")
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes.endswith(message(TEXT))
    assert passes(result.stdout_bytes)


def test_sign_with_a_key_that_is_named(run: Run) -> None:
    words = ["--domain", "example.org", "--selector", "s1", "--key", "DIR/s1.pem"]
    result = run("sign", "DIR/message.eml", *words, settings='[sign]\ncanonicalization = "simple/simple"', rule="")
    assert result.exit_code == 0, result.output
    assert b"c=simple/simple" in result.stdout_bytes
    assert passes(result.stdout_bytes)


@pytest.mark.parametrize(
    ("rule", "status", "words"),
    [
        ("", 2, "no key is named"),
        ('selector = "s1"\nfor = ["other.example"]', 1, "not signed, no_rule"),
        ('selector = "s1"\nfile2 = 1', 2, "no such setting"),
    ],
)
def test_sign_says_why_not(run: Run, rule: str, status: int, words: str) -> None:
    result = run("sign", "DIR/message.eml", rule=rule)
    assert result.exit_code == status
    assert words in result.stderr
    assert not result.stdout


def test_sign_that_cannot_read_says_so(run: Run) -> None:
    assert run("sign", "DIR/nothing.eml").exit_code == 3


def test_key_options_go_together(run: Run) -> None:
    assert "go together" in run("sign", "DIR/message.eml", "--domain", "example.org").output


OURS = ["verify", "--explain-sign", "alice@example.org", "--zone", "DIR/zone.json"]


def test_explained_mail_that_is_signed(run: Run) -> None:
    result = run(*OURS, "--from-ip", "127.0.0.1")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "alice@example.org: signed"
    assert "  ours: yes, 127.0.0.1 is in milter.local_networks" in lines
    assert any("inalign.toml:2: d=example.org s=s1" in line for line in lines)
    assert "dns:" not in result.output


@pytest.mark.parametrize(
    ("words", "settings", "rule", "reason"),
    [
        (["--from-ip", "192.0.2.1"], "", 'selector = "s1"', "ours: no, 192.0.2.1 is not in milter.local_networks"),
        (["--from-ip", "127.0.0.1"], "", 'selector = "s1"\nfor = ["other.example"]', "rule: none fits"),
        (["--from-ip", "127.0.0.1"], "", "", "rule: none, [sign] names no key"),
        (
            ["--login", "eve@other.example"],
            '[sign]\nmust_agree = ["login"]',
            'selector = "s1"',
            "login: the domain of eve@other.example is neither",
        ),
        (
            ["--from-ip", "127.0.0.1"],
            '[sign]\ncheck_dns = "require"',
            'selector = "s2"',
            "s2._domainkey.example.org: there is no key record; not used",
        ),
    ],
)
def test_explained_mail_that_is_not_signed(run: Run, words: list[str], settings: str, rule: str, reason: str) -> None:
    result = run(*OURS, *words, settings=settings, rule=rule)
    assert result.exit_code == 1, result.output
    assert result.output.startswith("alice@example.org: not signed\n")
    assert reason in result.output


def test_explained_key_that_dns_does_not_have_signs_with_a_warning(run: Run) -> None:
    result = run(*OURS, "--login", "alice@example.org", rule='selector = "s2"')
    assert result.exit_code == 0, result.output
    assert "there is no key record; used all the same" in result.output


def test_explanation_of_no_address_is_an_error(run: Run) -> None:
    assert run("verify", "--explain-sign", "alice").exit_code == 2
    assert run("verify", "--explain-sign", "a@example.org", "--from-ip", "x").exit_code == 2
    assert run("verify").exit_code == 2
