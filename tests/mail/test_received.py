"""Received fields: what the servers of the world write is understood, and what could be read in two ways is not."""

from __future__ import annotations

import tomllib
from ipaddress import ip_address

import pytest

from inalign.errors import LimitError, ParseError
from inalign.mail.received import (
    MAX_RECEIVED_OCTETS,
    ReceivedError,
    is_network_note,
    parse_client_address,
    parse_received,
)
from tests.helpers import VECTORS


def cases(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((VECTORS / "received" / name).read_text("utf-8"))


FORMS = cases("forms.toml")
REFUSED = cases("refused.toml")


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("fold", ["\n", "\r\n"])
def test_forms_of_real_servers(name: str, fold: str) -> None:
    case = FORMS[name]
    found = parse_received(case["field"].replace("\n", fold).encode())
    assert found.address == ip_address(case["address"])
    assert found.helo == case["helo"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_the_word_of_the_server_alone_is_refused(name: str) -> None:
    with pytest.raises(ParseError):
        parse_received(REFUSED[name]["field"].encode())


def test_only_attacks_hold_the_address_that_the_server_recorded() -> None:
    """Guards the file: each attack pits the two addresses against each other."""
    attacks = {name: case["field"] for name, case in REFUSED.items() if name.startswith("attack")}
    assert len(attacks) > 10
    assert all("192.0.2.1" in field for field in attacks.values())
    assert sum("203.0.113.9" in field for field in attacks.values()) >= len(attacks) - 1


def test_octets_that_are_no_utf_8_are_part_of_helo() -> None:
    found = parse_received(b" from caf\xe9 (unknown [203.0.113.5]) by mx.example.net; x")
    assert found.helo == "caf\udce9"


def test_no_byte_of_a_mapped_address_is_left() -> None:
    found = parse_received(b" from x ([IPv6:::ffff:203.0.113.5]) by mx.example.net; x")
    assert found.address == ip_address("203.0.113.5")


@pytest.mark.parametrize(
    "hostile",
    [
        b"(" * 1_000_000,
        b"from " + b"x " * 500_000,
        b"from x (" + b"\\" * 1_000_000,
        b"from x (y [" + b"1." * 500_000 + b"]) by z",
        b"\n " * 500_000,
    ],
)
def test_hostile_length_is_refused(hostile: bytes) -> None:
    with pytest.raises(LimitError, match="longer than"):
        parse_received(hostile)
    with pytest.raises(LimitError):
        parse_client_address(hostile)
    assert not is_network_note(hostile)


@pytest.mark.parametrize("filler", [b"(", b"by ", b"[1:", b"a@", b"x=", b"helo=", b" ", b"(a)", b"[::1]", b"\\"])
def test_hostile_content_within_the_limit_is_refused(filler: bytes) -> None:
    inner = filler * ((MAX_RECEIVED_OCTETS - 60) // len(filler))
    for field in (b"from x (" + inner + b") by y; z", b"from " + inner + b" ([203.0.113.5]) (x [192.0.2.1]) by y"):
        with pytest.raises(ParseError):
            parse_received(field)


@pytest.mark.parametrize(
    ("value", "is_note"),
    [
        (b" (qmail 12345 invoked from network); 24 Nov 2026 12:00:00 -0000", True),
        (b"(qmail 1 invoked from network);x", True),
        (b" (qmail 12345 invoked by uid 89); 24 Nov 2026 12:00:00 -0000", False),
        (b" (qmail 12345 invoked from network) by x; 24 Nov 2026", False),
        (b" from x (qmail 12345 invoked from network); 24 Nov 2026", False),
        (b" (qmail 12345 invoked from network); (x", False),
        (b" (qmail 12345 invoked from network);\r x", False),
    ],
)
def test_note_of_qmail_queue(value: bytes, is_note: bool) -> None:
    assert is_network_note(value) is is_note


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b" 203.0.113.5", "203.0.113.5"),
        (b"[203.0.113.5]\t", "203.0.113.5"),
        (b" mail.example.org[203.0.113.5]", "203.0.113.5"),
        (b" mail.example.org [IPv6:2001:db8::25]", "2001:db8::25"),
        (b" mail.example.org (203.0.113.5)", "203.0.113.5"),
        (b" mail.example.org ([203.0.113.5])", "203.0.113.5"),
        (b"\r\n 2001:DB8::25", "2001:db8::25"),
        (b" ::ffff:203.0.113.5", "203.0.113.5"),
    ],
)
def test_field_of_a_gateway_about_its_client(value: bytes, address: str) -> None:
    assert parse_client_address(value) == ip_address(address)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" mail.example.org",
        b" 203.0.113.5, 192.0.2.1",
        b" 203.0.113.5 192.0.2.1",
        b" [203.0.113.5] [192.0.2.1]",
        b" 203.0.113.5 (192.0.2.1)x",
        b" 203.0.113.0/24",
        b" 203.0.113.5\r",
        b" x(192.0.2.1)[203.0.113.5]",
        b" [203.0.113.5",
    ],
)
def test_field_that_names_no_single_address_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        parse_client_address(value)


def test_error_says_what_is_missing() -> None:
    with pytest.raises(ReceivedError, match="0 addresses"):
        parse_received(b" from x by y; z")
