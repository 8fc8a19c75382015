"""`inalign selftest`: the table, what it says of a fault, and that the wheel has what it runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from inalign.cli import main
from inalign.selftest import suites
from inalign.selftest.suites import vectors
from tests.helpers import VECTORS

ROOT = VECTORS.parent.parent


def test_all_is_as_it_should_be_here() -> None:
    outcome = CliRunner().invoke(main, ["selftest", "--no-dns", "--json"])
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(outcome.stdout)
    assert [suite["wrong"] for suite in found["suites"]] == [[]] * 7
    assert all(suite["cases"] == suite["right"] + suite["by_decision"] > 10 for suite in found["suites"])
    assert "OpenSSL" in found["host"]["signatures by"]


def test_a_fault_of_this_host_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where the system's policy forbids what a signature needs: a case is wrong, and the others still run.
    folder = tmp_path / "vectors"
    shutil.copytree(VECTORS, folder)
    file = folder / "dmarc" / "rfc9989.jsonl"
    file.write_text(file.read_text().replace('"result": "pass"', '"result": "fail"', 1))
    (folder / "spf" / "rfc7208.jsonl").write_text('{"name": "broken", "zone": {}}\n')
    monkeypatch.setattr("inalign.cli.selftest.vectors", lambda: folder)
    outcome = CliRunner().invoke(main, ["selftest", "--no-dns"])
    assert outcome.exit_code == 1
    assert "wrong: table 1: siblings are aligned by their organizational domain" in outcome.stdout
    assert "wrong: broken" in outcome.stdout
    assert "broken: KeyError" in outcome.stderr
    assert "2 cases are wrong" in outcome.stdout


def test_a_silent_resolver_is_a_finding(tmp_path: Path) -> None:
    config = tmp_path / "inalign.toml"
    config.write_text('[dns]\nservers = ["127.0.0.1:1"]\nexchange_timeout_seconds = 0.2\n')
    outcome = CliRunner().invoke(main, ["selftest", "--config", str(config)])
    assert outcome.exit_code == 1
    assert "no name server answers" in outcome.stdout


def test_an_installation_without_vectors_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "__file__", str(tmp_path / "a" / "b" / "c" / "d.py"))
    outcome = CliRunner().invoke(main, ["selftest", "--no-dns"])
    assert outcome.exit_code == 2
    assert "no conformance vectors" in outcome.stderr


def test_the_wheel_has_the_vectors_and_their_licences(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for suite in ("arc", "authres", "dkim", "dmarc", "spf"):
        for file in (vectors() / suite).rglob("*"):
            if file.is_file():
                assert f"inalign/selftest/vectors/{suite}/{file.relative_to(vectors() / suite)}" in inside
