"""OpenDKIM verifies what we sign, by its own test mode, which reads the keys from a file."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inalign.dkim.canonical import Canonicalization
from inalign.dkim.sign import SigningKey, sign_dkim
from tests.dkim.material import ED25519, RSA
from tests.helpers import message

OPENDKIM = shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
PAIRS = [f"{header}/{body}" for header in Canonicalization for body in Canonicalization]
TEXT = message("""
From: Author <author@example.com>
To: reader@example.net,
\tother@example.net
Subject: hi   there\x20\x20
Date: Tue, 24 Nov 2026 06:00:00 +0000
Message-ID: <1@example.com>

Hello  world\x20\t

  x


""")


@pytest.mark.interop
@pytest.mark.skipif(OPENDKIM is None, reason="opendkim is not installed")
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_opendkim_verifies_what_we_sign(key: SigningKey, pair: str, tmp_path: Path) -> None:
    assert OPENDKIM is not None
    signed = sign_dkim(TEXT, [key], now=datetime.now(UTC), canonicalization=pair) + TEXT
    (tmp_path / "message").write_bytes(signed)
    (tmp_path / "keys").write_text(f"{key.key_name} {key.key_record()}\n")
    (tmp_path / "conf").write_text(f"Mode v\nTestDNSData {tmp_path / 'keys'}\nSyslog no\n")
    run = subprocess.run(
        [OPENDKIM, "-v", "-x", str(tmp_path / "conf"), "-t", str(tmp_path / "message")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if key is ED25519 and "unsupported" in run.stdout + run.stderr:
        pytest.skip("this opendkim knows no Ed25519")
    assert "succeeded" in run.stdout + run.stderr, run
