"""What a domain publishes, from answers; and which answers are wanted."""

from __future__ import annotations

import pytest

from inalign.insight.dns_questions import MAX_NAMES, MAX_WANTED, Wanted, wanted_lookups
from inalign.insight.facts import DomainFacts, ReportedSignature, SourceFacts, SourceMail
from inalign.insight.lookups import domain_lookups
from inalign.insight.names import is_same_or_below, judged_domain, network_of
from inalign.insight.networks import MergedNetworks, spans_of

ZONE: dict[str, dict[str, object]] = {
    "a.example": {
        "TXT": [
            "other",
            "v=spf1 ip4:192.0.2.0/28 a:web.a.example mx include:_more.a.example include:spf.b.example ~all",
        ],
        "MX": [[10, "mx.c.example."]],
    },
    "_more.a.example": {"TXT": ["v=spf1 ip6:2001:db8::/32 include:spf.d.example -all"]},
    "spf.b.example": {"TXT": ["v=spf1 include:spf2.b.example ?ip4:203.0.113.0/24 -all"]},
    "spf2.b.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    "spf.d.example": {"TXT": ["v=spf1 ip4:198.18.0.0/24 include:spf.d.example -all"]},
    "web.a.example": {"A": ["192.0.2.77"], "AAAA": ["2001:db9::1"]},
    "mx.c.example": {"A": ["192.0.2.88"]},
    "_dmarc.a.example": {"TXT": ["v=DMARC1; p=none; sp=reject"]},
    "_dmarc.x.a.example": {"TXT": ["v=DMARC1; p=reject"]},
    "s1._domainkey.a.example": {"TXT": ["v=DKIM1; p=MIIB"]},
    "old._domainkey.a.example": {"TXT": ["v=DKIM1; p="]},
    "s2._domainkey.a.example": {"CNAME": "s2.b.example"},
}


def test_the_owner_names_addresses_by_ip_a_and_mx() -> None:
    found = domain_lookups("a.example", ZONE)
    for address in ("192.0.2.15", "192.0.2.77", "192.0.2.88", "2001:db8::5", "2001:db9::1"):
        assert address in found.direct, address
    assert "192.0.2.16" not in found.direct
    assert "198.18.0.1" not in found.direct


def test_the_innermost_include_names_an_address() -> None:
    found = domain_lookups("a.example", ZONE)
    including = found.including("198.18.0.9")
    assert including is not None
    assert (including.name, including.by_owner) == ("spf.d.example", True)
    assert found.including("203.0.113.9") is None


def test_keys_are_those_that_are_not_revoked() -> None:
    assert domain_lookups("a.example", ZONE).keys == {("a.example", "s1"), ("a.example", "s2")}


def test_names_exist_when_something_below_them_does() -> None:
    found = domain_lookups("a.example", ZONE)
    assert found.exists("_domainkey.a.example") is True
    assert found.exists("x.a.example") is True
    assert found.exists("nix.a.example") is False
    assert domain_lookups("a.example", None).exists("nix.a.example") is None


def test_a_wildcard_makes_names_exist() -> None:
    found = domain_lookups("a.example", {"a.example": {"TXT": []}, "*.w.a.example": {"A": ["192.0.2.1"]}})
    assert found.exists("deep.x.w.a.example") is True
    assert found.exists("x.a.example") is False


def test_own_records_hold_for_names_below_them() -> None:
    found = domain_lookups("a.example", ZONE)
    assert found.has_own_record("deep.x.a.example")
    assert not found.has_own_record("a.example")


@pytest.mark.parametrize(
    ("spf", "exchanges", "denies"),
    [
        ("v=spf1 -all", [], True),
        ("v=spf1 ~all", [], False),
        ("v=spf1 ip4:192.0.2.1 -all", [[0, "."]], False),
        ("v=spf1 ~all", [[0, "."]], True),
        ("v=spf1 -all", [[10, "mx.a.example"]], True),
    ],
)
def test_a_domain_denies_sending_by_spf_or_a_null_mx(spf: str, exchanges: list[object], denies: bool) -> None:
    assert domain_lookups("a.example", {"a.example": {"TXT": [spf], "MX": exchanges}}).denies_sending is denies


def test_a_broken_record_is_no_record() -> None:
    found = domain_lookups("a.example", {"a.example": {"TXT": ["v=spf1 nonsense:"], "MX": "x", "A": ["no address"]}})
    assert found.spf is None
    assert not found.direct


def test_circles_of_includes_end() -> None:
    circle = {
        "a.example": {"TXT": ["v=spf1 include:b.example -all"]},
        "b.example": {"TXT": ["v=spf1 include:a.example"]},
    }
    assert domain_lookups("a.example", circle).known


def facts(header_from: str = "a.example", selector: str = "s1") -> DomainFacts:
    mail = SourceMail(header_from, True, False, (ReportedSignature("a.example", selector, "pass"),), (), (), ((1, 1),))
    return DomainFacts("a.example", (SourceFacts("192.0.2.1", (mail,)),), (), (1,))


def test_lookups_are_wanted_in_rounds_until_all_is_known() -> None:
    answers: dict[str, dict[str, object]] = {}
    asked: set[Wanted] = set()
    rounds = 0
    while new := wanted_lookups(facts("x.a.example"), answers, asked):
        asked.update(new)
        for name, kind in new:
            if kind in ZONE.get(name, {}):
                answers.setdefault(name, {})[kind] = ZONE[name][kind]
        rounds += 1
    assert rounds == 3  # the domain, its includes, what those include
    assert {("spf2.b.example", "TXT"), ("s1._domainkey.a.example", "TXT"), ("_dmarc.x.a.example", "TXT")} <= asked
    assert "192.0.2.88" in domain_lookups("a.example", answers).direct
    assert len(asked) < MAX_WANTED


def test_invented_names_do_not_make_endless_questions() -> None:
    mails = tuple(
        SourceMail(
            f"{i}.a.example", False, False, (ReportedSignature("a.example", f"s{i}", "fail"),), (), (), ((1, 1),)
        )
        for i in range(5000)
    )
    many = DomainFacts("a.example", (SourceFacts("192.0.2.1", mails),), (), (1,))
    wanted = wanted_lookups(many, {}, set())
    assert len(wanted) <= MAX_WANTED
    assert sum("_domainkey" in name for name, _ in wanted) == MAX_NAMES


def test_networks_of_addresses() -> None:
    assert network_of("192.0.2.77") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"


def test_networks_join_and_answer() -> None:
    found = MergedNetworks(spans_of(["192.0.2.0/25", "192.0.2.128/25", "2001:db8::/64", "10.0.0.5"]))
    assert len(list(found.spans())) == 3
    assert "192.0.2.200" in found
    assert "10.0.0.6" not in found
    assert "192.0.3.0" not in found
    assert "2001:db8::ffff" in found
    assert "no address" not in found
    assert not MergedNetworks()


def test_the_highest_domain_with_reports_judges() -> None:
    domains = {"a.example", "shop.a.example", "city.b.lg.jp"}
    assert judged_domain("shop.a.example", domains) == "a.example"
    assert judged_domain("city.b.lg.jp", domains) == "city.b.lg.jp"
    assert is_same_or_below("a.example", "a.example")
    assert not is_same_or_below("xa.example", "a.example")


def test_a_domain_is_judged_with_a_domain_of_its_own_organization_only() -> None:
    cities = {"tokyo.jp", "shinjuku.tokyo.jp", "city.shinjuku.tokyo.jp", "city.shibuya.tokyo.jp"}
    assert {judged_domain(name, cities) for name in cities} == cities
    assert judged_domain("www.city.shinjuku.tokyo.jp", cities) == "city.shinjuku.tokyo.jp"
    assert judged_domain("a.b\u00fccher.example", {"b\u00fccher.example"}) == "b\u00fccher.example"
    assert judged_domain("a..b", {"b", ".b"}) == "a..b"


PROVIDER: dict[str, dict[str, object]] = {
    "github.io": {"TXT": ["v=spf1 include:_spf.stranger.github.io -all"], "A": ["192.0.2.1"]},
    "_dmarc.github.io": {"TXT": ["v=DMARC1; p=none"]},
    "s1._domainkey.github.io": {"TXT": ["v=DKIM1; p=MIIB"], "CNAME": "s1.b.example"},
    "stranger.github.io": {"TXT": ["v=spf1 include:spf.c.example -all"], "A": ["198.51.100.77"]},
    "_spf.stranger.github.io": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    "_dmarc.stranger.github.io": {"TXT": ["v=DMARC1; p=none"]},
    "s1._domainkey.stranger.github.io": {"CNAME": "s1.c.example"},
    "spf.c.example": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
}


def test_names_below_a_public_suffix_are_not_those_of_its_owner() -> None:
    found = domain_lookups("github.io", PROVIDER)
    assert found.dmarc is not None
    assert "192.0.2.1" in found.addresses
    assert "198.51.100.77" not in found.addresses
    assert "198.51.100.77" not in found.direct
    assert [include.name for include in found.included] == ["_spf.stranger.github.io"]
    assert found.own_records == frozenset()
    assert found.key_targets == {"s1.b.example"}
    assert found.is_ours("github.io")
    assert not found.is_ours("stranger.github.io")
    assert not found.is_ours("")


def test_keys_of_another_organization_are_not_wanted() -> None:
    signatures = tuple(
        ReportedSignature(name, "s1", "pass")
        for name in ("city.shinjuku.tokyo.jp", "a.city.shinjuku.tokyo.jp", "city.shibuya.tokyo.jp", "tokyo.jp")
    )
    mail = SourceMail("city.shinjuku.tokyo.jp", True, False, signatures, (), (), ((1, 1),))
    facts = DomainFacts("city.shinjuku.tokyo.jp", (SourceFacts("192.0.2.1", (mail,)),), (), (1,))
    assert {name for name, _ in wanted_lookups(facts, {}, set()) if "_domainkey" in name} == {
        "s1._domainkey.city.shinjuku.tokyo.jp",
        "s1._domainkey.a.city.shinjuku.tokyo.jp",
    }
