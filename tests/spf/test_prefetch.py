"""The questions that are named ahead."""

from __future__ import annotations

import pytest

from tests.spf.material import AskingResolver, Zone, check, record


def expected(names: Zone, ip: str = "192.0.2.1", mail_from: str = "joe@example.com") -> list[list[str]]:
    """The groups of questions that the resolver was told to expect."""
    resolver = AskingResolver(names)
    check(resolver, ip=ip, mail_from=mail_from)
    return [[f"{question.kind} {question.name}" for question in group] for group in resolver.expected]


@pytest.mark.parametrize(
    ("terms", "ahead"),
    [
        ("include:a.example include:b.example -all", ["TXT a.example", "TXT b.example"]),
        ("a mx:m.example redirect=c.example", ["A example.com", "MX m.example", "TXT c.example"]),
        ("a ptr -all", ["A example.com", "PTR 192.0.2.1"]),
        ("a:%{d2}.x.example include:%{l}.y.example", ["A example.com.x.example", "TXT joe.y.example"]),
        ("a exists:e.example mx", ["A example.com", "MX example.com"]),
        ("a include:%{p}.example mx", ["A example.com", "MX example.com"]),
        ("a a:a..example mx", ["A example.com", "MX example.com"]),
        ("a mx redirect=c.example -all", ["A example.com", "MX example.com"]),
        ("a mx ip4:192.0.2.0/24 include:b.example redirect=c.example", ["A example.com", "MX example.com"]),
        ("a ip4:203.0.113.0/24 ip6:::/0 mx", ["A example.com", "MX example.com"]),
    ],
)
def test_prefetch_questions(terms: str, ahead: list[str]) -> None:
    assert expected(record(f"v=spf1 {terms}"))[0] == ahead


@pytest.mark.parametrize(
    "terms", ["include:a.example -all", "redirect=a.example", "ip4:192.0.2.1 a mx", "all a mx", "exists:a.example a"]
)
def test_a_single_question_is_not_worth_naming(terms: str) -> None:
    assert expected(record(f"v=spf1 {terms}")) == []


def test_addresses_are_of_the_version_of_the_client() -> None:
    assert expected(record("v=spf1 a a:b.example"), ip="2001:db8::1") == [["AAAA example.com", "AAAA b.example"]]


def test_exchanges_and_reverse_names_are_named() -> None:
    names = record("v=spf1 mx ptr")
    names["example.com"]["MX"] = [[10, "b.example"], [5, "a.example"]]
    names["1.2.0.192.in-addr.arpa"] = {"PTR": ["x.example", "y.example"]}
    assert expected(names) == [
        ["MX example.com", "PTR 192.0.2.1"],
        ["A a.example", "A b.example"],
        ["A x.example", "A y.example"],
    ]


def test_no_more_than_the_limit_is_named() -> None:
    (ahead,) = expected(record("v=spf1 " + " ".join(f"include:i{n}.example" for n in range(500))))
    assert len(ahead) == 10


def test_an_included_record_names_its_own() -> None:
    names = record("v=spf1 include:b.example include:c.example", b__example={"TXT": ["v=spf1 a:%{d} mx"]})
    assert expected(names)[1] == ["A b.example", "MX b.example"]


def test_naming_counts_toward_no_limit() -> None:
    result = check(record("v=spf1 a:a.example ip4:192.0.2.1 a:b.example a:c.example"))
    assert (result.lookups, result.void_lookups) == (1, 1)
