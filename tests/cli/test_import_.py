"""`inalign import`: what is written, what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.settings.file import parse_settings
from tests.migrate.vectors import FOLDER, configure, lay_out, run

CASES = {
    "opendkim-tables": "opendkim",
    "opendkim-domains": "opendkim",
    "opendmarc": "opendmarc",
    "openarc": "openarc",
    "dkimpy-milter": "dkimpy-milter",
    "policyd-spf": "policyd-spf",
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_a_configuration(name: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    result = run(CASES[name], tmp_path / f"{name}.conf")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.replace(str(tmp_path), "FOLDER") == (FOLDER / f"{name}.toml").read_text()
    parse_settings(result.stdout)


def test_no_password_is_shown(tmp_path: Path) -> None:
    lay_out(tmp_path)
    result = run("opendkim", tmp_path / "opendkim-tables.conf")
    assert "LDAPBindPassword" in result.output
    assert "hunter2" not in result.output


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    lay_out(tmp_path)
    output = tmp_path / "inalign.toml"
    assert run("opendmarc", tmp_path / "opendmarc.conf", "--output", output).exit_code == 0
    before = output.read_text()
    parse_settings(before)
    result = run("opendkim", tmp_path / "opendkim-domains.conf", "--output", output)
    assert result.exit_code == 2
    assert "exists" in result.output
    assert output.read_text() == before


def test_several_programs_become_one_and_the_first_counts(tmp_path: Path) -> None:
    lay_out(tmp_path)
    result = run("opendkim", tmp_path / "opendkim-tables.conf", "opendmarc", tmp_path / "opendmarc.conf")
    assert result.exit_code == 0, result.stderr
    settings = parse_settings(result.stdout)
    assert settings.milter.listen == ["unix:/run/opendkim/opendkim.sock"]
    assert settings.policy.dmarc_reject == "reject"
    assert settings.sign.key_table
    assert "take this one out of smtpd_milters" in result.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Mode sv\nNoSuchThing 1\n", "it.conf:2: 'NoSuchThing' is no option of opendkim"),
        ("Syslog maybe\n", "it.conf:1: Syslog: 'maybe' is neither yes nor no"),
        ("UMask 999\n", "it.conf:1: UMask: "),
        ("\nUserID\n", "it.conf:2: UserID has no value"),
        ("SigningTable refile:/etc/x\n", "it.conf:1: SigningTable needs a KeyTable"),
        ("KeyTable /etc/x\n", "it.conf:1: KeyTable needs a SigningTable"),
        ("Selector s1\nDomain example.org\n", "it.conf:1: Selector needs KeyFile"),
        ("KeyFile /etc/x\nSelector s1\n", "it.conf:1: KeyFile needs a Domain"),
        ("Domain example.org\nSelector s_1.\nKeyFile /nowhere\n", "it.conf:3: "),
        ("Domain example.org\nSelector s1\nKeyFile keys/a.pem\n", "write it whole"),
        ("UserID nobody-of-that-name\n", "it.conf:1: UserID nobody-of-that-name"),
        ("On-DNSError perhaps\n", "it.conf:1: On-DNSError: 'perhaps' is none of"),
        ("InternalHosts /nowhere/at/all\n", "it.conf:1: InternalHosts: /nowhere/at/all: No such file"),
        ("KeyTable dsn:mysql://u:secret@h/d\nSigningTable csl:a=b\n", "write it to a file"),
        ("Canonicalization strict\n", "it.conf:1: Canonicalization: 'strict' is not of simple and relaxed"),
        ("Socket smtp:25\n", "it.conf:1: Socket: 'smtp:25' is not an address to listen on"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    result = run("opendkim", configure(tmp_path, text))
    assert result.exit_code == 1, result.output
    assert told in result.stderr
    assert "secret" not in result.output


def test_a_setting_that_cannot_be_is_named_with_the_line_it_comes_from(tmp_path: Path) -> None:
    result = run("opendkim", configure(tmp_path, "Mode v\nAuthservID mx/1\n"))
    assert result.exit_code == 2
    assert "it.conf:2: AuthservID mx/1: " in result.stderr


def test_a_relative_path_in_a_key_table_begins_elsewhere(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "KeyTable").write_text("one example.org:s1:./one.pem\n")
    (tmp_path / "SigningTable").write_text("*@example.org one\n")
    text = "KeyTable file:KeyTable\nSigningTable refile:SigningTable\n"
    result = run("opendkim", configure(tmp_path, f"BaseDirectory {tmp_path}\n{text}"))
    assert result.exit_code == 0, result.stderr
    result = run(
        "opendkim", configure(tmp_path, f"BaseDirectory {tmp_path.parent}\n{text}".replace(":", f":{tmp_path}/"))
    )
    assert result.exit_code == 1
    assert f"{tmp_path / 'KeyTable'}:1: ./one.pem begins at {tmp_path.parent} there" in result.stderr


def test_opendmarc_that_refuses_nothing_goes_on_so(tmp_path: Path) -> None:
    result = run("opendmarc", configure(tmp_path, "RejectFailures no\n"))
    policy = parse_settings(result.stdout).policy
    assert (policy.mode, policy.dmarc_reject, policy.dmarc_quarantine) == ("observe", "accept", "accept")


@pytest.mark.parametrize(
    ("text", "mode", "spf_fail"),
    [
        ("debugLevel = 1\n", "enforce", "reject"),
        ("TestOnly = 0\n", "observe", "reject"),
        ("Mail_From_reject = False\n", "observe", "accept"),
    ],
)
def test_policyd_spf_refuses_unless_it_is_told_not_to(text: str, mode: str, spf_fail: str, tmp_path: Path) -> None:
    policy = parse_settings(run("policyd-spf", configure(tmp_path, text)).stdout).policy
    assert (policy.mode, policy.spf_fail) == (mode, spf_fail)


@pytest.mark.parametrize("arguments", [["opendkim"], ["postfix", "/etc/x"], ["openarc", "/etc/x", "--prove-with", "x"]])
def test_usage(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
