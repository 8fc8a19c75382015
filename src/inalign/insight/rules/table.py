"""The table of the rules: four groups in order. Of the groups that apply to a mail, the first matching rule wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from inalign.insight.result import Evidence, SourceClass
from inalign.insight.rules import dkim, spf, third_party
from inalign.insight.rules.rule import Rule, RuleCase


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are asked only for mail for which `when` holds."""

    title: str
    when: Callable[[RuleCase], bool]
    rules: tuple[Rule, ...]


GROUPS = (
    RuleGroup("SPF passes for a name of the domain", lambda c: c.look.has_own_spf, spf.RULES),
    RuleGroup("It has a signature of the domain", lambda c: bool(c.look.own), dkim.RULES),
    RuleGroup("An identity of somebody else passes", lambda c: bool(c.look.foreign_names), third_party.OTHER_IDENTITY),
    RuleGroup("Nothing passes", lambda _: True, third_party.NOTHING_PASSES),
)

RULES = tuple(chain.from_iterable(group.rules for group in GROUPS))


class Classification(NamedTuple):
    """A class, its evidence, and the name of the rule that decided."""

    source_class: SourceClass
    evidence: tuple[Evidence, ...]
    rule: str


def classify(case: RuleCase) -> Classification:
    """Return the class, the evidence and the rule of the first rule that matches the case."""
    for group in GROUPS:
        if group.when(case):
            for rule in group.rules:
                if rule.when(case):
                    return Classification(rule.source_class, rule.evidence(case), rule.name)
    raise AssertionError("the last rule of the last group matches every case")
