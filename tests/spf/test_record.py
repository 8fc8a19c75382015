"""The grammar of records, and their printed form."""

from __future__ import annotations

import pytest

from inalign.errors import ParseError
from inalign.spf import SpfRecordError, parse_spf_record
from inalign.spf.record import MAX_RECORD_OCTETS
from inalign.spf.terms import A, Ip4, Ip6, Modifier, Mx, Qualifier
from tests.helpers import VECTORS

GRAMMAR = [line.split("\t") for line in (VECTORS / "spf/grammar.tsv").read_text("utf-8").splitlines()]


def octets(escaped: str) -> bytes:
    r"""`\t`, `\r`, `\n`, `\0` and `\xNN` stand for octets."""
    return escaped.encode("ascii").decode("unicode_escape").encode("latin-1")


@pytest.mark.parametrize(("verdict", "record", "rule"), GRAMMAR, ids=[f"{row[0]} {row[1]}" for row in GRAMMAR])
def test_grammar(verdict: str, record: str, rule: str) -> None:
    assert rule.startswith("RFC ")
    if verdict == "ok":
        parsed = parse_spf_record(octets(record))
        assert parse_spf_record(str(parsed)) == parsed
    else:
        with pytest.raises(SpfRecordError):
            parse_spf_record(octets(record))


def test_a_record_error_is_a_parse_error_and_a_value_error() -> None:
    assert issubclass(SpfRecordError, ParseError)
    assert issubclass(SpfRecordError, ValueError)


def test_text_and_octets_read_alike() -> None:
    assert parse_spf_record("v=spf1 mx -all") == parse_spf_record(b"v=spf1 mx -all")


def test_terms_keep_their_order_and_text() -> None:
    record = parse_spf_record("v=spf1 X=1 +MX/24 -aLL exp=e.example.com")
    assert [term.text for term in record.terms] == ["X=1", "+MX/24", "-aLL", "exp=e.example.com"]


def test_normal_form() -> None:
    record = parse_spf_record(
        "V=SPF1  +A/32  MX:Example.com./24//128 ?IP4:192.0.2.0/24 ip6:2001:DB8:0::/32 PTR ~ALL X=y "
    )
    assert str(record) == "v=spf1 a mx:Example.com./24 ?ip4:192.0.2.0/24 ip6:2001:db8::/32 ptr ~all x=y"


def test_redirect_is_void_beside_all() -> None:
    record = parse_spf_record("v=spf1 redirect=a.example.com ?all")
    assert record.redirect is None
    assert len(record.terms) == 2


def test_mechanisms_behind_all_are_left_out() -> None:
    assert [str(each) for each in parse_spf_record("v=spf1 a -all mx").mechanisms] == ["a", "-all"]


def test_costly_terms_are_counted() -> None:
    record = parse_spf_record(
        "v=spf1 a mx ptr include:a.example.com exists:b.example.com ip4:192.0.2.1 redirect=c.example.com"
    )
    assert record.costly == 6
    assert parse_spf_record("v=spf1 a ip6:::1 -all mx redirect=c.example.com exp=d.example.com").costly == 1


def test_numbers_are_read_as_numbers() -> None:
    ip4, ip6, a, mx = parse_spf_record("v=spf1 -ip4:0.0.1.2/23 ip6:::7/126 a/0 ~mx//1").terms
    assert ip4 == Ip4(Qualifier.FAIL, network=258, prefix=23)
    assert ip6 == Ip6(network=7, prefix=126)
    assert a == A(target=None, prefix4=0)
    assert mx == Mx(Qualifier.SOFTFAIL, target=None, prefix6=1)


def test_unknown_modifiers_are_kept() -> None:
    (term,) = parse_spf_record("v=spf1 RA=postmaster").terms
    assert isinstance(term, Modifier)
    assert (term.name, str(term.value)) == ("ra", "postmaster")


def test_a_record_over_the_limit_is_refused() -> None:
    with pytest.raises(SpfRecordError):
        parse_spf_record("v=spf1 " + "a" * MAX_RECORD_OCTETS)


def test_a_long_record_is_read_whole() -> None:
    record = parse_spf_record("v=spf1 " + "ip4:192.0.2.1 " * 1000 + "-all")
    assert len(record.mechanisms) == 1001


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1 " + " " * 1_000_000,
        "v=spf1 a" + "/" * 1_000_000,
        "v=spf1 a:" + "%{d}" * 250_000,
        "v=spf1 exists:%{d" + "0" * 1_000_000 + "}",
        "v=spf1 a:b." + "1" * 1_000_000,
    ],
    ids=["spaces", "slashes", "macros", "digits", "toplabel"],
)
def test_a_megabyte_is_refused(text: str) -> None:
    with pytest.raises(SpfRecordError):
        parse_spf_record(text)


@pytest.mark.parametrize(
    "body",
    [
        "a" + "/1" * 8000,
        "%{d}" * 4000,
        "exists:%{d" + "1" * 16_000,
        "a:b." + "1" * 16_000,
        "+" * 16_000,
        "exists:" + "%{d}" * 256,
    ],
    ids=["slashes", "macros", "digits", "toplabel", "qualifiers", "more macros than a name has labels"],
)
def test_hostile_terms_in_the_longest_record_are_refused_in_few_words(body: str) -> None:
    with pytest.raises(SpfRecordError) as caught:
        parse_spf_record("v=spf1 " + body)
    assert len(str(caught.value)) < 600
