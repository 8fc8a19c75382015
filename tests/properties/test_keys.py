"""The searches for keys are what a naive reading of the manual makes of them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from inalign.dkim.crypto import KeyDataError, load_private_key
from inalign.errors import ParseError, SettingsError
from inalign.keys.key_store import fitting_identity
from inalign.keys.opendkim.data_set import DataSet, DataSetRow, read_data_set
from inalign.keys.opendkim.key_table import KeyTable
from inalign.keys.opendkim.patterns import Patterns, matches
from inalign.keys.opendkim.signing_table import SigningTable
from inalign.keys.search import names_of, parse_name, split_author
from inalign.mail.domain import DomainName, parse_domain
from tests.keys.material import RSA_KEY

LABELS = st.sampled_from(["a", "b", "ab"])
DOMAINS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
LOCALS = st.sampled_from(["x", "y", "xy", "X"])
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS)
NAMES = st.one_of(
    DOMAINS, DOMAINS.map(".{}".format), ADDRESSES, st.builds("{}@.{}".format, LOCALS, DOMAINS),
    LOCALS.map("{}@*".format), st.just("*"),
)  # fmt: skip
PATTERNS = st.text("ab.@*xX", min_size=1, max_size=12)


def as_the_manual_says(local: str, host: str) -> list[str]:
    """opendkim.conf(5), SigningTable: the names that are tried, in their order."""
    labels = host.split(".")
    above = ["." + ".".join(labels[start:]) for start in range(1, len(labels))]
    pairs = [name for domain in above for name in (f"{local}@{domain}", domain)]
    return [f"{local}@{host}", host, *pairs, f"{local}@*", "*"]


@given(st.lists(NAMES, max_size=12), ADDRESSES)
def test_file_table_is_searched_in_the_order_of_the_manual(names: list[str], author: str) -> None:
    rows = tuple(DataSetRow(number, name, f"key{number}") for number, name in enumerate(names, 1))
    local, _, host = author.lower().partition("@")
    expected = []
    for wanted in as_the_manual_says(local, host):
        expected += [f"key{row.number}" for row in rows if row.name.lower() == wanted][:1]
    table = SigningTable(DataSet("file", None, rows))
    assert [entry.key for entry in table.entries(local, DomainName(host))] == expected


@given(st.lists(PATTERNS, max_size=12), ADDRESSES)
def test_refile_table_gives_all_patterns_that_match_in_their_order(patterns: list[str], author: str) -> None:
    rows = [DataSetRow(number, pattern, "") for number, pattern in enumerate(patterns, 1)]
    expected = [
        row.number
        for row in rows
        if re.fullmatch(".*".join(map(re.escape, row.name.split("*"))), author, re.IGNORECASE | re.DOTALL)
    ]
    assert [row.number for row in Patterns(rows).matches(author)] == expected


@given(PATTERNS, st.text("ab.@xX", max_size=16))
def test_pattern_matches_what_the_regular_expression_would(pattern: str, text: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, text) == bool(re.fullmatch(expression, text))


def test_pattern_of_many_stars_is_walked_once() -> None:
    assert not matches("*a" * 2000 + "b", "a" * 100_000)
    assert matches("*a" * 2000, "a" * 100_000)


@given(NAMES, ADDRESSES)
def test_name_of_a_rule_is_in_the_form_that_is_searched(name: str, author: str) -> None:
    split = split_author(author)
    assert split is not None
    expected = name.lower() in as_the_manual_says(*split)
    assert (parse_name(name) in set(names_of(*split))) == expected


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_names(text: str) -> None:
    split_author(text)
    fitting_identity(text, DomainName("example.org"))
    for read in (parse_name, parse_domain):
        try:
            read(text)
        except ParseError:
            continue


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_tables(text: str) -> None:
    try:
        data = read_data_set("csl:" + text)
    except SettingsError:
        return
    keys = KeyTable(data)
    assert all(fault.place and fault.text for fault in keys.faults())
    assert all(fault.place and fault.text for fault in SigningTable(data).faults(keys))


@given(st.binary(max_size=400), st.integers(0, 1600), st.integers(0, 255))
def test_no_octets_break_the_reading_of_keys(octets: bytes, at: int, value: int) -> None:
    pem = bytearray(RSA_KEY.to_pem())
    pem[at % len(pem)] = value
    for read in (octets, b"0" + octets, bytes(pem)):
        try:
            load_private_key(read)
        except KeyDataError as problem:
            assert "MII" not in str(problem)  # noqa: PT017 - most of the time there is a problem, but not always
