"""opendkim itself chooses keys by the tables of tests/vectors/keys, and so do we."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inalign.keys.key_store import fitting_identity
from inalign.keys.opendkim.finder import Tables
from tests.keys.vectors import NAMES, Vector, read_vector

OPENDKIM = shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
MESSAGE = """\
From: {author}
To: reader@example.net
Subject: which key
Date: Tue, 24 Nov 2026 06:00:00 +0000
Message-ID: <1@example.com>

Hello.
"""


def opendkim(vector: Vector, author: str, folder: Path, *, multiple: bool) -> list[str]:
    """Its signatures, as `domain selector identity`."""
    assert OPENDKIM is not None
    (folder / "message").write_bytes(MESSAGE.format(author=author).replace("\n", "\r\n").encode())
    # it takes a folder with the sticky bit above a key for unsafe
    lines = ["Mode s", "Syslog no", "RequireSafeKeys no", f"MultipleSignatures {'yes' if multiple else 'no'}"]
    lines += [f"KeyTable {vector.key_table}", f"SigningTable {vector.signing_table}", ""]
    (folder / "conf").write_text("\n".join(lines))
    command = [OPENDKIM, "-vv", "-x", str(folder / "conf"), "-t", str(folder / "message")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "SMFIS_ACCEPT" in run.stderr, run
    values = re.findall(r"hname='DKIM-Signature' hvalue='([^']*)'", run.stdout)
    return [_told(re.sub(r"\s", "", value)) for value in values]


def _told(value: str) -> str:
    tags = dict(tag.partition("=")[::2] for tag in value.split(";"))
    return " ".join(tags[name] for name in "dsi" if name in tags)


def ours(vector: Vector, author: str, *, multiple: bool) -> list[str]:
    """What the same tables ask us for, with what is asked for twice."""
    signers = Tables(vector.key_table, vector.signing_table).signers(author, multiple=multiple)
    return [
        " ".join(
            filter(None, (one.source.domain, one.source.selector, fitting_identity(one.identity, one.source.domain)))
        )
        for one in signers
    ]


@pytest.mark.skipif(OPENDKIM is None, reason="opendkim is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_opendkim_chooses_the_same_key(name: str, tmp_path: Path) -> None:
    vector = read_vector(name, tmp_path)
    theirs = {author: opendkim(vector, author, tmp_path, multiple=False) for author in vector.single}
    assert theirs == vector.single
    assert theirs == {author: ours(vector, author, multiple=False) for author in vector.single}


@pytest.mark.skipif(OPENDKIM is None, reason="opendkim is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_opendkim_chooses_the_same_keys(name: str, tmp_path: Path) -> None:
    """Where more than two rules fit, opendkim 2.11 signs by the first and the last alone, whatever its manual says."""
    vector = read_vector(name, tmp_path)
    for author in vector.multiple:
        asked = ours(vector, author, multiple=True)
        seen = [asked[0], asked[-1]] if len(asked) > 1 else asked
        assert sorted(opendkim(vector, author, tmp_path, multiple=True)) == sorted(seen), author
