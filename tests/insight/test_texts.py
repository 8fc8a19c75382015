"""Sentences: each code has one in each language, with the same values."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest
from msgspec.structs import asdict

from inalign.insight.detection import AlertCode
from inalign.insight.directory import ServiceKind, own_directory
from inalign.insight.plan import plan_domain
from inalign.insight.records import RecordCode
from inalign.insight.result import DomainState, EvidenceCode, PlanStep, Remedy, SourceClass, WhyCode
from inalign.insight.rows import finding_rows, plan_row, source_rows
from inalign.insight.texts import LANGUAGES, catalogue
from tests.insight.vectors import Story, scenarios, stories

KINDS: dict[str, type[StrEnum]] = {
    "class": SourceClass,
    "evidence": EvidenceCode,
    "state": DomainState,
    "step": PlanStep,
    "why": WhyCode,
    "remedy": Remedy,
    "finding": RecordCode,
    "watch": AlertCode,
    "watch_over": AlertCode,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_code_has_its_sentence_and_no_other_has(kind: str, language: str) -> None:
    assert set(catalogue(language).texts[kind]) == set(KINDS[kind])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_there(language: str) -> None:
    words = {*ServiceKind, "listed", "dynamic", "forwarded", "mailing_list", "trusted_forwarder", "arc"}
    assert set(catalogue(language).texts["word"]) == words


def test_both_languages_tell_the_same_values() -> None:
    one, other = (catalogue(language).texts for language in LANGUAGES)
    for kind, texts in one.items():
        for code, text in texts.items():
            assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", other[kind][code])), code


@pytest.mark.parametrize("story", [pytest.param(story, id=story.name) for story in (*scenarios(), *stories())])
def test_no_value_is_missing_in_a_sentence(story: Story) -> None:
    english = catalogue("en_GB.UTF-8")
    judgement = story.judge()
    for row in source_rows(judgement):
        assert "?" not in english.say_all("evidence", row.evidence)
    plan = plan_row(plan_domain(judgement, own_directory()))
    assert "?" not in english.say_all("why", plan.next.why)
    for found in finding_rows(judgement):
        assert "?" not in english.say("finding", found.code, asdict(found))


def test_an_unknown_language_is_english_and_an_unknown_code_itself() -> None:
    assert catalogue("xx").say("class", "own") == "own"
    assert catalogue("ja_JP.UTF-8").say("class", "own") == "自社"
    assert catalogue("ja").say("why", "new_code") == "new_code"
