"""Every story and scenario gets the classes, the step and the counts that its file tells."""

from __future__ import annotations

import pytest

from inalign.insight.directory import Directory
from inalign.insight.plan import plan_domain
from inalign.insight.result import EvidenceCode, PlanStep, PolicyQuestion, Remedy, SourceClass, WhyCode
from inalign.insight.rules.rule import Rule
from inalign.insight.rules.table import GROUPS, RULES
from tests.insight.vectors import Story, scenarios, stories

ALL = [pytest.param(story, id=story.name) for story in (*scenarios(), *stories())]
WITH_STEP = [pytest.param(story, id=story.name) for story in (*scenarios(), *stories()) if "step" in story.expect]
UNREADY = [
    pytest.param(story, missing, id=f"{story.name}, without {' '.join(missing)}")
    for story in (*scenarios(), *stories())
    if not story.expect.get("ready", True)
    for missing in (("zone",), ("ptr",), ("reputation",), ("zone", "ptr", "reputation"))
]
PROOFS = [pytest.param(story, id=story.name) for story in stories() if "rules" in story.expect]
SCENARIOS = [pytest.param(story, id=story.name) for story in scenarios()]


def classes_of(story: Story, **options: object) -> dict[str, str]:
    judgement = story.judge(**options)  # type: ignore[arg-type] # options of `judge`, passed through
    return {source.source_ip: str(source.source_class) for source in judgement.sources}


@pytest.mark.parametrize("story", ALL)
def test_sources_get_their_class(story: Story) -> None:
    said = classes_of(story)
    expected = story.expect["classes"]
    assert {address: said[address] for address in expected} == expected


@pytest.mark.parametrize("story", ALL)
def test_every_class_has_evidence(story: Story) -> None:
    for source in story.judge().sources:
        assert source.evidence, source.source_ip
        assert all(judged.evidence for judged in source.mails), source.source_ip


@pytest.mark.parametrize("story", WITH_STEP)
def test_the_next_step_is_the_one_expected(story: Story) -> None:
    expect = story.expect
    plan = story.plan()
    steps = expect["step"] if isinstance(expect["step"], list) else [expect["step"]]
    assert plan.step in steps, plan.why
    assert plan.ready == expect["ready"], plan.why
    assert plan.parked == expect.get("parked", False)
    if "why" in expect:
        assert [str(why.code) for why in plan.why] == expect["why"]
    if "record" in expect:
        assert plan.record == expect["record"]
    if "blocking" in expect:
        assert {found.sender: str(found.remedy) for found in plan.blocking} == expect["blocking"]
    for question, by_class in expect.get("policies", {}).items():
        assert plan.policies[PolicyQuestion(question)] == by_class, question


@pytest.mark.parametrize("story", SCENARIOS)
def test_the_map_is_not_needed_where_dns_and_names_are_there(story: Story) -> None:
    assert classes_of(story, directory=Directory()) == classes_of(story)


@pytest.mark.parametrize(("story", "missing"), UNREADY)
def test_missing_inputs_never_make_an_unready_domain_ready(story: Story, missing: tuple[str, ...]) -> None:
    judgement = story.judge(without=missing)
    assert not plan_domain(judgement, Directory()).ready


@pytest.mark.parametrize("story", SCENARIOS)
@pytest.mark.parametrize("missing", [("ptr",), ("reputation",), ("ptr", "reputation")], ids="-".join)
def test_unwanted_mail_is_never_called_legitimate(story: Story, missing: tuple[str, ...]) -> None:
    legitimate = {str(each) for each in SourceClass if each.is_legitimate}
    said = classes_of(story, without=missing)
    for address, expected in story.expect["classes"].items():
        assert (said[address] in legitimate) == (expected in legitimate), address


def test_stories_show_every_step_reason_remedy_and_evidence() -> None:
    plans = [story.plan() for story in stories() if "step" in story.expect]
    assert {plan.step for plan in plans} == set(PlanStep)
    of_the_store = {WhyCode.NOT_JUDGED}
    assert {why.code for plan in plans for why in plan.why} == set(WhyCode) - of_the_store
    assert {found.remedy for plan in plans for found in plan.blocking} == set(Remedy)
    mails = [mail for story in stories() for source in story.judge().sources for mail in source.mails]
    assert {mail.source_class for mail in mails} == set(SourceClass)
    assert {found.code for mail in mails for found in mail.evidence} == set(EvidenceCode) - {EvidenceCode.OVERRIDDEN}


@pytest.mark.parametrize("story", PROOFS)
def test_the_rule_that_a_story_names_decides(story: Story) -> None:
    rules = {source.source_ip: {mail.rule for mail in source.mails} for source in story.judge().sources}
    classes = classes_of(story)
    for address, name in story.expect["rules"].items():
        assert name in rules[address], rules[address]
        assert classes[address] == next(rule.source_class for rule in RULES if rule.name == name)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.name) for rule in RULES])
def test_every_rule_has_a_story(rule: Rule) -> None:
    assert any(rule.name in story.expect.get("rules", {}).values() for story in stories())


def test_the_names_of_rules_are_unique_and_every_condition_is_a_sentence() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.condition.endswith("."), rule.name
        assert rule.because, rule.name


def test_the_last_group_decides_whatever_the_others_leave() -> None:
    assert GROUPS[-1].rules[-1].name == "nothing_passes.other"
    assert [rule.name.partition(".")[0] for rule in RULES] == sorted(
        (rule.name.partition(".")[0] for rule in RULES),
        key=["spf", "dkim", "third_party", "nothing_passes"].index,
    )
