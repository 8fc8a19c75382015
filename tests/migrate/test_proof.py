"""`--prove`: sample senders sign before and after with the same keys, or the difference is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from inalign.migrate.draft import Draft
from inalign.migrate.proof import samples
from inalign.migrate.translate import translate
from tests.migrate.vectors import configure, lay_out, run


@pytest.mark.parametrize(
    ("program", "name", "told"),
    [
        ("opendkim", "opendkim-tables", "s1._domainkey.example.org  same"),
        ("opendkim", "opendkim-domains", "s1._domainkey.example.net  same"),
        ("dkimpy-milter", "dkimpy-milter", "e1._domainkey.example.org, s1._domainkey.example.org  same"),
    ],
)
def test_the_same_keys_come_out(program: str, name: str, told: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    result = run(program, tmp_path / f"{name}.conf", "--prove", "--sender", "bob@example.com")
    assert result.exit_code == 0, result.output
    assert told in result.stdout
    assert "bob@example.com" in result.stdout
    assert "none signed differently" in result.stdout


def test_a_difference_is_shown(tmp_path: Path) -> None:
    """Of two patterns the first counts there, and the most particular one here."""
    lay_out(tmp_path)
    (tmp_path / "SigningTable").write_text("*@example.org net\nalice@example.org one\n")
    (tmp_path / "KeyTableEd25519").write_text("other example.org:e1:/nowhere.pem\n")
    result = run("dkimpy-milter", tmp_path / "dkimpy-milter.conf", "--prove")
    assert result.exit_code == 1
    line = next(line for line in result.stdout.splitlines() if line.startswith("alice@example.org"))
    assert line.split() == [
        "alice@example.org",
        "s2._domainkey.example.net",
        "s1._domainkey.example.org",
        "DIFFERENT",
    ]


def test_a_key_that_cannot_be_read_is_no_proof(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "one.pem").chmod(0o644)
    result = run("opendkim", tmp_path / "opendkim-domains.conf", "--prove")
    assert result.exit_code == 1
    assert "DIFFERENT" in result.stdout


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "connect() returned SMFIS_CONTINUE\\nmlfi_eoh() returned SMFIS_TEMPFAIL",
            "defers this mail, mostly for a key",
        ),
        ("one line\\nat line 3: no such option", "program: at line 3: no such option"),
        ("", "program: it says nothing"),
    ],
)
def test_program_that_does_not_sign_is_told_in_one_line(said: str, told: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nprintf '{said}' >&2\nexit 70\n")
    program.chmod(0o755)
    result = run("opendkim", tmp_path / "opendkim-domains.conf", "--prove-with", program)
    assert result.exit_code == 1
    assert told in result.stdout
    lines = [line for line in result.stdout.splitlines() if "no answer" in line]
    assert lines
    assert all(line.endswith("DIFFERENT") for line in lines)


def test_nothing_is_proven_by_tables_that_are_not_in_order(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "SigningTable").write_text("*@example.org none\n")
    result = run("opendkim", tmp_path / "opendkim-tables.conf", "--prove")
    assert result.exit_code == 1
    assert "No proof before this is mended" in result.stdout


def test_a_sender_for_every_rule(tmp_path: Path) -> None:
    names = ["alice@example.org", "example.net", ".example.com", "bob@.example.com", "carol@*", "*", "*@example.jp"]
    names.append("*@*.example.jp")
    (tmp_path / "SigningTable").write_text("".join(f"{name} one\n" for name in names))
    (tmp_path / "KeyTable").write_text("one example.org:s1:/nowhere.pem\n")
    text = f"KeyTable {tmp_path}/KeyTable\nSigningTable {tmp_path}/SigningTable\n"
    source = translate(Draft(), "opendkim", configure(tmp_path, text))
    assert samples([source]) == [
        "alice@example.org",
        "someone@example.net",
        "someone@sub.example.com",
        "bob@sub.example.com",
        "carol@elsewhere.example",
        "someone@elsewhere.example",
        "someone@example.jp",
        "someone@sub.example.jp",
        "someone@unlisted.invalid",
    ]
