"""`exp=`, RFC 7208 section 6.2."""

from __future__ import annotations

import pytest

from inalign.spf.macros import MAX_EXPLANATION_OCTETS
from tests.spf.material import check, record

EXP = "v=spf1 -all exp=e.example.com"


def explained(text: str | bytes, mail_from: str = "joe@example.com", helo: str = "mail.example.org") -> str | None:
    """The explanation for a fail whose text is this."""
    names = record(EXP, e__example__com={"TXT": [text]})
    return check(names, mail_from=mail_from, helo=helo, default_explanation="DEFAULT").explanation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail from example.com comes from its own servers.", "Mail from example.com comes from its own servers."),
        ("%{i} is not one of %{d}'s mail servers", "192.0.2.1 is not one of example.com's mail servers"),
        (
            "See http://%{d}/why.html?s=%{S}&i=%{I}&h=%{h}",
            "See http://example.com/why.html?s=joe%40example.com&i=192.0.2.1&h=mail.example.org",
        ),
        ("%{c} %{r} %{t} %{v} %{p}", "192.0.2.1 mx.receiver.example 1795521600 in-addr unknown"),
        ("100%% a%_b%-c", "100% a b%20c"),
        ("  spaces  stay  ", "  spaces  stay  "),
        ("", ""),
    ],
)
def test_the_text_is_expanded(text: str, expected: str) -> None:
    assert explained(text) == expected


@pytest.mark.parametrize(
    "text",
    [b"caf\xc3\xa9", b"caf\xe9", "100% true", "%{x}", "%{l", "a\tb", "a\r\n250 ok", "nul\0", "\x1b[31m", "del\x7f"],
)
def test_a_text_that_is_no_explain_string_gives_the_default(text: str | bytes) -> None:
    assert explained(text) == "DEFAULT"


@pytest.mark.parametrize(
    ("mail_from", "helo"),
    [
        ("joe\r\nRCPT TO@example.com", "mail"),
        ("jürgen@example.com", "mail"),
        ("joe@example.com", "a\r\nb"),
        ("joe@example.com", "é"),
    ],
)
def test_identities_cannot_smuggle_anything_in(mail_from: str, helo: str) -> None:
    assert explained("%{l} %{h}", mail_from, helo) == "DEFAULT"


def test_a_long_explanation_is_cut() -> None:
    text = explained("x" * 2000)
    assert text == "x" * MAX_EXPLANATION_OCTETS


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"A": ["192.0.2.1"]},
        {"TXT": ["one", "two"]},
        {"TXT": ["one", "one"]},
        {"error": "timeout"},
        {"error": "servfail"},
        {"error": "nxdomain"},
    ],
)
def test_anything_but_one_record_gives_the_default(entry: dict[str, object]) -> None:
    result = check(record(EXP, e__example__com=entry), default_explanation="DEFAULT")
    assert (result.result, result.explanation) == ("fail", "DEFAULT")


@pytest.mark.parametrize("target", ["a..example.com", "a" * 64 + ".example.com", "%{l}.example.com"])
def test_a_malformed_target_gives_the_default(target: str) -> None:
    result = check(record(f"v=spf1 -all exp={target}"), mail_from="é@example.com", default_explanation="DEFAULT")
    assert (result.result, result.explanation) == ("fail", "DEFAULT")


def test_without_exp_the_default_is_given() -> None:
    assert check(record("v=spf1 -all"), default_explanation="DEFAULT").explanation == "DEFAULT"
    assert check(record("v=spf1 -all")).explanation is None


@pytest.mark.parametrize("text", ["v=spf1 all", "v=spf1 ~all", "v=spf1 ?all", "v=spf1", "v=spf1 foo"])
def test_only_fail_is_explained(text: str) -> None:
    names = record(f"{text} exp=e.example.com", e__example__com={"TXT": ["no"]})
    result = check(names, default_explanation="DEFAULT")
    assert result.explanation is None
    assert not [lookup for lookup in result.trace if lookup.name == "e.example.com"]


def test_any_term_with_minus_is_explained() -> None:
    names = record("v=spf1 -ip4:192.0.2.1 exp=e.example.com ?all", e__example__com={"TXT": ["no"]})
    assert check(names).explanation == "no"


def test_an_included_explanation_is_not_used() -> None:
    names = record("v=spf1 -include:b.example all exp=e.example.com", e__example__com={"TXT": ["mine"]})
    names["b.example"] = {"TXT": ["v=spf1 all exp=f.example"]}
    names["f.example"] = {"TXT": ["theirs"]}
    assert check(names).explanation == "mine"


def test_after_a_redirect_the_explanation_of_the_target_counts() -> None:
    names = record("v=spf1 redirect=b.example exp=e.example.com", e__example__com={"TXT": ["mine"]})
    names["b.example"] = {"TXT": ["v=spf1 -all exp=f.%{d}"]}
    names["f.b.example"] = {"TXT": ["%{d} %{o} %{l}"]}
    assert check(names).explanation == "b.example example.com joe"
    names["b.example"] = {"TXT": ["v=spf1 -all"]}
    assert check(names, default_explanation="DEFAULT").explanation == "DEFAULT"


def test_the_explanation_keeps_the_case_of_the_sender() -> None:
    assert explained("%{s} %{o} %{d}", "Joe@Example.COM") == "Joe@Example.COM Example.COM Example.COM"
