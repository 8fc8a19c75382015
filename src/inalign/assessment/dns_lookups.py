"""What a domain publishes, asked of DNS for the judgement of its reports: in rounds, since includes name further ones.

A name that does not exist is left out; a question without an answer leaves an `error`, so that nothing is concluded
from it (`insight.lookups`).
"""

from __future__ import annotations

from typing import cast

from inalign.insight.dns_questions import Wanted, wanted_lookups
from inalign.insight.facts import DomainFacts
from inalign.resolver.interface import Answer, MailExchange, Outcome, Question, Resolver

Answers = dict[str, dict[str, object]]
FAILED = "servfail"


async def look_up(resolver: Resolver, facts: DomainFacts) -> tuple[frozenset[str], Answers]:
    """The names that were asked for, and the answers as a zone in JSON has them."""
    answers: Answers = {}
    failed: set[Wanted] = set()
    asked: set[Wanted] = set()
    while wanted := wanted_lookups(facts, answers, asked):
        asked.update(wanted)
        resolver.prefetch(*[Question(kind, name) for name, kind in wanted])
        for name, kind in wanted:
            answer = await _ask(resolver, name, kind)
            if answer.outcome is Outcome.FAILED:
                failed.add((name, kind))
            elif answer.outcome is not Outcome.NXDOMAIN:
                listed = answers.setdefault(name, {})
                if answer.records:
                    listed[kind] = [_written(record) for record in answer.records]
    for name, kind in failed:
        if kind == "TXT" or not answers.get(name):
            answers[name] = {"error": FAILED}
    return frozenset(name for name, _ in asked), answers


async def _ask(resolver: Resolver, name: str, kind: str) -> Answer[object]:
    match kind:
        case "TXT":
            found: object = await resolver.txt(name)
        case "MX":
            found = await resolver.mx(name)
        case _:
            found = await resolver.addresses(name, 4 if kind == "A" else 6)
    return cast("Answer[object]", found)


def _written(record: object) -> object:
    match record:
        case MailExchange(preference, exchange):
            return [preference, exchange]
        case bytes():
            return record.decode("utf-8", "surrogateescape")
        case _:
            return str(record)
