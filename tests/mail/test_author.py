"""Who the author is: RFC 9989 section 5.3.1 over the grammar of RFC 5322 section 3.4, and who may not be believed."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from inalign.mail.author import author_domains
from inalign.mail.fields import parse_message
from inalign.mail.mailbox import MAX_MAILBOXES
from tests.helpers import VECTORS

CASES: dict[str, dict[str, Any]] = tomllib.loads((VECTORS / "mail" / "from.toml").read_text("utf-8"))
DONATED = [
    json.loads(line) for line in (VECTORS / "mail" / "from-domain.jsonl").read_text("utf-8").splitlines() if line
]
# Malformed, or of two authors: "no single author domain" is right, whatever the donor says.
NO_SINGLE_AUTHOR = {2, 6, 7, 8, 9, 12}


def wire(header: str) -> bytes:
    """`\\n` of a TOML text is a CRLF, `\\u000a` in front of `From` a bare LF."""
    marked = (
        header.replace("\nFrom: alice@victim", "\0\1From: alice@victim") if "Subject: x\nFrom" in header else header
    )
    return marked.replace("\n", "\r\n").replace("\0\1", "\n").encode() + b"\r\n\r\n"


@pytest.mark.parametrize("name", CASES)
def test_author(name: str) -> None:
    case = CASES[name]
    authors = author_domains(parse_message(wire(case["header"])).fields)
    assert list(authors.domains) == case.get("domains", [])
    assert authors.problem == case.get("problem")
    assert authors.has_several_fields == case.get("several_fields", authors.has_several_fields)
    if case.get("several_fields") or len(authors.domains) != 1:
        assert authors.sole_domain is None


@pytest.mark.parametrize(("number", "row"), list(enumerate(DONATED, 1)))
def test_donated(number: int, row: dict[str, str]) -> None:
    value = row["header"].removeprefix("From:")
    authors = author_domains(parse_message(b"From:" + value.encode() + b"\r\n\r\n").fields)
    if number in NO_SINGLE_AUTHOR:
        assert authors.sole_domain is None
    else:
        assert authors.sole_domain == row["domain"]


def test_number_of_addresses_is_bounded() -> None:
    many = b", ".join(b"a%d@example.org" % number for number in range(MAX_MAILBOXES + 1))
    authors = author_domains(parse_message(b"From: " + many + b"\r\n\r\n").fields)
    assert authors.problem == "ambiguous_author"


@pytest.mark.parametrize("octets", ["café".encode("latin-1"), "山田".encode("shift_jis"), "山田".encode("iso2022_jp")])
def test_display_name_in_an_old_character_set(octets: bytes) -> None:
    authors = author_domains(parse_message(b"From: " + octets + b" <a@example.org>\r\n\r\n").fields)
    # An escape character, as ISO-2022-JP has, is a control character: not all readers agree on it.
    assert authors.domains == (() if b"\x1b" in octets else ("example.org",))


@pytest.mark.parametrize("piece", [b"(", b'"', b"<", b"a,", b"=?", b" ", b"\\", b"@", b"a@", b":", b";", b"(()"])
def test_a_megabyte_of_one_piece_has_no_author(piece: bytes) -> None:
    octets = b"From: " + piece * (1_000_000 // len(piece)) + b"\r\n\r\n"
    assert author_domains(parse_message(octets).fields).sole_domain is None
