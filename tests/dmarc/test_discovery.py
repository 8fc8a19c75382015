"""The tree walk: names, stops, the organizational domain, and what is asked of DNS."""

from __future__ import annotations

import pytest

from inalign.dmarc.discovery import Discovery, prefetch_policy, select_record, walk_names
from inalign.mail.domain import DomainName, parse_domain
from inalign.resolver import Answer, Outcome, txt
from tests.dmarc.material import Recorder
from tests.helpers import run_now, zone

REJECT = "v=DMARC1; p=reject"


def organization(name: str, records: dict[str, str]) -> str | None:
    return run_now(Discovery(Recorder(records)).walk(parse_domain(name))).organizational_domain


def name_of(labels: int) -> DomainName:
    return parse_domain(".".join(f"l{number}" for number in range(labels, 0, -1)))


@pytest.mark.parametrize(
    ("labels", "lengths"),
    [
        (1, [1]),
        (2, [2, 1]),
        (7, [7, 6, 5, 4, 3, 2, 1]),
        (8, [8, 7, 6, 5, 4, 3, 2, 1]),
        (9, [9, 7, 6, 5, 4, 3, 2, 1]),
        (60, [60, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_a_walk_has_eight_names_at_most(labels: int, lengths: list[int]) -> None:
    names = walk_names(name_of(labels))
    assert [name.count(".") + 1 for name in names] == lengths
    assert all(names[0] == name or names[0].endswith("." + name) for name in names)


@pytest.mark.parametrize(
    ("name", "records", "expected"),
    [
        ("a.b.example.com", {}, "a.b.example.com"),
        ("a.b.example.com", {"a.b.example.com": REJECT}, "a.b.example.com"),
        ("a.b.example.com", {"b.example.com": REJECT}, "b.example.com"),
        ("a.b.example.com", {"b.example.com": REJECT, "com": REJECT}, "com"),
        ("a.b.example.com", {"a.b.example.com": REJECT + "; psd=n", "com": REJECT}, "a.b.example.com"),
        ("a.b.example.com", {"a.b.example.com": REJECT + "; psd=y", "com": REJECT}, "a.b.example.com"),
        ("a.b.example.com", {"b.example.com": REJECT + "; psd=y"}, "a.b.example.com"),
        ("a.b.example.com", {"example.com": REJECT + "; psd=y", "b.example.com": REJECT}, "b.example.com"),
        ("a.b.example.com", {"example.com": REJECT + "; psd=y", "a.b.example.com": REJECT}, "b.example.com"),
        ("com", {"com": REJECT + "; psd=y"}, "com"),
    ],
)
def test_the_organizational_domain(name: str, records: dict[str, str], expected: str) -> None:
    assert organization(name, records) == expected


def test_without_an_answer_the_organizational_domain_is_one_of_several() -> None:
    discovery = Discovery(zone({"_dmarc.b.example.com": {"error": "timeout"}, "_dmarc.example.com": {"TXT": [REJECT]}}))
    walk = run_now(discovery.walk(parse_domain("a.b.example.com")))
    assert walk.organizational_domain is None
    assert walk.failure == "_dmarc.b.example.com: timeout"
    # psd=n, psd=y, or anything else at the name that did not answer
    assert walk.possible == {"b.example.com", "a.b.example.com", "example.com"}


def test_each_name_is_asked_once() -> None:
    resolver = Recorder({"example.com": REJECT})
    discovery = Discovery(resolver)
    for name in ("a.example.com", "b.example.com", "a.example.com", "example.com"):
        run_now(discovery.walk(parse_domain(name)))
    assert resolver.asked == ["_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com", "_dmarc.b.example.com"]
    assert resolver.asked == discovery.asked


def test_a_name_too_long_to_be_asked_for_has_no_record() -> None:
    long = parse_domain(".".join(["a" * 60] * 4) + ".example")
    resolver = Recorder({})
    assert run_now(Discovery(resolver).look(long)).record is None
    assert resolver.asked == []


def test_the_count_of_records_is_told() -> None:
    several = Answer(Outcome.FOUND, (b"v=DMARC1; p=none", b"v=spf1 -all", b"v=DMARC1; p=reject"))
    assert select_record(several).record_count == 2
    assert select_record(several).record is None


def test_dnssec_is_told_of_the_record_in_force() -> None:
    assert select_record(Answer(Outcome.FOUND, (b"v=DMARC1; p=none",), dnssec_validated=True)).secure
    assert not select_record(Answer(Outcome.FOUND, (b"v=DMARC1; p=none",))).secure


def test_prefetch_policy_names_every_question_of_the_walk() -> None:
    resolver = Recorder({})
    prefetch_policy("Mail.Example.com.", resolver)
    assert resolver.expected == [txt("_dmarc.mail.example.com"), txt("_dmarc.example.com"), txt("_dmarc.com")]
    assert resolver.asked == []


@pytest.mark.parametrize("text", ["", "user@example.com", "[192.0.2.1]", "..", "\udcff.example", "a" * 5000])
def test_prefetch_policy_takes_any_text(text: str) -> None:
    resolver = Recorder({})
    prefetch_policy(text, resolver)
    assert resolver.expected == []


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"A": ["192.0.2.1"]}, True),
        ({"TXT": ["x"]}, True),
        ({"error": "nxdomain"}, False),
        ({"error": "servfail"}, None),
    ],
)
def test_a_domain_exists_unless_it_is_nxdomain(outcome: dict[str, object], expected: bool | None) -> None:
    resolver = Recorder({}, {"mail.example.com": outcome})
    assert run_now(Discovery(resolver).exists(parse_domain("mail.example.com"))) is expected
