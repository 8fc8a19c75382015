"""What macros expand to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inalign.spf.identity import Client, find_client
from inalign.spf.macros import (
    MAX_EXPLANATION_OCTETS,
    MacroError,
    Variables,
    cut_left,
    expand_explanation,
    expand_target,
    is_queryable,
    parse_domain_spec,
    parse_explain_string,
)


def client(text: str) -> Client:
    found = find_client(text)
    assert found is not None
    return found


KNOWN = Variables(
    client=client("192.0.2.3"),
    local_part="strong-bad",
    sender_domain="email.example.com",
    domain="email.example.com",
    helo="mx.example.org",
    receiver="mail.example.net",
    now=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    validated_name="mx.example.org",
)
KNOWN6 = replace(KNOWN, client=client("2001:db8::cb01"))


def explain(text: str, known: Variables = KNOWN) -> str | None:
    return expand_explanation(parse_explain_string(text), known)


def target(text: str, known: Variables = KNOWN) -> str | None:
    return expand_target(parse_domain_spec(text), known)


# RFC 7208 section 7.4
@pytest.mark.parametrize(
    ("macro", "expansion"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ],
)
def test_examples_of_the_rfc(macro: str, expansion: str) -> None:
    assert target(macro) == expansion
    assert explain(macro) == expansion


def test_example_of_the_rfc_for_ipv6() -> None:
    found = target("%{ir}.%{v}._spf.%{d2}", KNOWN6)
    assert found is not None
    assert found.lower() == "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"


@pytest.mark.parametrize(
    ("macro", "expansion"),
    [
        ("%{h}", "mx.example.org"),
        ("%{p}", "mx.example.org"),
        ("%{v}", "in-addr"),
        ("%{D2}", "example.com"),
        ("%{dR}", "com.example.email"),
        ("%{d007}", "email.example.com"),
        ("%{d127}", "email.example.com"),
        ("%{d99999999999999999999}", "email.example.com"),
        ("%{s2}", "example.com"),
        ("%{l.}", "strong-bad"),
        ("%{i+}", "192.0.2.3"),
        ("a%%b%_c%-d.example.com", "a%b c%20d.example.com"),
        ("foo.example.com.", "foo.example.com"),
        ("%{d}.example.com.", "email.example.com.example.com"),
    ],
)
def test_macros(macro: str, expansion: str) -> None:
    assert target(macro) == expansion


def test_any_of_several_delimiters_splits() -> None:
    known = replace(KNOWN, local_part="a+b-c.d_e=f,g/h")
    assert target("%{l+-}", known) == "a.b.c.d_e=f,g/h"
    assert target("%{l2+-}", known) == "b.c.d_e=f,g/h"
    assert target("%{lr.-+,/_=}", known) == "h.g.f.e.d.c.b.a"


def test_delimiters_replace_the_dot() -> None:
    assert target("%{d1-}") == "email.example.com"
    assert target("%{l1-}", replace(KNOWN, local_part="a.b-c.d")) == "c.d"


def test_empty_parts_stay() -> None:
    # RFC 7208 section 7.3: no special treatment for leading, trailing or consecutive delimiters
    known = replace(KNOWN, local_part="-a--b-")
    assert explain("%{l-}", known) == ".a..b."
    assert explain("%{l2-}", known) == "b."
    assert explain("%{lr-}", known) == ".b..a."


def test_upper_case_is_url_escaped_after_the_transformation() -> None:
    known = replace(KNOWN, local_part="~jack&jill=up-a_b3.c")
    assert explain("%{L}", known) == "~jack%26jill%3Dup-a_b3.c"
    assert explain("%{S}") == "strong-bad%40email.example.com"
    assert explain("%{L1=}", known) == "up-a_b3.c"


def test_letters_of_the_explanation() -> None:
    assert explain("%{c} %{r} %{t}") == "192.0.2.3 mail.example.net 1795521600"
    assert explain("%{c} %{i}", KNOWN6) == "2001:db8::cb01 " + ".".join("20010DB800000000000000000000CB01")
    assert explain("%{C}", KNOWN6) == "2001%3Adb8%3A%3Acb01"


def test_an_unknown_time_gives_no_explanation() -> None:
    assert explain("at %{t}", replace(KNOWN, now=None)) is None


@pytest.mark.parametrize("local_part", ["jürgen", "a\r\nb", "tab\there", "nul\0", "x" * 1025, "\udcff"])
def test_a_value_that_can_be_no_label_gives_no_target(local_part: str) -> None:
    # RFC 8616 section 4
    known = replace(KNOWN, local_part=local_part)
    for macro in ("%{l}", "%{L}", "%{l1r-}", "%{s}.example.com"):
        assert target(macro, known) is None
        assert explain(macro, known) is None
    assert target("%{o}", known) == "email.example.com"


def test_a_target_is_cut_from_the_left_at_a_label() -> None:
    known = replace(KNOWN, sender_domain="somewhat.long.exp.example.com")
    found = target("foobar." + "%{o}." * 8 + "example.com", known)
    assert found == "somewhat.long.exp.example.com." * 8 + "example.com"
    assert len(found) <= 253


@pytest.mark.parametrize("octets", range(250, 258))
def test_exactly_253_octets_stay(octets: int) -> None:
    whole = ("a" * 9 + ".") * 30 + "com"
    name = whole[-octets:]
    found = target(name if name[0] != "." else "b" + name)
    assert found is not None
    assert len(found) <= 253
    assert whole.endswith(found)
    assert found == cut_left(name if name[0] != "." else "b" + name)


def test_a_single_long_label_cannot_be_cut() -> None:
    found = cut_left("a" * 300)
    assert not is_queryable(found)


def test_only_the_right_end_of_a_target_is_built() -> None:
    known = replace(KNOWN, local_part="x" * 1000)
    found = target("%{l}." * 200 + "example.com", known)
    assert found == "example.com"


def test_an_explanation_is_cut_at_its_limit() -> None:
    found = explain("%{o}" * 200)
    assert found is not None
    assert len(found) == MAX_EXPLANATION_OCTETS


@pytest.mark.parametrize("text", ["100% true", "%{x}", "%{d0}", "tab\there", "new\nline", "caf\xe9", "%(d)"])
def test_an_explanation_with_a_syntax_error_is_refused(text: str) -> None:
    with pytest.raises(MacroError):
        parse_explain_string(text)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("example.com", True),
        ("com", True),
        ("foo:bar/baz.example.com", True),
        ("a" * 63 + ".com", True),
        ("a" * 64 + ".com", False),
        ("", False),
        (".com", False),
        ("a..com", False),
        ("com.", False),
        (".".join(["a" * 63] * 4), False),
        (".".join(["a" * 63] * 3 + ["b" * 61]), True),
    ],
)
def test_queryable_names(name: str, verdict: bool) -> None:
    assert is_queryable(name) is verdict
