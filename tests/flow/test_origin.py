"""Who the client of relayed mail is: only what listed hosts wrote is believed."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from inalign.flow.origin import MAX_HOPS, ClientOrigin, Gateway, Hosts, OriginSource, find_origin
from inalign.mail.fields import make_field
from inalign.mail.networks import Networks
from inalign.spf.result import SpfReason, SpfScope, SpfStatus

MX2 = "198.51.100.2"
MX3 = "198.51.100.3"
GATEWAY = "203.0.113.5"
INSIDE_GATEWAY = "203.0.113.6"
CLIENT = "192.0.2.7"
FORGED = "192.0.2.66"

HOSTS = Hosts(
    local=Networks(["127.0.0.0/8", "10.0.0.0/8", "!10.9.0.0/16"]),
    relays=Networks(["198.51.100.0/28", "!198.51.100.9", "2001:db8:1::/48"]),
    gateways=(
        Gateway(networks=Networks(["203.0.113.0/28"]), authserv_id="gw.example", client_field=None),
        Gateway(networks=Networks(["203.0.113.64/28"]), client_field=b"x-client-ip"),
        Gateway(networks=Networks(["203.0.113.128/28"])),
    ),
)


def stamp(address: str, helo: str = "mail.example.org", by: str = "mx2.example.net") -> tuple[str, str]:
    shown = f"IPv6:{address}" if ":" in address else address
    return "Received", f"from {helo} (unknown [{shown}])\n\tby {by} (Postfix) with ESMTP id 4X; x"


SUBJECT = ("Subject", "x")
GENUINE_RESULTS = (
    "Authentication-Results",
    "gw.example; spf=pass smtp.mailfrom=example.org; dkim=fail header.d=a.example",
)
FORGED_RESULTS = ("Authentication-Results", "gw.example; spf=pass smtp.mailfrom=forged.example")


def origin(
    *fields: tuple[str, str], connected: str = MX2, hosts: Hosts = HOSTS, mail_from: str | None = "a@example.org"
) -> ClientOrigin:
    made = [make_field(name.encode(), f" {value}".encode()) for name, value in fields]
    return find_origin(ip_address(connected), made, hosts, mail_from)


def client(found: ClientOrigin) -> str | None:
    return None if found.address is None else str(found.address)


# Relays


def test_client_and_helo_are_those_of_the_first_field() -> None:
    found = origin(SUBJECT, stamp(CLIENT, "out.example.org"), stamp(FORGED))
    assert (found.source, client(found), found.helo) == (OriginSource.RECEIVED, CLIENT, "out.example.org")
    assert found.via == (ip_address(MX2),)


def test_walk_goes_on_across_listed_hosts() -> None:
    found = origin(
        stamp(MX3, "mx3.example.net"), stamp("2001:db8:1::25"), stamp(CLIENT, "out.example.org"), stamp(FORGED)
    )
    assert (client(found), found.helo) == (CLIENT, "out.example.org")
    assert [str(address) for address in found.via] == [MX2, MX3, "2001:db8:1::25"]


def test_walk_ends_at_a_host_that_an_exception_takes_out() -> None:
    assert client(origin(stamp("198.51.100.9"), stamp(FORGED))) == "198.51.100.9"


def test_forged_fields_below_the_true_one_are_not_read() -> None:
    forged = [stamp(MX2), stamp(MX3), stamp(FORGED), stamp("127.0.0.1")]
    assert client(origin(stamp(CLIENT), *forged)) == CLIENT


def test_an_attacker_on_a_listed_looking_helo_is_himself() -> None:
    found = origin(stamp(CLIENT, f"[{MX3}]"), stamp(FORGED))
    assert (client(found), found.helo) == (CLIENT, f"[{MX3}]")


def test_mapped_addresses_are_ipv4() -> None:
    found = origin(stamp("::ffff:198.51.100.3"), stamp("::ffff:192.0.2.7"))
    assert client(found) == CLIENT


def test_fields_of_other_names_are_no_received_fields() -> None:
    assert client(origin(("X-Received", stamp(FORGED)[1]), ("Received-SPF", stamp(FORGED)[1]), stamp(CLIENT))) == CLIENT


def test_loopback_in_a_field_is_the_host_itself() -> None:
    amavis = (
        "Received",
        "from mx2.example.net ([127.0.0.1])\n\tby localhost (mx2 [127.0.0.1]) (amavisd-new) with ESMTP; x",
    )
    found = origin(stamp("127.0.0.1", "localhost"), amavis, stamp(CLIENT))
    assert client(found) == CLIENT
    assert [str(address) for address in found.via] == [MX2]


def test_loopback_alone_is_no_client() -> None:
    found = origin(stamp("127.0.0.1", "localhost"))
    assert (found.source, client(found), found.is_local) == (OriginSource.UNKNOWN, None, False)


def test_note_of_qmail_stands_above_the_field_that_counts() -> None:
    note = ("Received", "(qmail 123 invoked from network); 24 Nov 2026 12:00:00 -0000")
    assert client(origin(note, ("Received", f"from x (HELO y) ({CLIENT})\n  by mx2 with SMTP; x"))) == CLIENT


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [SUBJECT],
        [("Received", "by mx2.example.net (Postfix, from userid 0) id 4X; x"), stamp(FORGED)],
        [("Received", ""), stamp(FORGED)],
        [("Received", f"from x ([{FORGED}]) (y [{CLIENT}]) by mx2; x"), stamp(FORGED)],
        [("Received", "(qmail 123 invoked by uid 0); x"), stamp(FORGED)],
        [stamp(MX3)],
        [stamp("0.0.0.0"), stamp(FORGED)],
        [stamp("224.0.0.1"), stamp(FORGED)],
        [stamp("::"), stamp(FORGED)],
    ],
)
def test_what_nobody_says_is_unknown(fields: list[tuple[str, str]]) -> None:
    found = origin(*fields)
    assert (found.source, found.address, found.helo) == (OriginSource.UNKNOWN, None, None)
    assert found.detail


def test_walk_is_bounded() -> None:
    loop = [stamp(MX3), stamp(MX2)] * MAX_HOPS
    found = origin(*loop[: MAX_HOPS - 1], stamp(CLIENT))
    assert client(found) == CLIENT
    found = origin(*loop[:MAX_HOPS], stamp(CLIENT))
    assert found.source is OriginSource.UNKNOWN
    assert str(MAX_HOPS) in found.detail


def test_mail_of_our_own_by_a_relay_is_ours() -> None:
    assert origin(stamp("10.1.1.1")).is_local
    assert not origin(stamp("10.9.1.1")).is_local


# Gateways


def test_private_address_inside_a_gateway_is_not_ours() -> None:
    found = origin(stamp("10.1.1.1"), connected="203.0.113.129")
    assert (client(found), found.is_local) == ("10.1.1.1", False)


def test_results_of_the_gateway_stand_for_ours() -> None:
    found = origin(GENUINE_RESULTS, stamp(CLIENT), FORGED_RESULTS, connected=GATEWAY)
    assert found.source is OriginSource.RESULTS
    assert found.spf is not None
    assert (found.spf.result, found.spf.reason, found.spf.domain) == (SpfStatus.PASS, SpfReason.REPORTED, "example.org")
    assert client(found) == CLIENT  # for the reverse name


def test_results_above_an_inner_field_of_the_gateway() -> None:
    fields = [stamp(INSIDE_GATEWAY), stamp("127.0.0.1"), GENUINE_RESULTS, stamp(CLIENT), FORGED_RESULTS]
    found = origin(*fields, connected=GATEWAY)
    assert found.spf is not None
    assert found.spf.domain == "example.org"


@pytest.mark.parametrize(
    "fields",
    [
        [stamp(CLIENT), FORGED_RESULTS],
        [stamp(CLIENT), FORGED_RESULTS, stamp(GATEWAY), stamp(CLIENT)],
        [stamp(CLIENT), SUBJECT, FORGED_RESULTS, FORGED_RESULTS],
        [stamp(INSIDE_GATEWAY), stamp(CLIENT), FORGED_RESULTS],
    ],
)
def test_results_below_the_fields_of_the_gateway_are_the_senders(fields: list[tuple[str, str]]) -> None:
    found = origin(*fields, connected=GATEWAY)
    assert (found.source, found.report, found.spf) == (OriginSource.RECEIVED, None, None)


@pytest.mark.parametrize("fields", [[FORGED_RESULTS], [FORGED_RESULTS, SUBJECT]])
def test_results_are_not_believed_where_the_gateway_wrote_no_received_field(fields: list[tuple[str, str]]) -> None:
    found = origin(*fields, connected=GATEWAY)
    assert (found.source, found.report) == (OriginSource.UNKNOWN, None)


def test_topmost_results_alone_count() -> None:
    found = origin(GENUINE_RESULTS, FORGED_RESULTS, stamp(CLIENT), connected=GATEWAY)
    assert found.spf is not None
    assert found.spf.domain == "example.org"


def test_results_that_break_the_grammar_are_none() -> None:
    broken = ("Authentication-Results", "gw.example; spf=pass smtp.mailfrom=(")
    found = origin(broken, FORGED_RESULTS, stamp(CLIENT), connected=GATEWAY)
    assert (found.source, found.report) == (OriginSource.RECEIVED, None)


@pytest.mark.parametrize("authserv_id", ["other.example", "gw.example.evil.example", "(gw.example) evil.example"])
def test_results_of_others_are_not_the_gateways(authserv_id: str) -> None:
    field = ("Authentication-Results", f"{authserv_id}; spf=pass smtp.mailfrom=forged.example")
    assert origin(field, stamp(CLIENT), connected=GATEWAY).report is None


def test_results_from_a_relay_are_not_the_gateways() -> None:
    assert origin(FORGED_RESULTS, stamp(CLIENT), connected=MX2).report is None


def test_gateway_behind_a_relay_is_believed_as_far_as_the_relay_says_so() -> None:
    found = origin(stamp(GATEWAY), GENUINE_RESULTS, stamp(CLIENT), FORGED_RESULTS)
    assert found.spf is not None
    assert found.spf.domain == "example.org"
    assert [str(address) for address in found.via] == [MX2, GATEWAY]
    assert origin(stamp(CLIENT), stamp(GATEWAY), FORGED_RESULTS, stamp(CLIENT)).report is None


def test_gateway_that_did_not_meet_the_client_does_not_speak_for_it() -> None:
    """Mail crossed a relay first: what the gateway says of SPF is about the relay."""
    found = origin(GENUINE_RESULTS, stamp(MX3), stamp(CLIENT), connected=GATEWAY)
    assert (found.source, client(found), found.spf) == (OriginSource.RECEIVED, CLIENT, None)
    assert found.report is not None  # what it says of signatures still holds


def test_results_need_no_readable_client() -> None:
    found = origin(GENUINE_RESULTS, ("Received", "by gw.example with SMTP; x"), FORGED_RESULTS, connected=GATEWAY)
    assert (found.source, found.address) == (OriginSource.RESULTS, None)


def test_results_without_spf_leave_it_to_us() -> None:
    field = ("Authentication-Results", "gw.example; dkim=pass header.d=example.org")
    found = origin(field, stamp(CLIENT), connected=GATEWAY)
    assert (found.source, client(found)) == (OriginSource.RECEIVED, CLIENT)


@pytest.mark.parametrize(
    ("results", "mail_from", "scope", "domain", "word"),
    [
        ("spf=pass smtp.mailfrom=ann@Example.ORG", "a@b.example", SpfScope.MFROM, "example.org", "pass"),
        ("spf=softfail smtp.mailfrom=example.org", "a@b.example", SpfScope.MFROM, "example.org", "softfail"),
        ("spf=hardfail smtp.mailfrom=example.org", "a@b.example", SpfScope.MFROM, "example.org", "fail"),
        ("spf=wonderful smtp.mailfrom=example.org", "a@b.example", SpfScope.MFROM, "example.org", "none"),
        ("spf=pass", "a@b.example", SpfScope.MFROM, "b.example", "pass"),
        ("spf=pass smtp.mailfrom=junk", "a@b.example", SpfScope.MFROM, None, "pass"),
        (
            "spf=pass smtp.helo=h.example; spf=fail smtp.mailfrom=b.example",
            "a@b.example",
            SpfScope.MFROM,
            "b.example",
            "fail",
        ),
        ("spf=pass smtp.helo=h.example", "", SpfScope.HELO, "h.example", "pass"),
        ("spf=pass smtp.mailfrom=postmaster@h.example", "", SpfScope.HELO, "h.example", "pass"),
        ("spf=none", "", SpfScope.HELO, None, "none"),
        (
            "spf=pass smtp.mailfrom=example.org; spf=fail smtp.mailfrom=b.example",
            "a@b",
            SpfScope.MFROM,
            "example.org",
            "pass",
        ),
    ],
)
def test_spf_result_of_a_gateway(results: str, mail_from: str, scope: SpfScope, domain: str | None, word: str) -> None:
    found = origin(
        ("Authentication-Results", f"gw.example; {results}"), stamp(CLIENT), connected=GATEWAY, mail_from=mail_from
    )
    assert found.spf is not None
    assert (found.spf.result, found.spf.scope, found.spf.domain) == (word, scope, domain)


def test_helo_result_is_not_taken_for_that_of_the_reverse_path() -> None:
    field = ("Authentication-Results", "gw.example; spf=pass smtp.helo=h.example")
    assert origin(field, stamp(CLIENT), connected=GATEWAY).source is OriginSource.RECEIVED


FIELD_GATEWAY = "203.0.113.65"


def test_client_from_the_field_of_a_gateway() -> None:
    found = origin(("X-Client-IP", CLIENT), stamp("203.0.113.99", "inner.gw.example"), connected=FIELD_GATEWAY)
    assert (found.source, client(found), found.helo) == (OriginSource.FIELD, CLIENT, None)


def test_helo_is_known_where_the_received_field_names_the_same_client() -> None:
    found = origin(("x-client-ip", f"mail[{CLIENT}]"), stamp(CLIENT, "out.example.org"), connected=FIELD_GATEWAY)
    assert (found.source, client(found), found.helo) == (OriginSource.FIELD, CLIENT, "out.example.org")


@pytest.mark.parametrize(
    "fields",
    [
        [stamp(CLIENT), ("X-Client-IP", FORGED)],
        [("X-Client-IP", "junk"), ("X-Client-IP", FORGED), stamp(CLIENT)],
        [("X-Client-IP", "127.0.0.1"), stamp(CLIENT)],
        [("X-Client-IP", FIELD_GATEWAY), stamp(CLIENT)],
        [("X-Client-IP", MX2), stamp(CLIENT)],
        [("X-Client-IP", "0.0.0.0"), stamp(CLIENT)],
        [("X-Client-IP", FORGED)],
    ],
)
def test_field_that_cannot_be_the_gateways_word_leaves_the_client_unknown(fields: list[tuple[str, str]]) -> None:
    found = origin(*fields, connected=FIELD_GATEWAY)
    assert (found.source, found.address, found.helo) == (OriginSource.UNKNOWN, None, None)


def test_field_of_a_gateway_means_nothing_from_others() -> None:
    assert client(origin(("X-Client-IP", FORGED), stamp(CLIENT))) == CLIENT
    assert client(origin(("X-Client-IP", FORGED), stamp(CLIENT), connected=GATEWAY)) == CLIENT


def test_a_host_is_listed_or_not() -> None:
    assert HOSTS.hands_on(ip_address(MX2))
    assert HOSTS.hands_on(ip_address("::ffff:203.0.113.5"))
    assert not HOSTS.hands_on(ip_address("198.51.100.9"))
    assert not HOSTS.hands_on(None)
    assert HOSTS.gateway_ids == ("gw.example",)
