"""Master files: what is read, and what is refused with which line."""

from __future__ import annotations

import json

import pytest

from inalign.errors import ParseError
from inalign.resolver import Outcome, ZoneResolver
from inalign.resolver.master_file import parse_master_file
from tests.helpers import VECTORS, run_now

KINDS = ("TXT", "A", "AAAA", "MX", "PTR", "CNAME")


@pytest.mark.parametrize("name", ["every-form", "no-origin"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_master_file_says_the_same_as_its_json(name: str, line_end: bytes) -> None:
    text = (VECTORS / "resolver" / f"{name}.zone").read_bytes()
    if line_end == b"\r\n":
        text = text.replace(b"\n", b"\r\n").replace(b"over\r\n", b"over\n")
    said: dict[str, dict[str, list[object]]] = {}
    for record in parse_master_file(text):
        listed = said.setdefault(record.owner, {})
        if record.kind is not None:
            listed.setdefault(record.kind, []).append(record.value)
    wanted = json.loads((VECTORS / "resolver" / f"{name}.json").read_text("utf-8"))
    assert said.keys() == wanted.keys()
    for owner, listed in wanted.items():
        as_read = {kind: [_plain(value) for value in values] for kind, values in said[owner].items()}
        assert as_read == {kind: [values] if isinstance(values, str) else values for kind, values in listed.items()}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return list(value) if isinstance(value, tuple) else str(value)


def test_text_and_octets_are_read_alike() -> None:
    text = 'example.org. TXT "grün" \x80'
    octets = text.encode()
    assert parse_master_file(text) == parse_master_file(octets) == parse_master_file(b"\xef\xbb\xbf" + octets)


@pytest.mark.parametrize(
    ("text", "ttl"),
    [
        ("a 300 IN TXT x", 300),
        ("a IN 300 TXT x", 300),
        ("a 1h30m TXT x", 5400),
        ("a 1W TXT x", 604800),
        ("$TTL 60\na TXT x", 60),
        ("$TTL 60\nb 5 TXT x\na TXT x", 60),  # RFC 2308 section 4: $TTL, not the last one stated
        ("b 5 TXT x\na TXT x", 5),  # RFC 1035 section 5.1: without it, the last one stated
        ("a TXT x", 0),
        ("a 30 TXT x\na 20 TXT y", 20),
        ("a 2147483647 TXT x", 2147483647),
    ],
)
def test_ttl(text: str, ttl: int) -> None:
    assert run_now(ZoneResolver.from_master_file(text).txt("a")).ttl == ttl


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("$INCLUDE other.zone", 1, "'$INCLUDE' is not read here"),
        ("a TXT x\n$include other.zone", 2, "is not read here"),
        ("$GENERATE 1-3 a$ A 192.0.2.$", 1, "is not read here"),
        ("$ORIGIN", 1, "has one value"),
        ("$ORIGIN a. b.", 1, "has one value"),
        ("$TTL abc", 1, "no TTL"),
        ("\n@ TXT x", 2, "there is no $ORIGIN"),
        ("\n\n TXT x", 3, "no owner"),
        ("a", 1, "without a type"),
        ("a IN 300", 1, "without a type"),
        ("a 300 300 TXT x", 1, "no type of record"),
        ('a "TXT" x', 1, "no type of record"),
        ("a TXT", 1, "without data"),
        ("a (\nTXT x", 1, "not closed"),
        ("a TXT x )", 1, "was not opened"),
        ('ok TXT x\n\na TXT "no end\n\n', 3, "does not end"),
        ("a TXT x\\\nb TXT y", 1, "backslash before a line end"),
        ("a TXT x\\\r\nb TXT y", 1, "backslash before a line end"),
        ("a TXT \\256", 1, "is no octet"),
        ("a TXT " + "x" * 256, 1, "255 is the most"),
        ("a TXT " + ("x" * 255 + " ") * 257, 1, "over 65,535"),
        ("a TXT (\n\n x\n" + "y" * 256 + ")", 4, "255 is the most"),
        ("a A 192.0.2.256", 1, "192.0.2.256"),
        ("a A 192.0.2.1 192.0.2.2", 1, "too many words"),
        ("a A 2001:db8::1", 1, "2001:db8::1"),
        ("a AAAA 192.0.2.1", 1, "192.0.2.1"),
        ("a AAAA fe80::1%eth0", 1, "scope"),
        ("a MX mail", 1, "too few"),
        ("a MX x mail", 1, "no preference"),
        ("a MX 65536 mail", 1, "no preference"),
        ("a..b TXT x", 1, "empty label"),
        (".a TXT x", 1, "empty label"),
        ('"" TXT x', 1, "empty"),
        ("a" * 64 + " TXT x", 1, "over 63"),
        (("a" * 63 + ".") * 4 + " TXT x", 1, "over 255"),
        ("a CNAME b\n\na CNAME c", 3, "two CNAMEs"),
        (r"a TXT \# 3 0568", 1, "form"),
        (r"a TXT \# x 0568", 1, "form"),
        (r"a A \# 3 010203", 1, "form"),
        (r"a MX \# 1 01", 1, "form"),
        (r"a TXT \#", 1, "form"),
        ("a 2147483648 TXT x", 1, "2147483647"),
        ("a TXT \ud800", 1, "no octets"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ParseError) as refused:
        ZoneResolver.from_master_file(text)
    assert str(refused.value).startswith(f"line {line}: ")
    assert why in str(refused.value)


def test_an_origin_from_outside_is_what_names_are_relative_to() -> None:
    resolver = ZoneResolver.from_master_file("@ TXT apex\nwww TXT below", origin="Example.ORG.")
    assert run_now(resolver.txt("example.org")).records == (b"apex",)
    assert run_now(resolver.txt("www.example.org")).records == (b"below",)
    with pytest.raises(ParseError, match="origin"):
        ZoneResolver.from_master_file("@ TXT x", origin="a..b")


def test_one_megabyte_of_hostile_text_is_read_in_one_pass() -> None:
    for text in ("(" * 10**6, '"' + "\\a" * 10**6, "a TXT " + '"" ' * 10**6, "\\" * 10**6, "$" * 10**6, "1h" * 10**6):
        with pytest.raises(ParseError):
            ZoneResolver.from_master_file(text)
    many = ZoneResolver.from_master_file("a TXT x\n" + "\n".join(f" TXT {number}" for number in range(50_000)))
    assert len(run_now(many.txt("a")).records) == 50_001


WILDCARDS = """
$ORIGIN example.
@ SOA ns hostmaster 1 2 3 4 5
* MX 10 host1.example.
sub.* TXT "this is not a wildcard"
host1 A 192.0.2.1
_ssh._tcp.host1 SRV 0 0 22 host1
_ssh._tcp.host2 SRV 0 0 22 host1
*.alias CNAME host1
"""


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        # RFC 4592 section 2.2.1, the questions of its example zone
        ("host3.example", Outcome.FOUND),
        ("foo.bar.example", Outcome.FOUND),
        ("host1.example", Outcome.NODATA),
        ("sub.*.example", Outcome.NODATA),
        ("_telnet._tcp.host1.example", Outcome.NXDOMAIN),
        ("host2.example", Outcome.NODATA),  # an empty non-terminal exists
        ("ghost.*.example", Outcome.NXDOMAIN),
        ("*.example", Outcome.FOUND),
        ("example", Outcome.NODATA),
        ("other", Outcome.NXDOMAIN),
        ("a.b.alias.example", Outcome.NODATA),
    ],
)
def test_wildcards(name: str, outcome: Outcome) -> None:
    resolver = ZoneResolver.from_master_file(WILDCARDS)
    assert run_now(resolver.mx(name)).outcome is outcome


def test_a_wildcard_of_one_zone_is_none_of_another() -> None:
    merged = ZoneResolver.merge(
        ZoneResolver.from_master_file("*.wild.example. TXT yes"),
        ZoneResolver.from_json({"*.plain.example": {"TXT": ["no"]}}),
    )
    assert run_now(merged.txt("a.wild.example")).records == (b"yes",)
    assert run_now(merged.txt("a.plain.example")).outcome is Outcome.NXDOMAIN
    assert run_now(merged.txt("*.plain.example")).records == (b"no",)


def test_a_wildcard_below_the_root() -> None:
    assert run_now(ZoneResolver.from_master_file("* TXT x").txt("any.name")).records == (b"x",)
