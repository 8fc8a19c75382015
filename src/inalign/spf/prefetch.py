"""The questions that a record will probably ask, so that the resolver can start them all at once.

Nothing here counts toward a limit, and no answer is looked at. `exists` is left out, for its owner may count who asks
it; so is what `%{p}` leads to, and what stands behind a term that matches without a question.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from inalign.resolver import Question, addresses, mx, ptr, txt
from inalign.spf.macros import DomainSpec, Variables, expand_target, is_queryable
from inalign.spf.record import SpfRecord
from inalign.spf.terms import LOCAL, A, AskingMechanism, Exists, Include, Mx, Ptr


def prefetch_questions(record: SpfRecord, domain: str, known: Variables, left: int) -> list[Question]:
    """The questions of the next `left` terms of the record of a domain, until one matches for certain."""
    questions: list[Question] = []
    for mechanism in record.mechanisms:
        if isinstance(mechanism, LOCAL):
            if mechanism.holds(known.client):
                return questions
            continue
        if not left:
            return questions
        left -= 1
        question = _question(mechanism, domain, known)
        if question:
            questions.append(question)
    if record.redirect and left and (target := _target(record.redirect.target, domain, known)):
        questions.append(txt(target))
    return questions


def _question(mechanism: AskingMechanism, domain: str, known: Variables) -> Question | None:
    match mechanism:
        case Include():
            target = _target(mechanism.target, domain, known)
            return txt(target) if target else None
        case A():
            target = _target(mechanism.target, domain, known)
            return addresses(target, known.client.version) if target else None
        case Mx():
            target = _target(mechanism.target, domain, known)
            return mx(target) if target else None
        case Ptr():
            return ptr(known.client.address)
        case Exists():
            return None
        case _:  # pragma: no cover - mypy proves that nothing comes here
            assert_never(mechanism)


def _target(spec: DomainSpec | None, domain: str, known: Variables) -> str | None:
    if spec is None:
        return domain
    if spec.needs_name:
        return None
    target = expand_target(spec, known if spec.name is not None else replace(known, domain=domain))
    return target if target and is_queryable(target) else None
