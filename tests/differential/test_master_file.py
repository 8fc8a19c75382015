"""The same master files for dnspython and for us: the same records, or a known reason why not."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from random import Random
from typing import Any, NamedTuple

import dns.exception
import dns.rdata
import dns.zonefile

from inalign.errors import ParseError
from inalign.resolver import ZoneResolver
from inalign.resolver.master_file import parse_master_file
from tests.differential.differences import CASES, SEED, Difference, unexplained

KINDS = ("TXT", "A", "AAAA", "MX", "PTR", "CNAME")
OWNERS = ["@", "a", "b.a", "A.Example.ORG.", "*", "*.w", r"d\.ot", r"\097x", "_dmarc", "x.example.net.", "."]
NAMES = [*OWNERS, "a.b.c.d.example.com.", "n" * 63]
STRINGS = [
    "word", '"two words"', '""', r'"a\"b"', r"a\;b", r'"\065\255"', '"semi;colon"', '"v=spf1 -all"', r'"back\\slash"',
    '"' + "y" * 255 + '"', "(", '"grün"', "@", r"\#x", "\\064",
]  # fmt: skip
ADDRESSES = {
    "A": ["192.0.2.1", "0.0.0.0", "255.255.255.255"],
    "AAAA": ["2001:db8::1", "::", "2001:DB8::FFFF", "::ffff:192.0.2.1"],
}
BROKEN = [
    "a TXT", "a A 192.0.2", "a A 192.0.2.256", "a AAAA ::g", "a MX 10", "a MX 70000 b", "a MX x b", 'a TXT "open',
    "a TXT )", "a TXT ( x", "a 10", "a IN", "a..b A 192.0.2.1", "a A 192.0.2.1 192.0.2.2", r'a TXT "\256"',
    "a CNAME b c", r"a TYPE1 \# 4 C0000201", r"a TYPE1 \# 3 C00002", r"a TXT \# 3 026162", "a TYPE16 word", "$TTL x",
    "a 1h30m A 192.0.2.1", "a 5 IN A 192.0.2.1", "a IN 5 A 192.0.2.1", "a A 192.0.2.01", "a A 1.2.3.4.5", "$NOPE x",
    'a TXT "' + "z" * 256 + '"', "a 4294967296 A 192.0.2.1", "q" * 64 + " A 192.0.2.1", "a TXT a\\", "a MX -1 b",
    "a NS b", "a SRV 1 2 3 b", "a FOO x",
]  # fmt: skip

Records = dict[tuple[str, str], tuple[set[object], int]]
"""By owner and kind: the values, and the lowest TTL (RFC 2181 section 5.2)."""


class MasterCase(NamedTuple):
    """One file, with the records that both read; None where it was refused."""

    text: str
    ours: Records | None
    theirs: Records | None
    problem: str


def make(chance: Random) -> str:
    """A master file: most lines are right."""
    lines = ["$ORIGIN example.org.", "$TTL 300"]
    for _ in range(chance.randint(1, 6)):
        match chance.randrange(20):
            case 0:
                lines.append(chance.choice(["$ORIGIN sub", "$ORIGIN example.net.", "$TTL 1h", "$TTL 5"]))
            case 1 if chance.random() < 0.8:
                lines.append(chance.choice(BROKEN))
            case 2:
                lines.append(chance.choice(["; a comment", "", "   ", "  ; indented comment", "\t"]))
            case _:
                lines.append(_record(chance))
    return chance.choice(["\n", "\n", "\r\n"]).join(lines) + chance.choice(["\n", ""])


def _record(chance: Random) -> str:
    kind = chance.choice(KINDS)
    match kind:
        case "TXT":
            data = chance.choice([" ", "\t", " \t "]).join(chance.sample(STRINGS, chance.randint(1, 3)))
            if "(" in data.split():
                data = data.replace("(", "( ", 1) + "\n  " + chance.choice(STRINGS[:4]) + " ) ; closed"
        case "A" | "AAAA":
            data = chance.choice(ADDRESSES[kind])
        case "MX":
            data = f"{chance.choice([0, 10, 65535])} {chance.choice(NAMES)}"
        case _:
            data = chance.choice(NAMES)
    owner = chance.choice([*OWNERS, "", ""]) if chance.random() < 0.9 else chance.choice(NAMES)
    middle = chance.choice(["", "", "", "IN ", "in ", "60 ", "60 IN ", "IN 60 ", "IN "])
    if chance.random() < 0.02:
        middle = "CH "
    return f"{owner}{chance.choice([' ', chr(9), '  '])}{middle}{chance.choice([kind, kind, kind.lower()])} {data}"


def read_ours(text: str) -> tuple[Records | None, str]:
    try:
        ZoneResolver.from_master_file(text)
        read = parse_master_file(text)
    except ParseError as problem:
        return None, f"ours: {problem}"
    records: Records = {}
    for record in read:
        if record.kind is not None:
            value = tuple(record.value) if record.kind == "MX" and isinstance(record.value, tuple) else record.value
            value = value if isinstance(value, bytes | tuple) else str(value)
            values, ttl = records.get((record.owner, record.kind), (set[object](), record.ttl))
            records[record.owner, record.kind] = {*values, value}, min(ttl, record.ttl)
    return records, ""


def read_theirs(text: str) -> tuple[Records | None, str]:
    try:
        manager = dns.zonefile.RRSetsReaderManager()
        with manager.writer(True) as transaction:  # type: ignore[no-untyped-call] # dnspython's
            tokens = dns.tokenizer.Tokenizer(text, "text")
            dns.zonefile.Reader(tokens, dns.rdataclass.IN, transaction, allow_directives={"$ORIGIN", "$TTL"}).read()
    except (dns.exception.DNSException, ValueError) as problem:
        return None, f"theirs: {type(problem).__name__}: {problem}"
    records: Records = {}
    for rrset in manager.rrsets:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        if rrset.rdclass == dns.rdataclass.IN and kind in KINDS:
            records[_name(rrset.name), kind] = {_value(kind, rdata) for rdata in rrset}, rrset.ttl
    return records, ""


def _name(name: dns.name.Name) -> str:
    labels = [label.lower().replace(b".", rb"\.") for label in name.labels if label]
    return b".".join(labels).decode("utf-8", "surrogateescape")


def _value(kind: str, rdata: Any) -> object:
    match kind:
        case "TXT":
            return b"".join(rdata.strings)
        case "MX":
            return rdata.preference, _name(rdata.exchange)
        case "PTR" | "CNAME":
            return _name(rdata.target)
        case _:
            return str(ip_address(rdata.address))


def compare(text: str) -> MasterCase:
    ours, problem = read_ours(text)
    theirs, other = read_theirs(text)
    return MasterCase(text, ours, theirs, problem or other)


def _one(name: str, shows: Callable[[MasterCase], bool], text: str) -> Difference[MasterCase, str]:
    return Difference(name=name, peers=("dnspython",), shows=shows, example=lambda: text)


def _they_refuse(*words: str) -> Callable[[MasterCase], bool]:
    return lambda case: case.theirs is None and any(word in case.problem for word in words)


DIFFERENCES = [
    _one("zone-other-class", _they_refuse("RR class is not zone's class"), "a CH TXT x\nb 5 TXT y"),
    _one("zone-unknown-type", _they_refuse("unknown rdatatype"), "a 5 FOO x"),
    _one("zone-line-end-in-quotes", _they_refuse("newline in quoted string"), 'a 5 TXT "x\ny"'),
    _one(
        "zone-alias-with-other-data",
        _they_refuse("CNAMEAndOtherData"),
        "a 5 CNAME b\na 5 TXT x",
    ),
    _one(
        "zone-two-aliases",
        lambda case: case.ours is None and "CNAME" in case.problem,
        "a 5 CNAME b\na 5 CNAME c",
    ),
    _one(
        "zone-first-owner-blank",
        lambda case: case.ours is None and "the first record has no owner" in case.problem,
        "$ORIGIN example.org.\n 5 TXT x",
    ),
]


def test_dnspython_agrees_or_departs_in_a_known_way() -> None:
    cases = [compare(make(Random(f"master file {SEED} {number}"))) for number in range(5 * CASES)]
    assert sum(case.ours is not None for case in cases) > len(cases) / 2
    left = unexplained("dnspython", [case for case in cases if case.ours != case.theirs], DIFFERENCES)
    assert not left, f"{len(left)}, the first: {left[0]}"


def test_each_known_difference_is_still_there() -> None:
    gone = []
    for difference in DIFFERENCES:
        case = compare(difference.example())
        if case.ours == case.theirs or not difference.shows(case):
            gone.append((difference.name, case))
    assert not gone
