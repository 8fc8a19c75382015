"""Domain names as values."""

from __future__ import annotations

import pytest

from inalign.mail.domain import DomainError, is_same_or_below, parent, parse_domain, parse_domain_list, to_unicode


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("_dmarc.example.org", "_dmarc.example.org"),
        ("a_b.example.org", "a_b.example.org"),
        ("com", "com"),
        ("1.2.3.4", "1.2.3.4"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("a" * 63 + ".org", "a" * 63 + ".org"),
    ],
)
def test_name(text: str, name: str) -> None:
    assert parse_domain(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "a..b", ".a", "a..", "-a.org", "a-.org", "a b.org", "a\0.org", "a\n.org", "[192.0.2.1]",
        "a@b", "a'b.org",
        "a(b).org", 'a"b.org', "a;b.org", "a/b.org", "a" * 64 + ".org", "a." * 127 + "aa", "x" * 5000,
        "\ud800.org", "a\xad..org",
    ],
)  # fmt: skip
def test_no_name(text: str) -> None:
    with pytest.raises(DomainError):
        parse_domain(text)


def test_relations() -> None:
    a, b = parse_domain("a.example.org"), parse_domain("example.org")
    assert is_same_or_below(a, b)
    assert is_same_or_below(b, b)
    assert not is_same_or_below(b, a)
    assert not is_same_or_below(parse_domain("badexample.org"), b)
    assert parent(a) == b
    assert parent(parse_domain("org")) is None


def test_name_for_human_eyes() -> None:
    assert to_unicode(parse_domain("xn--bcher-kva.example")) == "bücher.example"
    assert to_unicode(parse_domain("xn--a.example")) == "xn--a.example"  # no A-label: it stays


def test_a_listed_domain_is_that_name_and_a_dot_stands_for_those_below() -> None:
    listed = parse_domain_list(["Example.ORG", ".example.net", "grüße.example"])
    assert "example.org" in listed
    assert "a.b.example.net" in listed
    assert "xn--gre-6ka8l.example" in listed
    for name in ("a.example.org", "example.net", "notexample.net", "org", ""):
        assert name not in listed


def test_an_empty_list_is_false_and_holds_nothing() -> None:
    assert not parse_domain_list([])
    assert "example.org" not in parse_domain_list([])


@pytest.mark.parametrize("entry", ["", ".", "..example.org", "a b", "example..org", "*.example.org"])
def test_an_entry_that_is_no_domain_is_refused(entry: str) -> None:
    with pytest.raises(DomainError):
        parse_domain_list([entry])
