"""Lists of networks: the most specific entry decides."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.mail.networks import NetworkError, Networks


@pytest.mark.parametrize(
    ("entries", "address", "is_in"),
    [
        ([], "192.0.2.1", False),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.2", False),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["0.0.0.0/0"], "255.255.255.255", True),
        (["0.0.0.0/0"], "::1", False),
        (["::/0"], "192.0.2.1", False),
        (["192.0.2.0/24", "!192.0.2.7"], "192.0.2.7", False),
        (["!192.0.2.7", "192.0.2.0/24"], "192.0.2.7", False),
        (["192.0.2.0/24", "!192.0.2.0/28", "192.0.2.3"], "192.0.2.3", True),
        (["192.0.2.0/24", "!192.0.2.0/28", "192.0.2.3"], "192.0.2.4", False),
        (["!192.0.2.0/24"], "192.0.2.4", False),
        (["! 192.0.2.4", "192.0.2.0/24"], "192.0.2.4", False),
        (["2001:db8::/32"], "2001:db8:ffff::1", True),
        (["2001:db8::/32", "!2001:db8:1::/48"], "2001:db8:1::1", False),
        (["[2001:db8::1]"], "2001:db8::1", True),
        (["[2001:db8::]/32"], "2001:db8::1", True),
        (["192.0.2.1"], "::ffff:192.0.2.1", True),
        (["::ffff:192.0.2.0/120"], "192.0.2.9", True),
        (["::ffff:192.0.2.1"], "192.0.2.1", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["192.0.2.0/255.255.255.0"], "192.0.2.9", True),
    ],
)
def test_most_specific_entry_decides(entries: list[str], address: str, is_in: bool) -> None:
    assert (ip_address(address) in Networks(entries)) is is_in


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["192.0.2.0/24", "!192.0.2.0/24"], "both with and without"),
        (["192.0.2.1", "!192.0.2.1/32"], "both with and without"),
        (["192.0.2.1", "!::ffff:192.0.2.1"], "both with and without"),
        (["10.0.0.1/8"], "has host bits"),
        (["!10.0.0.1/8"], "has host bits"),
        (["mx.example.net"], "expected an address or a prefix"),
        ([""], "expected an address or a prefix"),
        (["!"], "expected an address or a prefix"),
        (["!!192.0.2.1"], "expected an address or a prefix"),
        (["192.0.2.0/33"], "expected an address or a prefix"),
    ],
)
def test_what_is_wrong_is_named(entries: list[str], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        Networks(entries)


def test_the_same_entry_twice_is_no_contradiction() -> None:
    assert IPv4Address("192.0.2.1") in Networks(["192.0.2.1", "192.0.2.1/32"])


@pytest.mark.parametrize(("entries", "is_empty"), [([], True), (["!192.0.2.1"], True), (["!::1", "192.0.2.1"], False)])
def test_a_list_of_exceptions_alone_is_empty(entries: list[str], is_empty: bool) -> None:
    assert Networks(entries).is_empty is is_empty


@pytest.mark.parametrize(
    ("entries", "holds_all"),
    [(["0.0.0.0/0"], True), (["::/0", "!::1"], True), (["!0.0.0.0/0", "192.0.2.1"], False), (["0.0.0.0/1"], False)],
)
def test_a_list_of_everybody(entries: list[str], holds_all: bool) -> None:
    assert Networks(entries).holds_all is holds_all


PREFIXES = st.builds(
    lambda number, length: str(ip_network((number >> (32 - length) << (32 - length) if length else 0, length))),
    st.integers(0, 255).map(lambda low: 0xC0000200 + low),
    st.integers(22, 32),
)


@given(st.dictionaries(PREFIXES, st.booleans(), max_size=30), st.integers(0xC00001F0, 0xC0000310))
def test_answer_is_that_of_the_longest_prefix(signs: dict[str, bool], number: int) -> None:
    address = IPv4Address(number)
    entries = [name if is_member else f"!{name}" for name, is_member in signs.items()]
    holding = [
        (IPv4Network(name).prefixlen, is_member) for name, is_member in signs.items() if address in IPv4Network(name)
    ]
    assert (address in Networks(entries)) is (max(holding)[1] if holding else False)


@given(st.lists(PREFIXES, max_size=20).flatmap(lambda entries: st.tuples(st.just(entries), st.permutations(entries))))
def test_order_does_not_matter(lists: tuple[list[str], list[str]]) -> None:
    first, second = (Networks(entries) for entries in lists)
    for number in range(0xC0000200, 0xC0000300, 7):
        assert (IPv4Address(number) in first) is (IPv4Address(number) in second)


def test_a_thousand_entries() -> None:
    networks = Networks([f"10.{n >> 8}.{n & 255}.0/24" for n in range(1000)] + [f"!10.0.{n}.7" for n in range(250)])
    assert IPv4Address("10.3.231.7") in networks
    assert IPv4Address("10.3.232.7") not in networks
    assert IPv4Address("10.0.9.7") not in networks
