"""The other programs themselves: which options they know, and with which key opendkim signs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inalign.migrate.options import options
from tests.migrate.vectors import lay_out, run

PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
CONFIG_FLAG = {"opendkim": "-x", "opendmarc": "-c"}


def find(program: str) -> str:
    path = shutil.which(program, path=PLACES)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.mark.parametrize("program", CONFIG_FLAG)
def test_every_option_that_the_program_accepts_has_a_row(program: str, tmp_path: Path) -> None:
    path = find(program)
    words = set(re.findall(rb"[A-Z][A-Za-z0-9-]{2,40}(?=\0)", Path(path).read_bytes()))
    known = {name.lower() for name in options()[program]}
    accepted = []
    for word in sorted(word.decode() for word in words):
        if word.lower() not in known:
            (tmp_path / "conf").write_text(f"{word} 1\n")
            command = [path, "-n", CONFIG_FLAG[program], str(tmp_path / "conf")]
            told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
            accepted += [] if "unrecognized parameter" in told else [word]
    assert accepted == []


@pytest.mark.parametrize("name", ["opendkim-tables", "opendkim-domains"])
def test_opendkim_signs_with_the_keys_that_we_sign_with(name: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = tmp_path / f"{name}.conf"
    # it takes a folder with the sticky bit above a key for unsafe
    path.write_text(path.read_text() + "RequireSafeKeys no\n")
    result = run("opendkim", path, "--prove-with", find("opendkim"), "--sender", "someone@example.com")
    assert result.exit_code == 0, result.output
    assert "none signed differently" in result.stdout
    assert result.stdout.count("unsigned") >= 2
