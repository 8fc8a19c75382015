"""The zone resolver: how names compare, what an entry may hold, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from inalign.errors import ParseError
from inalign.resolver import Answer, MailExchange, Outcome, ZoneResolver
from tests.helpers import run_now, zone


def outcome(names: Mapping[str, Mapping[str, object]], name: str) -> Outcome:
    return run_now(zone(names).txt(name)).outcome


def test_every_kind_of_record_has_its_type() -> None:
    resolver = zone(
        {
            "a.example": {
                "TXT": ["grün", "\udcff\udc80", ""],
                "A": ["192.0.2.1"],
                "AAAA": ["2001:DB8:0::1"],
                "MX": [[10, "Mail.Example."], [0, ""], (0, ".")],
            },
            "1.2.0.192.in-addr.arpa": {"PTR": ["Mail.Example."]},
        }
    )
    assert run_now(resolver.txt("a.example")).records == ("grün".encode(), b"\xff\x80", b"")
    assert run_now(resolver.addresses("a.example", 4)).records == (ip_address("192.0.2.1"),)
    assert run_now(resolver.addresses("a.example", 6)).records == (ip_address("2001:db8::1"),)
    exchanges = (MailExchange(10, "mail.example"), MailExchange(0, ""), MailExchange(0, ""))
    assert run_now(resolver.mx("a.example")).records == exchanges
    assert run_now(resolver.ptr(ip_address("192.0.2.1"))).records == ("mail.example",)


@pytest.mark.parametrize("listed", ["A.Example", "a.example.", "A.EXAMPLE."])
@pytest.mark.parametrize("asked", ["a.example", "A.eXample", "a.example."])
def test_names_compare_without_case_and_trailing_dot(listed: str, asked: str) -> None:
    assert outcome({listed: {"TXT": ["x"]}}, asked) is Outcome.FOUND


def test_only_ascii_letters_have_case() -> None:
    names = {"\u212aelvin.example": {"TXT": ["x"]}}  # the Kelvin sign, which Python lowers to a k
    assert outcome(names, "kelvin.example") is Outcome.NXDOMAIN
    assert outcome(names, "\u212aELVIN.example") is Outcome.FOUND


@pytest.mark.parametrize("name", ["a..b", "..", "x" * 300, "a b", "\x00", "\ud800", "*", r"a\.b", "日本"])
def test_any_text_is_a_name(name: str) -> None:
    assert outcome({name: {"TXT": ["x"]}}, name) is Outcome.FOUND


def test_a_name_exists_if_one_below_it_does() -> None:
    names = {"a.b.example": {"TXT": ["x"]}}
    assert outcome(names, "b.example") is Outcome.NODATA
    assert outcome(names, "example") is Outcome.NODATA
    assert outcome(names, "") is Outcome.NODATA
    assert outcome(names, "c.b.example") is Outcome.NXDOMAIN
    assert outcome(names, "x.a.b.example") is Outcome.NXDOMAIN
    assert outcome(names, "example.") is Outcome.NODATA
    assert outcome({}, "") is Outcome.NXDOMAIN


def test_an_empty_list_is_no_data() -> None:
    assert outcome({"a": {"TXT": []}}, "a") is Outcome.NODATA
    assert outcome({"a": {}}, "a") is Outcome.NODATA
    assert outcome({"a": {"TXT": None, "A": ["192.0.2.1"]}}, "a") is Outcome.NODATA


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        ("timeout", Answer(Outcome.FAILED, detail="timeout")),
        ("servfail", Answer(Outcome.FAILED, detail="servfail")),
        ("SERVFAIL", Answer(Outcome.FAILED, detail="servfail")),
        ("nxdomain", Answer(Outcome.NXDOMAIN)),
        (None, Answer(Outcome.NODATA)),
    ],
)
def test_an_error_answers_for_every_type_that_is_not_listed(error: str | None, wanted: Answer[bytes]) -> None:
    resolver = zone({"a": {"error": error, "A": ["192.0.2.1"], "MX": []}})
    assert run_now(resolver.txt("a")) == wanted
    assert run_now(resolver.addresses("a", 4)).outcome is Outcome.FOUND
    assert run_now(resolver.mx("a")).outcome is Outcome.NODATA


def test_a_cname_is_followed() -> None:
    resolver = zone(
        {
            "a": {"CNAME": "B.example."},
            "b.example": {"CNAME": ["c"], "TXT": [], "A": ["192.0.2.1"]},
            "c": {"TXT": ["x"]},
            "dangling": {"CNAME": "nowhere"},
            "failing": {"CNAME": "dead"},
            "dead": {"error": "timeout"},
            "none": {"CNAME": []},
        }
    )
    assert run_now(resolver.txt("a")).records == (b"x",)
    assert run_now(resolver.addresses("a", 4)).records == (ip_address("192.0.2.1"),)
    assert run_now(resolver.txt("dangling")).outcome is Outcome.NXDOMAIN
    assert run_now(resolver.txt("failing")).outcome is Outcome.FAILED
    assert run_now(resolver.txt("none")).outcome is Outcome.NODATA


def test_a_cname_loop_fails() -> None:
    names = {"a": {"CNAME": "b"}, "b": {"CNAME": "a"}, "self": {"CNAME": "self"}}
    assert outcome(names, "a") is outcome(names, "self") is Outcome.FAILED


def test_sixteen_cnames_are_followed_and_no_more() -> None:
    names: dict[str, dict[str, object]] = {f"n{number}": {"CNAME": f"n{number + 1}"} for number in range(17)}
    names["n17"] = {"TXT": ["x"]}
    assert outcome(names, "n1") is Outcome.FOUND
    assert outcome(names, "n0") is Outcome.FAILED


def test_other_keys_are_ignored() -> None:
    assert outcome({"a": {"SPF": ["x"], "txt": ["x"], "comment": {"deep": [1]}}}, "a") is Outcome.NODATA


def test_two_spellings_of_a_name_are_one_name() -> None:
    resolver = zone({"A.example": {"TXT": ["x"], "A": ["192.0.2.1"]}, "a.example.": {"TXT": ["x", "y"]}})
    assert run_now(resolver.txt("a.example")).records == (b"x", b"y")


def test_a_list_keeps_what_it_says_twice() -> None:
    assert run_now(zone({"a": {"TXT": ["x", "x"]}}).txt("a")).records == (b"x", b"x")


BAD: dict[str, object] = {
    "no mapping of names": ["a"],
    "a name that is no text": {1: {}},
    "a name without a mapping": {"a": ["x"]},
    "TXT is a number": {"a": {"TXT": 1}},
    "TXT is a mapping": {"a": {"TXT": {"x": 1}}},
    "a TXT value is a number": {"a": {"TXT": [1]}},
    "a TXT value is null": {"a": {"TXT": [None]}},
    "a TXT value is a list": {"a": {"TXT": [["x", "y"]]}},
    "a TXT value has a lone surrogate": {"a": {"TXT": ["\ud800"]}},
    "A is no address": {"a": {"A": ["192.0.2"]}},
    "A has leading zeros": {"a": {"A": ["192.0.2.01"]}},
    "A is a number": {"a": {"A": [3221225985]}},
    "A is an IPv6 address": {"a": {"A": ["2001:db8::1"]}},
    "AAAA is an IPv4 address": {"a": {"AAAA": ["192.0.2.1"]}},
    "AAAA has a scope": {"a": {"AAAA": ["fe80::1%1"]}},
    "MX is a text": {"a": {"MX": ["10 mail"]}},
    "MX is flat": {"a": {"MX": [10, "mail"]}},
    "MX preference is a text": {"a": {"MX": [["10", "mail"]]}},
    "MX preference is a truth": {"a": {"MX": [[True, "mail"]]}},
    "MX preference is negative": {"a": {"MX": [[-1, "mail"]]}},
    "MX preference is too large": {"a": {"MX": [[65536, "mail"]]}},
    "MX has three parts": {"a": {"MX": [[1, "mail", 2]]}},
    "PTR is a number": {"a": {"PTR": [1]}},
    "CNAME is a number": {"a": {"CNAME": 1}},
    "CNAME has a number": {"a": {"CNAME": [1]}},
    "two CNAMEs": {"a": {"CNAME": ["b", "c"]}},
    "two CNAMEs in two spellings": {"a": {"CNAME": "b"}, "A": {"CNAME": "c"}},
    "an unknown error": {"a": {"error": "broken"}},
    "an error that is no text": {"a": {"error": 1}},
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_shape_is_refused_when_the_zone_is_made(what: str) -> None:
    with pytest.raises(ParseError):
        ZoneResolver.from_json(BAD[what])  # type: ignore[arg-type] # JSON from outside has any shape


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(ParseError, match=r"A of 'Mail.example': .*'192.0.2.300'"):
        zone({"Mail.example": {"A": ["192.0.2.300"]}})


def test_zones_are_merged() -> None:
    one = zone({"a": {"TXT": ["x"], "A": []}, "alias": {"CNAME": "a"}, "bad": {"error": "timeout"}})
    two = zone({"A.": {"TXT": ["x", "y"], "A": ["192.0.2.1"]}, "alias": {"CNAME": "A"}, "b.c": {}, "bad": {"MX": []}})
    merged = ZoneResolver.merge(one, two)
    assert run_now(merged.txt("alias")).records == (b"x", b"y")
    assert run_now(merged.addresses("a", 4)).records == (ip_address("192.0.2.1"),)
    assert run_now(merged.txt("c")).outcome is Outcome.NODATA
    assert run_now(merged.txt("bad")).outcome is Outcome.FAILED
    assert run_now(merged.mx("bad")).outcome is Outcome.NODATA
    assert run_now(one.txt("a")).records == (b"x",)
    assert run_now(ZoneResolver.merge().txt("a")).outcome is Outcome.NXDOMAIN


def test_zones_with_different_cnames_of_a_name_are_refused() -> None:
    with pytest.raises(ParseError, match="two CNAMEs"):
        ZoneResolver.merge(zone({"a": {"CNAME": "b"}}), zone({"a": {"CNAME": "c"}}))


def test_a_megabyte_of_dots_is_a_name_like_any_other() -> None:
    dots = "." * 10**6
    resolver = zone({dots: {"TXT": ["x"]}})
    assert run_now(resolver.txt(dots)).outcome is Outcome.FOUND
    wild = ZoneResolver.from_master_file("*.example. TXT x")
    assert run_now(wild.txt(dots + "example")).outcome is Outcome.FOUND
    assert run_now(wild.txt("a" + dots)).outcome is Outcome.NXDOMAIN
