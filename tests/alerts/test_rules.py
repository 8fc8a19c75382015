"""Alerts find what the vectors say: before and now in, findings and what is known out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inalign.alerts.intake_rules import IntakeKnown, IntakeNow, watch_intake
from inalign.alerts.rules import MAX_TOLD, Known, watch_domain
from inalign.alerts.snapshot import DomainNow, SeenNow, SenderNow, domain_now
from inalign.insight.classify import judge_domain
from inalign.insight.context import SourceContext
from inalign.insight.detection import AlertCode, Detection
from inalign.insight.directory import Directory
from inalign.insight.facts import DomainFacts
from inalign.insight.lookups import domain_lookups
from tests.house.citations import ROOT
from tests.insight.vectors import scenarios

VECTORS = ROOT / "tests/vectors/watch"


def cases(*names: str) -> Iterator[Any]:
    for name in names:
        for title, case in tomllib.loads((VECTORS / f"{name}.toml").read_text("utf-8")).items():
            yield pytest.param(case, id=f"{name}-{title}")


def by_day(spans: list[list[int]]) -> dict[int, Any]:
    return {
        day: counts[0] if len(counts) == 1 else tuple(counts)
        for first, last, *counts in spans
        for day in range(first, last + 1)
    }


def now_of(told: Mapping[str, Any]) -> DomainNow:
    senders = {
        name: SenderNow(
            each["class"], by_day(each["days"]), each.get("service", ""), overridden=each.get("overridden", False)
        )
        for name, each in told.get("senders", {}).items()
    }
    unwanted = by_day(told.get("unwanted", []))
    messages = dict[int, int]()
    for days in (sender.days for sender in senders.values()):
        for day, (count, _) in days.items():
            messages[day] = messages.get(day, 0) + count
    rest = {name: value for name, value in told.items() if name not in ("senders", "unwanted")}
    plain = msgspec.convert({"domain": "example.org", **rest}, DomainNow)
    return msgspec.structs.replace(
        plain,
        senders={
            name: msgspec.convert(msgspec.to_builtins(each), SenderNow, strict=False) for name, each in senders.items()
        },
        unwanted=unwanted,
        messages=messages,
    )


def check(case: Mapping[str, Any], found: tuple[Detection, ...], known: msgspec.Struct) -> None:
    wanted = case.get("findings", [])
    assert [(str(each.code), each.subject, each.firm) for each in found] == [
        (each["code"], each["subject"], each["firm"]) for each in wanted
    ]
    for each, told in zip(found, wanted, strict=True):
        assert {name: each.values[name] for name in told.get("values", {})} == told.get("values", {})
    after = msgspec.to_builtins(known)
    for name, value in case.get("known", {}).items():
        if isinstance(value, dict):
            assert {key: after[name].get(key) for key in value} == value
        else:
            assert (list(after[name]) if isinstance(value, list) else after[name]) == value


@pytest.mark.parametrize("case", [*cases("senders", "records", "reported", "names")])
def test_domain(case: Mapping[str, Any]) -> None:
    before = msgspec.convert(case["before"], Known) if "before" in case else None
    watched = watch_domain(before, now_of(case["now"]), case["today"])
    check(case, watched.findings, watched.known)


@pytest.mark.parametrize("case", [*cases("intake")])
def test_intake(case: Mapping[str, Any]) -> None:
    before = msgspec.convert(case["before"], IntakeKnown) if "before" in case else None
    now = msgspec.convert(case["now"], IntakeNow)
    found, known = watch_intake(before, now, case["today"], nothing_days=3)
    check(case, found, known)


def test_looking_again_at_the_same_finds_the_same_and_opens_nothing_more() -> None:
    now = now_of(
        {"first_day": 1, "last_day": 99, "selectors": {"a._domainkey.example.org": {"first_day": 97, "messages": 9}}}
    )
    first = watch_domain(Known(), now, 100)
    again = watch_domain(first.known, now, 100)
    assert again.findings == first.findings
    assert again.known == first.known


def test_many_new_names_are_told_a_few_at_a_time() -> None:
    names = {f"n{number}.example.org": SeenNow(95, 10 + number) for number in range(50)}
    now = DomainNow(domain="example.org", first_day=1, last_day=99, names=names)
    known, told = Known(), set[str]()
    for _ in range(10):
        watched = watch_domain(known, now, 100)
        fresh = {each.subject for each in watched.findings} - told
        assert len(fresh) <= MAX_TOLD
        told |= fresh
        known = watched.known
    assert told == set(names)


@pytest.mark.parametrize("story", [pytest.param(story, id=story.name) for story in scenarios()])
def test_first_judgement_of_a_whole_history_is_no_storm(story: Any) -> None:
    judgement = story.judge()
    now = domain_now(judgement, {})
    first = watch_domain(None, now, now.last_day + 1)
    assert first.findings == ()
    again = watch_domain(first.known, now, now.last_day + 1)
    assert again.findings == ()


@pytest.mark.parametrize("code", AlertCode)
def test_every_code_is_in_a_vector(code: AlertCode) -> None:
    assert any(f'code = "{code}"' in path.read_text("utf-8") for path in Path(VECTORS).glob("*.toml"))


def test_the_keys_of_another_organization_are_not_watched() -> None:
    facts = DomainFacts("github.io", (), (), (1, 2))
    answers: dict[str, dict[str, object]] = {
        "github.io": {"TXT": ["v=spf1 -all"]},
        "s1._domainkey.github.io": {"TXT": ["v=DKIM1; p=MIIB"]},
        "s1._domainkey.stranger.github.io": {"TXT": ["v=DKIM1; p=MIIB"]},
    }
    judgement = judge_domain(facts, domain_lookups("github.io", answers), Directory(), SourceContext())
    keys = [name for name in domain_now(judgement, answers).records if "_domainkey" in name]
    assert keys == ["s1._domainkey.github.io TXT"]
