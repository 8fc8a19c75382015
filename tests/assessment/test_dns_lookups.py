"""DNS is asked about a domain; what was not answered is not taken for absent."""

from __future__ import annotations

from typing import Any

from inalign.assessment.dns_lookups import look_up
from inalign.insight.classify import judge_domain
from inalign.insight.directory import Directory
from inalign.insight.lookups import domain_lookups
from inalign.insight.plan import plan_domain
from inalign.resolver import ZoneResolver
from tests.helpers import run_now
from tests.insight.vectors import scenarios

STORY = next(story for story in scenarios() if story.name == "kazami-rei")
DOMAIN: str = STORY.told["domain"]


def asked(zone: dict[str, Any]) -> tuple[frozenset[str], dict[str, dict[str, object]]]:
    return run_now(look_up(ZoneResolver.from_json(zone), STORY.facts()))


def test_a_look_up_finds_what_a_zone_file_tells() -> None:
    _, answers = asked(STORY.told["zone"])
    found, told = domain_lookups(DOMAIN, answers), domain_lookups(DOMAIN, STORY.told["zone"])
    assert found.known
    assert (found.spf, found.dmarc, found.exchanges) == (told.spf, told.dmarc, told.exchanges)
    assert {include.name for include in found.included} == {include.name for include in told.included}
    addresses = [source.source_ip for source in STORY.facts().sources]
    assert [a in found.direct for a in addresses] == [a in told.direct for a in addresses]


def test_a_name_that_does_not_exist_is_left_out() -> None:
    names, answers = asked({DOMAIN: {"TXT": ["v=spf1 -all"]}})
    assert "_dmarc." + DOMAIN in names
    assert "_dmarc." + DOMAIN not in answers
    assert domain_lookups(DOMAIN, answers).exists("nowhere." + DOMAIN) is False


def test_a_failed_look_up_is_not_known_and_makes_nothing_ready() -> None:
    zone = {**STORY.told["zone"], "_dmarc." + DOMAIN: {"error": "timeout"}}
    _, answers = asked(zone)
    lookups = domain_lookups(DOMAIN, answers)
    assert not lookups.known
    assert lookups.exists("_dmarc." + DOMAIN) is None
    assert not plan_domain(judge_domain(STORY.facts(), lookups, Directory()), Directory()).ready


def test_an_include_without_an_answer_leaves_the_rest_unknown() -> None:
    zone = {DOMAIN: {"TXT": ["v=spf1 include:spf.example -all"]}, "spf.example": {"error": "servfail"}}
    assert not domain_lookups(DOMAIN, asked(zone)[1]).known


def test_an_alias_is_followed() -> None:
    told: dict[str, dict[str, object]] = {
        DOMAIN: {},
        "_dmarc." + DOMAIN: {"CNAME": "dmarc.example"},
        "dmarc.example": {"TXT": ["v=DMARC1; p=reject"]},
    }
    record = domain_lookups(DOMAIN, told).dmarc
    assert record is not None
    assert str(record).startswith("v=DMARC1; p=reject")
