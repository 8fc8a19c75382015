"""The plan of a domain and the classes of its senders, over HTTP, in both languages."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from inalign.insight.overview import OverviewRow
from inalign.insight.rows import NextRow
from inalign.insight.texts import catalogue
from inalign.reports.report import DkimAuth, SpfAuth
from inalign.store.state.accounts import Role
from inalign.web.pages.plan_card import POLICIES, STAIRS, action, goal, sentence, stairs
from inalign.web.words import Words
from tests.store.material import aggregate, record
from tests.web.live_site import HOSTILE, Browser, Site, serve

DAY = date(2026, 11, 1)


@pytest.fixture(scope="module")
def plan_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A sender whose signatures and envelopes have hostile names."""
    folder: Path = tmp_path_factory.mktemp("plan")
    hostile = replace(
        record("192.0.2.66", 500, dkim=False),
        dkim=(DkimAuth(HOSTILE, HOSTILE, "pass"), DkimAuth("example.com", HOSTILE, "fail")),
        spf=(SpfAuth(HOSTILE, "mfrom", "pass"),),
    )
    more = [aggregate(hostile, day=day, report_id=f"h{day}", org="other.example") for day in range(14)]
    with serve(folder, more=more) as site:
        yield site


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_plan_is_told_in_words(plan_site: Site, language: str) -> None:
    browser = Browser(plan_site.port)
    page = browser.get("/domain?domain=example.com", Accept_Language=language)
    plan = json.loads(browser.get("/api/v1/plan?domain=example.com").text)[0]
    words, say = Words(language), catalogue(language)
    shown = html.unescape(page.text)
    assert page.status == 200
    assert f'<strong class="unready">{words("plan.not_ready")}</strong>' in page.text
    assert say.say("step", plan["next"]["step"]) in shown
    assert plan["next"]["why"]
    assert all(say.say("why", each["code"], each) in shown for each in plan["next"]["why"])
    assert all(words(key) in shown for key in (*POLICIES.values(), "column.source_class", "stair.title"))
    sources = json.loads(browser.get("/api/v1/sources?domain=example.com").text)
    assert sources
    assert all(f"{say.say('class', each['class'])}</span>" in page.text for each in sources)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_hostile_names_are_text(plan_site: Site, language: str) -> None:
    text = Browser(plan_site.port).get("/domain?domain=example.com", Accept_Language=language).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text.partition('id="senders"')[2]


@pytest.mark.parametrize("domain", ["nothing.example", "example.com"])
def test_without_a_judgement_there_is_no_card(plan_site: Site, domain: str) -> None:
    plan_site.user("narrow", Role.READER, ("example.net",))
    browser = Browser(plan_site.port)
    browser.sign_in("narrow")
    page = browser.get(f"/domain?domain={domain}")
    assert page.status == 200
    assert 'id="plan"' not in page.text


@pytest.mark.parametrize(
    ("policy", "testing", "step", "ready", "marks"),
    [
        ("", False, "quarantine_test", True, "later next later later later"),
        ("none", False, "fix", False, "now later later later later"),
        ("none", False, "quarantine_test", True, "now next later later later"),
        ("none", False, "park", True, "now later later later next"),
        ("quarantine", True, "quarantine", True, "done now next later later"),
        ("quarantine", False, "hold", False, "done done now later later"),
        ("reject", True, "reject", True, "done done done now next"),
        ("reject", False, "hold", True, "done done done done now"),
        ("<b>", False, "new_step", True, "later later later later later"),
    ],
)
def test_the_present_and_the_next_stair_are_marked(
    policy: str, testing: bool, step: str, ready: bool, marks: str
) -> None:
    found = stairs(policy, step, testing=testing, ready=ready)
    assert tuple(each.name for each in found) == STAIRS
    assert " ".join(each.mark for each in found) == marks


def test_the_goal_is_the_policy_after_the_published_one() -> None:
    assert [goal(policy, testing=False) for policy in ("", "none", "quarantine", "reject")] == [
        "p=quarantine", "p=quarantine", "p=reject", "p=reject",
    ]  # fmt: skip
    assert goal("quarantine", testing=True) == "p=quarantine"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_domain_that_nobody_judged_yet_is_waited_for(language: str) -> None:
    t = Words(language)
    row = OverviewRow(
        domain="example.com", state="collecting", policy="", testing=False, messages=1, own_messages=0, own_passed=0,
        own_percent=0.0, forwarded=0, forwarded_failing=0, unwanted=0, unwanted_delivered=0, reporters=1,
        first_day=DAY, last_day=DAY, trend=(), trend_since=DAY, trend_until=DAY,
        ready=False, parked=False, next=NextRow("collect", None, (), ()),
        blocking=0,
    )  # fmt: skip
    assert action(row, t) == t("action.not_judged")
    assert sentence(row, "0%", t) == (t("action.not_judged"), "")
    silent = replace(row, judged_at=datetime(2026, 11, 1, tzinfo=UTC), state="no_data")
    assert action(silent, t) == t("action.no_data", day="2026-11-01")
