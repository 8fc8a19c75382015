"""Nobody outside chooses who he is taken for: whatever stands below the field of a listed host changes nothing."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from inalign.errors import ParseError
from inalign.flow.origin import Gateway, Hosts, OriginSource, find_origin
from inalign.mail.fields import Field, make_field
from inalign.mail.networks import Networks
from inalign.mail.received import is_network_note, parse_client_address, parse_received

RELAYS = ("198.51.100.2", "198.51.100.3", "203.0.113.5")
CLIENT = "192.0.2.7"
HOSTS = Hosts(
    local=Networks(["127.0.0.0/8"]),
    relays=Networks(RELAYS[:2]),
    gateways=(Gateway(networks=Networks(RELAYS[2:]), authserv_id="gw.example", client_field=b"x-client-ip"),),
)
PIECES = [
    b"from", b" ", b"\t", b"\r\n ", b"by", b" by ", b"(", b")", b"[", b"]", b"192.0.2.66", b"[192.0.2.66]",
    b"IPv6:", b"127.0.0.1", b"helo=", b"HELO ", b"port=1 ", b"ident=x", b"x", b"mail.example", b"@", b";", b'"', b"\\",
    b"\xe9", b"\0", b"\n", b" (may be forged)", b"with", b"unknown", b"([192.0.2.66])", b"2001:db8::1",
]  # fmt: skip
JUNK = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join) | st.binary(max_size=80)
HELO = st.lists(
    st.sampled_from([piece for piece in PIECES if b"\n" not in piece and b"\0" not in piece]), min_size=1, max_size=12
).map(b"".join)
NAMES = st.sampled_from([b"Received", b"received ", b"Authentication-Results", b"X-Client-IP", b"Subject"])
TRUE_LOOKING = st.sampled_from(
    [
        b" from x (x [198.51.100.3]) by y; z",
        b" from x (x [192.0.2.66]) by y; z",
        b" from x (x [127.0.0.1]) by y; z",
        b" (qmail 1 invoked from network); z",
        b" gw.example; spf=pass smtp.mailfrom=victim.example",
        b" 192.0.2.66",
    ]
)
FROM_OUTSIDE = st.lists(st.builds(make_field, NAMES, JUNK | TRUE_LOOKING), max_size=6)


def stamp(address: str, helo: bytes = b"mail.example") -> Field:
    return make_field(b"Received", b" from " + helo + b" (unknown [" + address.encode() + b"])\n\tby mx (Postfix); x")


@given(st.lists(st.sampled_from((*RELAYS[:2], "127.0.0.1")), max_size=4), FROM_OUTSIDE)
def test_what_stands_below_the_true_field_changes_nothing(hops: list[str], outside: list[Field]) -> None:
    fields = [*(stamp(hop) for hop in hops), stamp(CLIENT)]
    alone = find_origin(ip_address(RELAYS[0]), fields, HOSTS, "a@b.example")
    assert alone.address == IPv4Address(CLIENT)
    assert find_origin(ip_address(RELAYS[0]), [*fields, *outside], HOSTS, "a@b.example") == alone


@given(FROM_OUTSIDE)
def test_what_stands_below_the_field_of_a_gateway_changes_nothing(outside: list[Field]) -> None:
    fields = [stamp(CLIENT)]
    alone = find_origin(ip_address(RELAYS[2]), fields, HOSTS, "a@b.example")
    assert alone.source is OriginSource.UNKNOWN  # it should have named the client in its own field
    assert find_origin(ip_address(RELAYS[2]), [*fields, *outside], HOSTS, "a@b.example") == alone


@given(HELO, HELO)
def test_no_helo_and_no_reverse_name_make_another_address_of_the_recorded_one(helo: bytes, name: bytes) -> None:
    for field in (
        b" from %b (%b [192.0.2.7]) by mx with SMTP; x" % (helo, name),
        b" from %b ([192.0.2.7]) (%b) by mx with SMTP for <a@b>; x" % (helo, name),
        b" from %b (192.0.2.7) by mx (10.0.0.6) with Microsoft SMTP Server; x" % helo,
        b" from %b (HELO %b) (192.0.2.7)\n by mx with SMTP; x" % (name, helo),
        b" from %b ([192.0.2.7] helo=%b)\n\tby mx with smtp (Exim 4.97); x" % (name, helo),
        b" from [192.0.2.7] (helo=%b ident=%b)\n\tby mx with smtp (Exim 4.97); x" % (helo, name),
        b" from %b (%b [192.0.2.7] (may be forged)) by mx (8.17); x" % (helo, name),
    ):
        with contextlib.suppress(ParseError):
            assert parse_received(field).address == IPv4Address(CLIENT)


@given(JUNK)
def test_parsers_of_trace_fields_raise_parse_errors_alone(octets: bytes) -> None:
    for parse in (parse_received, parse_client_address):
        with contextlib.suppress(ParseError):
            parse(octets)
    assert isinstance(is_network_note(octets), bool)


@given(FROM_OUTSIDE, st.sampled_from(RELAYS), st.none() | st.sampled_from(["", "a@b.example"]))
def test_finding_the_client_never_raises(fields: list[Field], connected: str, mail_from: str | None) -> None:
    found = find_origin(ip_address(connected), fields, HOSTS, mail_from)
    assert (found.address is None) >= (found.source is OriginSource.UNKNOWN)
