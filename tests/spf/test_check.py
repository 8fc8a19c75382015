"""The rules of evaluation, and every reason there is."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

import pytest

from inalign.resolver import Outcome
from inalign.spf import SpfLookup, SpfReason, SpfScope, SpfStatus, check_helo, check_spf
from tests.helpers import NOW, run_now, zone
from tests.spf.material import AskingResolver, Zone, check, record

PASS = {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}
FAIL = {"TXT": ["v=spf1 -all"]}
DEAD: dict[str, object] = {"error": "servfail"}


def word(
    names: Zone | AskingResolver,
    *,
    ip: str | IPv4Address | IPv6Address | None = "192.0.2.1",
    helo: str | None = "mail.example.org",
    mail_from: str | None = "joe@example.com",
) -> str:
    """The result word and its reason."""
    result = check(names, ip=ip, helo=helo, mail_from=mail_from)
    return f"{result.result} {result.reason}"


# Qualifiers and defaults


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=spf1 ip4:192.0.2.1", "pass matched"),
        ("v=spf1 +ip4:192.0.2.1", "pass matched"),
        ("v=spf1 -ip4:192.0.2.1", "fail matched"),
        ("v=spf1 ~ip4:192.0.2.1", "softfail matched"),
        ("v=spf1 ?ip4:192.0.2.1 -all", "neutral matched"),
        ("v=spf1 ip4:192.0.2.2", "neutral no_match"),
        ("v=spf1", "neutral no_match"),
        ("v=spf1 -ip4:192.0.2.0/24 +all", "fail matched"),
    ],
)
def test_the_first_match_decides(text: str, expected: str) -> None:
    assert word(record(text)) == expected


@pytest.mark.parametrize(
    ("term", "ip", "matches"),
    [
        ("ip4:192.0.2.0/24", "192.0.2.255", True),
        ("ip4:192.0.2.77/24", "192.0.2.1", True),
        ("ip4:192.0.2.0/25", "192.0.2.128", False),
        ("ip4:192.0.2.0/31", "192.0.2.1", True),
        ("ip4:0.0.0.0/0", "203.0.113.9", True),
        ("ip4:0.0.0.0/0", "2001:db8::1", False),
        ("ip4:192.0.2.1", "::ffff:192.0.2.1", True),
        ("ip6:::ffff:192.0.2.1", "::ffff:192.0.2.1", False),
        ("ip6:::ffff:0:0/96", "192.0.2.1", False),
        ("ip6:::/0", "192.0.2.1", False),
        ("ip6:::/0", "2001:db8::1", True),
        ("ip6:2001:db8::/32", "2001:db8:ffff::1", True),
        ("ip6:2001:db8::/33", "2001:db8:8000::1", False),
        ("ip6:2001:db8::1", IPv6Address("2001:db8::1"), True),
    ],
)
def test_networks(term: str, ip: str | IPv6Address, matches: bool) -> None:
    assert word(record(f"v=spf1 {term} -all"), ip=ip) == ("pass matched" if matches else "fail matched")


# Record lookup and selection


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, "none no_name"),
        ({"example.com": {"A": ["192.0.2.1"]}}, "none no_record"),
        ({"example.com": {"TXT": ["hello", "v=spf10", "v=spf1\t-all", "spf2.0/pra -all"]}}, "none no_record"),
        ({"example.com": {"TXT": ["v=spf1 -all", "v=spf1 -all"]}}, "permerror several_records"),
        ({"example.com": {"TXT": ["v=spf1 -all", "V=SPF1"]}}, "permerror several_records"),
        ({"example.com": {"TXT": ["other", "v=spf1 -all", b"\xff\xfe"]}}, "fail matched"),
        ({"example.com": {"SPF": ["v=spf1 -all"]}}, "none no_record"),
        ({"example.com": {"TXT": ["v=spf1 -all", "v=spf1 foo"]}}, "permerror several_records"),
        ({"example.com": {"TXT": [b"v=spf1 \xff -all"]}}, "permerror syntax"),
        ({"example.com": {"TXT": ["v=spf1 ip4:192.0.2.1 foo"]}}, "permerror syntax"),
        ({"example.com": DEAD}, "temperror dns_failed"),
        ({"example.com": {"error": "nxdomain"}}, "none no_name"),
        ({"example.com": {"CNAME": "other.example"}, "other.example": PASS}, "pass matched"),
    ],
)
def test_record_selection(names: Zone, expected: str) -> None:
    assert word(names) == expected


# Identities


def test_the_null_reverse_path_checks_helo() -> None:
    result = check({"mail.example.org": PASS}, mail_from="")
    assert (result.result, result.scope, result.domain) == ("pass", SpfScope.HELO, "mail.example.org")


@pytest.mark.parametrize("helo", [None, "localhost", "[192.0.2.1]"])
def test_the_null_reverse_path_without_a_helo_name_is_none(helo: str | None) -> None:
    result = check({}, mail_from="", helo=helo)
    assert (result.result, result.reason, result.scope, result.domain) == ("none", "no_domain", "helo", helo)


@pytest.mark.parametrize(("mail_from", "domain"), [(None, None), ("joe", "joe"), ("joe@[192.0.2.1]", "[192.0.2.1]")])
def test_no_domain_is_none_and_asks_nothing(mail_from: str | None, domain: str | None) -> None:
    resolver = AskingResolver({})
    result = check(resolver, mail_from=mail_from)
    assert (result.result, result.reason, result.domain) == ("none", "no_domain", domain)
    assert not resolver.asked


@pytest.mark.parametrize("ip", [None, "", "unknown", "192.0.2.1.5"])
def test_no_client_is_none_and_asks_nothing(ip: str | None) -> None:
    resolver = AskingResolver({"example.com": PASS})
    assert word(resolver, ip=ip) == "none no_client"
    assert not resolver.asked


def test_u_labels_are_looked_up_as_a_labels() -> None:
    result = check({"xn--bcher-kva.example": PASS}, mail_from="joe@Bücher.example")
    assert (result.result, result.domain) == ("pass", "xn--bcher-kva.example")


def test_u_labels_become_a_labels_in_macros() -> None:
    names = {
        "xn--bcher-kva.example": {"TXT": ["v=spf1 exists:%{o}.%{d}.x.example -all"]},
        "xn--bcher-kva.example.xn--bcher-kva.example.x.example": {"A": ["127.0.0.2"]},
    }
    assert word(names, mail_from="joe@bücher.example") == "pass matched"


def test_a_local_part_beyond_ascii_matches_nothing() -> None:
    # RFC 8616 section 4
    names = record("v=spf1 exists:%{l}.x.example include:%{l}.y.example a:%{L}.z.example -all")
    names["x.example"] = {"A": ["127.0.0.2"]}
    resolver = AskingResolver(names)
    assert word(resolver, mail_from="jürgen@example.com") == "fail matched"
    assert resolver.questions == ["TXT example.com"]


def test_a_redirect_to_a_local_part_beyond_ascii_is_permerror() -> None:
    assert word(record("v=spf1 redirect=%{l}.x.example"), mail_from="jürgen@example.com") == "permerror syntax"


def test_helo_is_unknown_in_macros_where_it_is_not_known() -> None:
    assert (
        word(record("v=spf1 exists:%{h}.x.example", unknown__x__example={"A": ["127.0.0.2"]}), helo=None)
        == "pass matched"
    )


def test_helo_goes_into_macros_as_it_came() -> None:
    names = record("v=spf1 a:%{h} -all")
    names["[192.0.2.1]"] = {"A": ["192.0.2.1"]}
    assert word(names, helo="[192.0.2.1]") == "pass matched"


def test_check_helo_is_its_own_check() -> None:
    result = run_now(check_helo("192.0.2.1", "mail.example.org", zone({"mail.example.org": FAIL}), now=NOW))
    assert result is not None
    assert (result.result, result.scope, result.domain) == ("fail", "helo", "mail.example.org")


def test_check_helo_has_the_local_part_postmaster() -> None:
    names = {
        "mail.example.org": {"TXT": ["v=spf1 exists:%{l}.%{o}.x.example -all"]},
        "postmaster.mail.example.org.x.example": {"A": ["127.0.0.2"]},
    }
    result = run_now(check_helo("192.0.2.1", "mail.example.org", zone(names)))
    assert result is not None
    assert result.result is SpfStatus.PASS


@pytest.mark.parametrize("helo", [None, "", "localhost", "[192.0.2.1]", "192.0.2.1", "-"])
def test_check_helo_without_a_name_is_none(helo: str | None) -> None:
    assert run_now(check_helo("192.0.2.1", helo, zone({}))) is None


def test_a_naive_time_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        run_now(check_spf("192.0.2.1", None, "", zone({}), now=datetime(2026, 11, 24)))  # noqa: DTZ001 - the point


# include


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        ("v=spf1 all", "softfail matched"),
        ("v=spf1 -all", "neutral matched"),
        ("v=spf1 ~all", "neutral matched"),
        ("v=spf1 ?all", "neutral matched"),
        ("v=spf1", "neutral matched"),
        ("v=spf1 foo", "permerror syntax"),
        ("v=spf1 a:dead.example", "temperror dns_failed"),
        ("v=spf1 redirect=pass.example", "softfail matched"),
        ("no record", "permerror include_without_record"),
    ],
)
def test_include(included: str, expected: str) -> None:
    names = record(
        "v=spf1 ~include:b.example ?all", b__example={"TXT": [included]}, dead__example=DEAD, pass__example=PASS
    )
    assert word(names) == expected


def test_include_of_no_name_is_permerror() -> None:
    assert word(record("v=spf1 include:nx.example -all")) == "permerror include_without_record"


def test_include_of_a_failing_name_is_temperror() -> None:
    assert word(record("v=spf1 include:b.example -all", b__example=DEAD)) == "temperror dns_failed"


def test_include_with_a_match_before_it_is_not_asked() -> None:
    assert word(record("v=spf1 ip4:192.0.2.1 include:b.example -all", b__example=DEAD)) == "pass matched"


def test_an_include_evaluates_with_its_own_domain_and_the_same_sender() -> None:
    names = record("v=spf1 include:b.example -all", b__example={"TXT": ["v=spf1 exists:%{l}.%{o}.%{d}.x.example"]})
    names["joe.example.com.b.example.x.example"] = {"A": ["127.0.0.2"]}
    assert word(names) == "pass matched"


def test_the_domain_is_restored_behind_an_include() -> None:
    names = record("v=spf1 include:b.example a -all", b__example=FAIL)
    names["example.com"]["A"] = ["192.0.2.1"]
    assert word(names) == "pass matched"


@pytest.mark.parametrize("target", ["%{h}", "a..%{d}", "%{h}.%{d}"])
def test_include_of_a_malformed_target_is_permerror(target: str) -> None:
    assert (
        word(record(f"v=spf1 include:{target} -all"), helo="OEM.." if "." in target[4:] else "OEM")
        == "permerror syntax"
    )


@pytest.mark.parametrize(
    ("text", "other"), [("include:b.example", "include:example.com"), ("include:example.com", "all")]
)
def test_an_include_loop_is_permerror(text: str, other: str) -> None:
    assert (
        word(record(f"v=spf1 {text} -all", b__example={"TXT": [f"v=spf1 {other} -all"]}))
        == "permerror too_many_lookups"
    )


# redirect


def test_redirect_comes_last_wherever_it_stands() -> None:
    assert word(record("v=spf1 redirect=b.example ip4:192.0.2.1", b__example=FAIL)) == "pass matched"


def test_redirect_takes_the_result_as_it_is() -> None:
    for text, expected in [("-all", "fail matched"), ("~all", "softfail matched"), ("", "neutral no_match")]:
        assert word(record("v=spf1 redirect=b.example", b__example={"TXT": [f"v=spf1 {text}"]})) == expected


def test_redirect_is_ignored_beside_all() -> None:
    assert word(record("v=spf1 redirect=b.example ~all", b__example=FAIL)) == "softfail matched"


def test_redirect_changes_the_domain_and_keeps_the_sender() -> None:
    names = record("v=spf1 redirect=b.example", b__example={"TXT": ["v=spf1 exists:%{s}.%{d}.x.example"]})
    names["joe@example.com.b.example.x.example"] = {"A": ["127.0.0.2"]}
    assert word(names) == "pass matched"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"TXT": ["no record"]}, "permerror redirect_without_record"),
        ({"A": ["192.0.2.1"]}, "permerror redirect_without_record"),
        ({"error": "nxdomain"}, "permerror redirect_without_record"),
        ({"TXT": ["v=spf1", "v=spf1"]}, "permerror several_records"),
        ({"TXT": ["v=spf1 foo"]}, "permerror syntax"),
        ({"error": "timeout"}, "temperror dns_failed"),
    ],
)
def test_redirect_to_no_record(entry: dict[str, object], expected: str) -> None:
    assert word(record("v=spf1 redirect=b.example", b__example=entry)) == expected


@pytest.mark.parametrize("target", ["%{h}", "a..b.example", "a" * 64 + ".example"])
def test_redirect_to_a_malformed_target_is_permerror(target: str) -> None:
    assert word(record(f"v=spf1 redirect={target}"), helo="OEM") == "permerror syntax"


def test_a_redirect_loop_is_permerror() -> None:
    assert word(record("v=spf1 redirect=example.com")) == "permerror too_many_lookups"


# a, mx, exists, ptr


@pytest.mark.parametrize(
    ("term", "ip", "expected"),
    [
        ("a", "192.0.2.1", "pass"),
        ("a", "192.0.2.2", "fail"),
        ("a/31", "192.0.2.0", "pass"),
        ("a/0", "203.0.113.1", "pass"),
        ("a//0", "203.0.113.1", "fail"),
        ("a//0", "2001:db8:f::1", "pass"),
        ("a/0", "2001:db8:f::1", "fail"),
        ("a/24//64", "2001:db8::99", "pass"),
        ("a", "2001:db8::1", "pass"),
        ("a", "::ffff:192.0.2.1", "pass"),
        ("mx", "192.0.2.25", "pass"),
        ("mx", "192.0.2.26", "pass"),
        ("mx", "192.0.2.1", "fail"),
        ("mx/24", "192.0.2.99", "pass"),
        ("mx:none.example", "192.0.2.25", "fail"),
        ("mx:null.example", "192.0.2.25", "fail"),
        ("mx:host.example", "192.0.2.25", "fail"),
        ("exists:host.example", "192.0.2.1", "pass"),
        ("exists:host.example", "2001:db8::1", "pass"),
        ("exists:six.example", "2001:db8::1", "fail"),
        ("exists:nx.example", "192.0.2.1", "fail"),
        ("ptr", "192.0.2.1", "pass"),
        ("ptr:mail.example.com", "192.0.2.1", "pass"),
        ("ptr:MAIL.Example.COM", "192.0.2.1", "pass"),
        ("ptr:l.example.com", "192.0.2.1", "fail"),
        ("ptr:x.mail.example.com", "192.0.2.1", "fail"),
        ("ptr:com", "192.0.2.1", None),
        ("ptr:evil.example", "192.0.2.1", "fail"),
        ("ptr", "192.0.2.2", "fail"),
        ("ptr", "2001:db8::1", "pass"),
        ("a:a..example", "192.0.2.1", "fail"),
        ("mx:a..example", "192.0.2.25", "fail"),
        ("ptr:.example.com", "192.0.2.1", "fail"),
        ("exists:a..example", "192.0.2.1", "fail"),
        ("a:" + "a" * 64 + ".example", "192.0.2.1", "fail"),
    ],
)
def test_mechanisms(term: str, ip: str, expected: str | None) -> None:
    names: Zone = {
        "example.com": {
            "TXT": [f"v=spf1 {term} -all"],
            "A": ["198.51.100.1", "192.0.2.1"],
            "AAAA": ["2001:db8::1"],
            "MX": [[20, "b.example"], [10, "host.example"]],
        },
        "host.example": {"A": ["192.0.2.25"]},
        "b.example": {"A": ["192.0.2.26"]},
        "none.example": {"TXT": ["x"]},
        "null.example": {"MX": [[0, "."]], "A": ["192.0.2.25"]},
        "six.example": {"AAAA": ["2001:db8::1"]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["evil.example.", "Mail.Example.com."]},
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["mail.example.com"]},
        "mail.example.com": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
        "evil.example": {"A": ["203.0.113.6"]},
    }
    assert word(names, ip=ip) == (f"{expected} matched" if expected else "permerror syntax")


@pytest.mark.parametrize("term", ["a:dead.example", "mx:dead.example", "mx:half.example", "exists:dead.example"])
def test_a_dns_failure_inside_a_mechanism_is_temperror(term: str) -> None:
    names = record(f"v=spf1 {term} +all", dead__example=DEAD, half__example={"MX": [[10, "dead.example"]]})
    assert word(names) == "temperror dns_failed"


def test_a_dns_failure_behind_a_match_is_not_met() -> None:
    names = record("v=spf1 mx -all", dead__example=DEAD, host__example={"A": ["192.0.2.1"]})
    names["example.com"]["MX"] = [[20, "dead.example"], [10, "host.example"]]
    assert word(names) == "pass matched"


def test_a_failing_reverse_lookup_does_not_match() -> None:
    names = record("v=spf1 ptr -all")
    names["1.2.0.192.in-addr.arpa"] = DEAD
    assert word(names) == "fail matched"


def test_a_reverse_name_that_fails_is_skipped() -> None:
    names = record("v=spf1 ptr -all", dead__example=DEAD, mail__example__com={"A": ["192.0.2.1"]})
    names["1.2.0.192.in-addr.arpa"] = {"PTR": ["dead.example", "mail.example.com"]}
    assert word(names) == "pass matched"


# The macro p


@pytest.mark.parametrize(
    ("pointers", "name"),
    [
        (["z.example", "sub.example.com", "example.com"], "example.com"),
        (["z.example", "sub.example.com"], "sub.example.com"),
        (["z.example"], "z.example"),
        (["liar.example"], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_validated_name(pointers: list[str], name: str) -> None:
    names = record(
        "v=spf1 exists:%{p}.x.example -all", z__example={"A": ["192.0.2.1"]}, liar__example={"A": ["192.0.2.9"]}
    )
    names["sub.example.com"] = {"A": ["192.0.2.1"]}
    names["example.com"]["A"] = ["192.0.2.1"]
    names["1.2.0.192.in-addr.arpa"] = {"PTR": pointers}
    names[name + ".x.example"] = {"A": ["127.0.0.2"]}
    assert word(names) == "pass matched"


def test_the_validated_name_is_unknown_after_a_dns_failure() -> None:
    names = record("v=spf1 exists:%{p}.x.example -all", unknown__x__example={"A": ["127.0.0.2"]})
    names["1.2.0.192.in-addr.arpa"] = DEAD
    assert word(names) == "pass matched"


def test_the_reverse_lookup_is_asked_once() -> None:
    resolver = AskingResolver(record("v=spf1 ptr exists:%{p}.%{p}.x.example -all exp=%{p}.y.example"))
    result = check(resolver)
    assert [each for each in resolver.questions if each.startswith("PTR")] == ["PTR 192.0.2.1"]
    assert (result.result, result.lookups) == ("fail", 3)


# What the result tells


def test_matched_names_the_way_to_the_term() -> None:
    names = record(
        "v=spf1 Include:b.example -all",
        b__example={"TXT": ["v=spf1 redirect=c.example"]},
        c__example={"TXT": ["v=spf1 include:d.example"]},
        d__example={"TXT": ["v=spf1 +IP4:192.0.2.0/24 -all"]},
    )
    result = check(names)
    assert result.matched == "Include:b.example > redirect=c.example > include:d.example > +IP4:192.0.2.0/24"
    assert (result.lookups, result.void_lookups, result.record) == (3, 0, "v=spf1 Include:b.example -all")


def test_matched_of_the_own_record_is_the_term_as_written() -> None:
    assert check(record("v=spf1 mx -ALL")).matched == "-ALL"


def test_trace_tells_each_question_in_order() -> None:
    names = record("v=spf1 a mx include:b.example", b__example={"TXT": ["v=spf1 ip4:192.0.2.1"]})
    names["example.com"]["MX"] = [[10, "b.example"]]
    assert check(names).trace == (
        SpfLookup("TXT", "example.com", Outcome.FOUND, False, ""),
        SpfLookup("A", "example.com", Outcome.NODATA, True, "a"),
        SpfLookup("MX", "example.com", Outcome.FOUND, False, "mx"),
        SpfLookup("A", "b.example", Outcome.NODATA, True, "mx"),
        SpfLookup("TXT", "b.example", Outcome.FOUND, False, "include:b.example"),
    )


def test_trace_holds_just_the_questions_asked() -> None:
    resolver = AskingResolver(record("v=spf1 ptr mx a:%{p}.example exists:%{i}.example -all exp=e.example.com"))
    result = check(resolver)
    assert [f"{lookup.kind} {lookup.name}" for lookup in result.trace] == resolver.questions


def test_a_malformed_record_is_shown() -> None:
    assert check(record(b"v=spf1 \xff")).record == "v=spf1 \\xff"


@pytest.mark.parametrize(
    ("names", "detail"),
    [
        (record("v=spf1 foo\n"), "'foo\\n' is no mechanism"),
        (record("v=spf1 include:b.example"), "include:b.example: 'b.example' has no SPF record"),
        (record("v=spf1 redirect=b.example"), "redirect=b.example > 'b.example' has no SPF record"),
        (record("v=spf1 a:b.example", b__example=DEAD), "a:b.example: A 'b.example': servfail"),
        ({"example.com": DEAD}, "TXT 'example.com': servfail"),
        (record("v=spf1"), "no term of 'example.com' matches"),
    ],
)
def test_detail_says_what_was_wrong_in_printable_ascii(names: Zone, detail: str) -> None:
    result = check(names)
    assert detail in result.detail
    assert re.fullmatch(r"[ -~]*", result.detail)


def test_secure_needs_every_answer() -> None:
    names = record("v=spf1 include:b.example a -all", b__example=FAIL)
    assert check(AskingResolver(names, secure=frozenset({"example.com", "b.example"}))).secure
    assert not check(AskingResolver(names, secure=frozenset({"example.com"}))).secure
    assert not check({}, mail_from=None).secure


def reason_of(names: Zone, *, ip: str = "192.0.2.1", mail_from: str = "joe@example.com") -> SpfReason:
    """The reason of a check."""
    return check(names, ip=ip, mail_from=mail_from).reason


def test_every_reason_can_be_had() -> None:
    eleven = {f"x{number}.example": {"A": ["192.0.2.9"]} for number in range(11)}
    found = {
        reason_of(record("v=spf1 all")),
        reason_of(record("v=spf1")),
        reason_of({"example.com": {"TXT": ["x"]}}),
        reason_of({}),
        reason_of({}, mail_from="joe"),
        reason_of({}, ip="?"),
        reason_of({"example.com": {"TXT": ["v=spf1", "v=spf1"]}}),
        reason_of(record("v=spf1 foo")),
        reason_of({**record("v=spf1 " + " ".join(f"a:{name}" for name in eleven)), **eleven}),
        reason_of(record("v=spf1 a:a.example a:b.example a:c.example")),
        reason_of({**record("v=spf1 mx:m.example"), "m.example": {"MX": [[1, name] for name in eleven]}}),
        reason_of(record("v=spf1 include:b.example")),
        reason_of(record("v=spf1 redirect=b.example")),
        reason_of({"example.com": DEAD}),
    }
    # a gateway reports this one (tests/flow/test_transit.py)
    assert found == set(SpfReason) - {SpfReason.REPORTED}


def test_detail_is_bounded_and_printable_whatever_dns_says() -> None:
    result = check(record("v=spf1 include:" + "x" * 16_000 + ".example"))
    assert re.fullmatch(r"[ -~]{1,500}", result.detail)
