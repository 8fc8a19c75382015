"""RFC 7208 section 4.6.4."""

from __future__ import annotations

import pytest

from inalign.spf import SpfLimits
from tests.spf.material import AskingResolver, check, record

OTHER: dict[str, object] = {"A": ["203.0.113.1"]}


def chain(terms: int, last: str) -> dict[str, dict[str, object]]:
    """A record with so many `a` terms that match nothing, then `last`."""
    names = record("v=spf1 " + "a:other.example " * terms + last)
    names["other.example"] = dict(OTHER)
    return names


def test_tenth_lookup_is_evaluated() -> None:
    result = check(chain(10, "ip4:192.0.2.1"))
    assert (result.result, result.lookups) == ("pass", 10)


def test_eleventh_lookup_is_permerror() -> None:
    result = check(chain(11, "ip4:192.0.2.1"))
    assert (result.result, result.reason, result.lookups) == ("permerror", "too_many_lookups", 11)


def test_the_eleventh_term_is_not_asked() -> None:
    resolver = AskingResolver(chain(11, "-all"))
    check(resolver)
    assert len(resolver.asked) == 11  # the record, and ten terms


def test_a_match_before_the_eleventh_term_counts() -> None:
    names = chain(9, "a a:other.example a:other.example -all")
    names["example.com"]["A"] = ["192.0.2.1"]
    assert check(names).result == "pass"


@pytest.mark.parametrize("term", ["include:b.example", "mx:b.example", "ptr:b.example", "exists:b.example", "a:%{d}"])
def test_each_costly_term_counts(term: str) -> None:
    names = record(f"v=spf1 {term} -all", b__example={"TXT": ["v=spf1"], "MX": [[1, "c.example"]], "A": []})
    assert check(names).lookups == 1


def test_redirect_counts() -> None:
    assert check(record("v=spf1 redirect=b.example", b__example={"TXT": ["v=spf1 -all"]})).lookups == 1


def test_free_terms_do_not_count() -> None:
    names = record("v=spf1 " + "ip4:198.51.100.1 ip6:2001:db8::1 x=y " * 20 + "-all exp=e.example")
    assert check(names).lookups == 0


def test_included_terms_count_in_one_sum() -> None:
    names = record("v=spf1 include:b.example a:other.example ip4:192.0.2.1", other__example=OTHER)
    names["b.example"] = {"TXT": ["v=spf1 " + "a:other.example " * 8]}
    assert check(names).result == "pass"
    names["b.example"] = {"TXT": ["v=spf1 " + "a:other.example " * 9]}
    assert check(names).reason == "too_many_lookups"


def test_a_term_with_a_malformed_target_counts() -> None:
    assert check(record("v=spf1 a:a..example -all")).lookups == 1


def test_the_macro_p_counts_besides_its_term() -> None:
    assert check(record("v=spf1 exists:%{p}.x.example -all")).lookups == 2
    assert check(chain(9, "exists:%{p}.x.example -all")).reason == "too_many_lookups"


def test_the_macro_p_of_an_explanation_does_not_count() -> None:
    names = record("v=spf1 -all exp=e.example.com", e__example__com={"TXT": ["%{p}"]})
    result = check(names)
    assert (result.lookups, result.void_lookups, result.explanation) == (0, 0, "unknown")


def test_ten_exchanges_are_looked_up() -> None:
    names = record("v=spf1 mx -all", other__example=OTHER, last__example={"A": ["192.0.2.1"]})
    names["example.com"]["MX"] = [[20, "last.example"], *([10, "other.example"] for _ in range(9))]
    assert check(names).result == "pass"


def test_eleven_exchanges_are_permerror_even_with_a_match() -> None:
    names = record("v=spf1 mx -all", first__example={"A": ["192.0.2.1"]}, other__example=OTHER)
    names["example.com"]["MX"] = [[1, "first.example"], *([10, "other.example"] for _ in range(10))]
    resolver = AskingResolver(names)
    result = check(resolver)
    assert (result.result, result.reason) == ("permerror", "too_many_addresses")
    assert resolver.questions == ["TXT example.com", "MX example.com"]


def test_one_exchange_with_many_addresses_is_one_lookup() -> None:
    names = record("v=spf1 mx -all", m__example={"A": [f"198.51.100.{n}" for n in range(50)] + ["192.0.2.1"]})
    names["example.com"]["MX"] = [[1, "m.example"]]
    assert check(names).result == "pass"


@pytest.mark.parametrize(("before", "expected"), [(9, "pass"), (10, "fail")])
def test_reverse_names_behind_the_tenth_are_ignored(before: int, expected: str) -> None:
    names = record("v=spf1 ptr -all", mail__example__com={"A": ["192.0.2.1"]})
    names["1.2.0.192.in-addr.arpa"] = {"PTR": [f"n{n}.example" for n in range(before)] + ["mail.example.com"]}
    assert check(names).result == expected


def test_two_void_lookups_are_allowed() -> None:
    result = check(record("v=spf1 a:a.example a:b.example ip4:192.0.2.1"))
    assert (result.result, result.void_lookups) == ("pass", 2)


@pytest.mark.parametrize("third", ["a:c.example", "mx:c.example", "exists:c.example", "ptr", "include:c.example"])
def test_third_void_lookup_is_permerror(third: str) -> None:
    result = check(record(f"v=spf1 a:a.example mx:b.example {third} ip4:192.0.2.1"))
    assert (result.result, result.reason, result.void_lookups) == ("permerror", "too_many_void_lookups", 3)


def test_no_data_and_no_name_are_void_alike() -> None:
    names = record("v=spf1 a:a.example a:b.example a:c.example all", b__example={"TXT": ["x"]})
    assert check(names).reason == "too_many_void_lookups"


def test_void_lookups_count_by_term() -> None:
    # RFC 7208 section 4.6.4 speaks of terms: an IPv6 client meets three IPv4-only exchanges in one void term
    names = record("v=spf1 mx include:b.example -all", b__example={"TXT": ["v=spf1 ip6:2001:db8::/32 -all"]})
    names["example.com"]["MX"] = [[n, f"m{n}.example"] for n in range(3)]
    for n in range(3):
        names[f"m{n}.example"] = {"A": ["192.0.2.1"]}
    result = check(names, ip="2001:db8::1")
    assert (result.result, result.void_lookups) == ("pass", 1)


def test_reverse_names_without_an_address_are_not_void() -> None:
    names = record("v=spf1 ptr a:a.example -all")
    names["1.2.0.192.in-addr.arpa"] = {"PTR": [f"n{n}.example" for n in range(10)]}
    result = check(names)
    assert (result.result, result.void_lookups) == ("fail", 1)


def test_the_first_lookup_and_the_explanation_are_not_void() -> None:
    assert check({}).void_lookups == 0
    assert check(record("v=spf1 -all exp=nx.example")).void_lookups == 0


def test_limits_can_be_set() -> None:
    names = record("v=spf1 a:a.example a:b.example a:c.example -all")
    assert check(names, limits=SpfLimits(void_lookups=3)).result == "fail"
    assert check(names, limits=SpfLimits(terms=1)).reason == "too_many_lookups"
    assert check(names, limits=SpfLimits(void_lookups=0)).reason == "too_many_void_lookups"


def test_nesting_has_a_limit_of_its_own() -> None:
    names = {f"d{n}.example": {"TXT": [f"v=spf1 include:d{n + 1}.example"]} for n in range(30)}
    result = check(names, mail_from="joe@d0.example", limits=SpfLimits(terms=100))
    assert (result.reason, "nest too deep" in result.detail) == ("too_many_lookups", True)


def test_the_costliest_record_asks_a_bounded_number_of_questions() -> None:
    names = record("v=spf1 " + "mx:m.example " * 12 + "-all")
    names["m.example"] = {"MX": [[n, f"h{n}.example"] for n in range(10)]}
    names |= {f"h{n}.example": dict(OTHER) for n in range(10)}
    resolver = AskingResolver(names)
    assert check(resolver).reason == "too_many_lookups"
    assert len(resolver.asked) == 1 + 10 * 11


def test_a_record_of_many_kilobytes_in_many_strings_is_evaluated() -> None:
    text = "v=spf1 " + "ip4:198.51.100.1 " * 900 + "ip4:192.0.2.1 -all"
    assert check(record(text)).result == "pass"


def test_a_record_over_the_limit_is_permerror() -> None:
    text = "v=spf1 ip4:192.0.2.1 " + "ip4:198.51.100.1 " * 1000 + "-all"
    assert check(record(text)).reason == "syntax"
