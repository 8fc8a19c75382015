"""The state of a domain, and its mail in four classes."""

from __future__ import annotations

from datetime import date

import pytest

from inalign.insight.overview import SlotSum, class_days, published_of, slot_sums
from inalign.insight.result import DomainState, PlanStep, SourceClass, WhyCode
from inalign.insight.state import QUIET_DAYS, state_of
from tests.insight.test_rows import STORIES

CLEAN = [WhyCode.CLEAN]


@pytest.mark.parametrize(
    ("step", "why", "ready", "state"),
    [
        (PlanStep.FIX, [WhyCode.SENDERS_FAIL], False, DomainState.NEEDS_WORK),
        (PlanStep.CONFIRM, [WhyCode.UNKNOWN_SENDERS], False, DomainState.NEEDS_WORK),
        (PlanStep.PARK, [WhyCode.PARKED], True, DomainState.READY),
        (PlanStep.NP_REJECT, [WhyCode.ABUSED_NAMES], True, DomainState.READY),
        (PlanStep.QUARANTINE_TEST, CLEAN, True, DomainState.READY),
        (PlanStep.REJECT, CLEAN, True, DomainState.READY),
        (PlanStep.COLLECT, [WhyCode.FEW_DAYS], False, DomainState.COLLECTING),
        (PlanStep.HOLD, [WhyCode.SHORT_AT_QUARANTINE], False, DomainState.COLLECTING),
        (PlanStep.HOLD, [WhyCode.FORWARDING], False, DomainState.SAFE),
        (PlanStep.HOLD, [WhyCode.ALL_PUBLISHED], True, DomainState.SAFE),
    ],
)
def test_the_state_follows_from_the_step(step: PlanStep, why: list[WhyCode], ready: bool, state: DomainState) -> None:
    assert state_of(step, why, 100, 100, ready=ready) is state


def test_a_domain_nobody_reports_of_has_no_data_whatever_its_plan_says() -> None:
    assert state_of(PlanStep.FIX, [WhyCode.SENDERS_FAIL], 100, 100 + QUIET_DAYS, ready=False) is DomainState.NEEDS_WORK
    assert state_of(PlanStep.HOLD, [WhyCode.ALL_PUBLISHED], 100, 101 + QUIET_DAYS, ready=True) is DomainState.NO_DATA


@pytest.mark.parametrize("name", sorted(STORIES))
def test_every_story_has_a_state_that_fits_its_plan(name: str) -> None:
    plan = STORIES[name].plan()
    last_day = STORIES[name].judge().last_day
    state = state_of(plan.step, [why.code for why in plan.why], last_day, last_day, ready=plan.ready)
    assert (state in (DomainState.READY, DomainState.SAFE)) or not plan.ready
    assert (state is DomainState.NEEDS_WORK) is (plan.step in (PlanStep.FIX, PlanStep.CONFIRM))


def test_each_message_is_in_one_of_four_classes() -> None:
    sums = [
        SlotSum(0, "own", True, 5, 0, 0),
        SlotSum(0, "approved", False, 1, 1, 1),
        SlotSum(0, "forwarder", True, 7, 0, 0),
        SlotSum(0, "forwarder", False, 2, 0, 1),
        SlotSum(0, "spoof", True, 1, 0, 0),
        SlotSum(0, "spoof", False, 4, 10, 20),
        SlotSum(0, "", False, 1, 0, 0),
    ]
    (row,) = class_days((date(1970, 1, 1), each) for each in sums)
    assert (row.authenticated, row.forwarded, row.failing, row.unwanted) == (13, 3, 3, 35)
    assert row.messages == 54
    assert (row.unwanted_none, row.unwanted_quarantine, row.unwanted_reject) == (5, 10, 20)


def test_sums_by_quarter_of_an_hour_are_all_messages() -> None:
    for story in STORIES.values():
        judgement = story.judge()
        for source in judgement.sources:
            for judged in source.mails:
                slots = judged.mail.slots
                assert not slots or sum(sum(each[1:]) for each in slots) == judged.mail.messages
        assert {each.source_class for each in slot_sums(judgement)} <= {str(each) for each in SourceClass}


def test_the_policy_is_what_dns_says_and_else_what_reporters_saw() -> None:
    story = STORIES["plan: parked"]
    assert published_of(story.judge()).policy == "none"
    assert published_of(story.judge(without=("zone",))).policy == "none"
    told = {**story.told, "zone": {"sumire.example": {"TXT": ["v=spf1 -all"]}}}
    assert published_of(type(story)("none", told).judge()).policy == ""
