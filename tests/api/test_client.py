"""The public names are enough for a program, for its type checker and at run time."""

from __future__ import annotations

import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

import inalign
from tests.api import client

HERE = Path(__file__).parent


def test_a_client_program_runs() -> None:
    assert client.run_all() == [
        "pass by SPF, signed by example.org",
        "pass by SPF, signed by example.org",
        "arc pass",
        "DmarcRecordError",
        "DmarcRecordError",
        "not signed",
    ]


def test_a_client_program_is_typed(tmp_path: Path) -> None:
    """The names are exported with their types, and a name that is not there is refused."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from inalign import NoSuchName\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    for path, status in ((HERE / "client.py", 0), (wrong, 1)):
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False, cwd=HERE.parents[1])
        assert done.returncode == status, done.stdout


def test_only_public_names_are_listed() -> None:
    assert dir(inalign) == sorted(inalign.__all__)


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(inalign, name) is not None for name in inalign.__all__)


@pytest.mark.parametrize("wrong", ["From: a@example.org\r\n\r\n", EmailMessage(), None, 7])
def test_a_message_that_is_not_bytes_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a message must be bytes"):
        inalign.run(inalign.verify_dkim(wrong, inalign.ZoneResolver(), now=client.NOW))


def test_one_key_in_place_of_a_list_is_a_type_error() -> None:
    key: Any = client.make_key()
    with pytest.raises(TypeError, match=r"write \[key\]"):
        inalign.sign_dkim(client.MESSAGE, key, now=client.NOW)


def test_a_signing_key_checks_its_names() -> None:
    private = client.make_key().private_key
    key = inalign.SigningKey(inalign.DomainName("EXAMPLE.org."), inalign.DomainName("S1"), private)
    assert (key.domain, key.selector) == ("example.org", "s1")
    with pytest.raises(inalign.DomainError):
        inalign.SigningKey(inalign.DomainName("example.org"), inalign.DomainName("s 1"), private)


@pytest.mark.parametrize("form", [str, str.encode])
@pytest.mark.parametrize("end", ["", "\r\n"])
def test_parsers_take_text_and_octets_with_a_line_end(form: Any, end: str) -> None:
    assert inalign.parse_dmarc_record(form(f"v=DMARC1; p=none{end}")).p is inalign.Policy.NONE
    assert inalign.parse_spf_record(form(f"v=spf1 -all{end}")).mechanisms
    assert inalign.parse_authentication_results(form(f"mx.example.net; spf=pass{end}")).results[0].method == "spf"


def test_a_name_in_place_of_a_server_address_is_a_public_error() -> None:
    with pytest.raises(inalign.ServerAddressError, match=r"dns\.google"):
        inalign.LiveResolver(servers=["dns.google"])
    assert issubclass(inalign.ServerAddressError, ValueError)
