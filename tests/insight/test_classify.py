"""Overrides, pattern, looks of host names, confidence, and what reports say of records."""

from __future__ import annotations

import pytest

from inalign.insight.classify import Override, judge_domain
from inalign.insight.context import SourceContext, site_of
from inalign.insight.directory import Directory, own_directory
from inalign.insight.facts import DomainFacts
from inalign.insight.lookups import domain_lookups
from inalign.insight.plan import days_at_quarantine, plan_domain
from inalign.insight.records import RecordCode, record_findings
from inalign.insight.result import EvidenceCode, PlanStep, Remedy, SourceClass
from inalign.insight.sending_pattern import pattern_of
from tests.insight.vectors import FIRST_DAY, Story, stories

STORIES = {story.name: story for story in stories()}
NEWSLETTER = STORIES["unknown: a newsletter service that nobody told of"]
LISTS = STORIES["plan: lists at quarantine"]


@pytest.mark.parametrize("key", ["192.0.2.80", "192.0.2.0/24", "mailer.example"])
def test_an_override_changes_class_and_plan(key: str) -> None:
    told = NEWSLETTER.told
    judgement = judge_domain(
        NEWSLETTER.facts(),
        domain_lookups(told["domain"], told["zone"]),
        own_directory(),
        SourceContext(told["ptr"]),
        {key: Override(SourceClass.APPROVED, "Our newsletter")},
    )
    (source,) = [source for source in judgement.sources if source.source_ip == "192.0.2.80"]
    assert (source.source_class, source.service) == (SourceClass.APPROVED, "Our newsletter")
    assert source.evidence[0].code is EvidenceCode.OVERRIDDEN
    plan = plan_domain(judgement, own_directory())
    assert plan.step is PlanStep.FIX
    assert [(each.sender, each.remedy) for each in plan.blocking] == [("Our newsletter", Remedy.SIGN_AT_SERVICE)]


def test_nothing_reported_is_nothing_judged() -> None:
    facts = DomainFacts("a.example", (), (), ())
    plan = plan_domain(judge_domain(facts, domain_lookups("a.example", None), Directory()), Directory())
    assert (plan.step, plan.ready) == (PlanStep.COLLECT, False)


def test_the_largest_source_comes_first() -> None:
    judgement = NEWSLETTER.judge()
    sizes = [source.messages for source in judgement.sources]
    assert sizes == sorted(sizes, reverse=True)


def test_an_address_with_two_kinds_of_mail_keeps_both() -> None:
    story = STORIES["own: a rental server and its neighbours"]
    (source,) = [source for source in story.judge().sources if source.source_ip == "183.90.238.10"]
    assert {judged.source_class for judged in source.mails} == {SourceClass.OWN, SourceClass.HOSTING}


def test_quiet_senders_are_told() -> None:
    told = {
        **NEWSLETTER.told,
        "mail": [
            {"ip": "209.85.210.41", "dkim": ["sumire.example google pass"], "count": 60},
            {
                "ip": "192.0.2.10",
                "dkim": ["sumire.example inv pass"],
                "spf": ["b.c.example mfrom pass"],
                "days": "0-30/5",
            },
        ],
    }
    confidence = Story("quiet", told).plan().confidence
    assert [(each.sender, each.quiet_days) for each in confidence.quiet_senders] == [("c.example", 59)]
    assert (confidence.days, confidence.reporters, confidence.rfc7489_percent) == (90, 3, 100.0)


def test_days_at_quarantine_are_counted_from_the_last_weaker_record() -> None:
    assert days_at_quarantine(STORIES["plan: quarantine for ten days"].judge()) == 10
    assert days_at_quarantine(LISTS.judge()) == 90


@pytest.mark.parametrize(
    ("days", "steady", "comes_back", "trickles"),
    [
        (range(0, 90, 2), True, True, True),
        (range(0, 90, 7), False, True, True),
        ([0, 1, 30, 31, 60, 61], False, True, True),
        ([*range(0, 10), *range(60, 70)], False, False, False),
        ([5], False, False, False),
    ],
)
def test_sending_patterns(days: range | list[int], steady: bool, comes_back: bool, trickles: bool) -> None:
    pattern = pattern_of(dict.fromkeys(days, 2), 89)
    assert (pattern.is_steady, pattern.comes_back, pattern.trickles) == (steady, comes_back, trickles)


@pytest.mark.parametrize(
    ("host", "address", "looks"),
    [
        ("p1234-ipngn200.osaka.ocn.ne.jp", "192.0.2.1", "dynamic"),
        ("abts-north-dynamic-1.2.0.192.tinyisp.example", "192.0.2.1", "dynamic"),
        ("192-0-2-1.tinyisp.example", "192.0.2.1", "dynamic"),
        ("softbank192000002001.bbtec.net", "192.0.2.1", "dynamic"),
        ("mogw8003.ocn.ad.jp", "192.0.2.1", "relay"),
        ("mta-snd149.biglobe.ne.jp", "192.0.2.1", "relay"),
        ("ms-omx161.plus.so-net.ne.jp", "192.0.2.1", "relay"),
        ("mx2.tinycompany.example", "192.0.2.1", "relay"),
        ("vps-1234.rented.example", "192.0.2.1", "hosted"),
        ("static.1.2.0.192.clients.rented.example", "192.0.2.1", "hosted"),
        ("192-0-2-1.ip.linodeusercontent.com", "192.0.2.1", "hosted"),
        ("ec2-192-0-2-1.ap-northeast-1.compute.amazonaws.com", "192.0.2.1", "hosted"),
        ("www995.sakura.ne.jp", "192.0.2.1", "hosted"),
        ("", "192.0.2.1", "nothing"),
    ],
)
@pytest.mark.parametrize("directory", [own_directory(), Directory()], ids=["with the map", "without"])
def test_what_host_names_look_like(host: str, address: str, looks: str, directory: Directory) -> None:
    facts = NEWSLETTER.facts().sources[0]
    source = type(facts)(address, facts.mails)
    site = site_of(source, domain_lookups("a.example", None), directory, SourceContext({address: host}), FIRST_DAY + 89)
    found = {"dynamic": site.looks_dynamic, "hosted": site.looks_hosted, "relay": site.looks_like_relay}
    assert found == {each: each == looks for each in found}


def test_reports_are_evidence_for_records() -> None:
    told = {
        **NEWSLETTER.told,
        "mail": [
            {"ip": "209.85.210.41", "dkim": ["sumire.example google pass"], "spf": ["sumire.example mfrom pass"]},
            {"ip": "203.0.113.5", "spf": ["sumire.example mfrom pass"]},
        ],
        "zone": {
            "sumire.example": {
                "TXT": ["v=spf1 ip4:203.0.113.5 include:_spf.google.com include:spf.gone.example -all"],
            },
            "_spf.google.com": {"TXT": ["v=spf1 ip4:209.85.128.0/17 -all"]},
            "spf.gone.example": {"TXT": ["v=spf1 ip4:198.18.0.0/24 -all"]},
            "google._domainkey.sumire.example": {"TXT": ["v=DKIM1; p=MIIB"]},
            "old._domainkey.sumire.example": {"TXT": ["v=DKIM1; p=MIIB"]},
        },
    }
    findings = {finding.code: dict(finding.values) for finding in record_findings(Story("records", told).judge())}
    assert findings == {
        RecordCode.INCLUDE_UNUSED: {"include": "spf.gone.example", "days": 90},
        RecordCode.KEY_UNUSED: {"name": "sumire.example", "selector": "old", "days": 90},
        RecordCode.SPF_ONLY: {"sender": "own servers 203.0.113.0/24", "messages": 90, "percent": 100.0},
    }
