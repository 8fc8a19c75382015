"""What a stricter policy would have reached: messages that fail DMARC, by class, whatever receivers did with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from inalign.dmarc.record import AlignmentMode
from inalign.insight.classify import Judgement, passes_under
from inalign.insight.facts import SourceMail
from inalign.insight.lookups import DomainLookups
from inalign.insight.result import JudgedMail, PolicyCounts, PolicyQuestion, SourceClass
from inalign.insight.window import Window

RELAXED, STRICT = AlignmentMode.RELAXED, AlignmentMode.STRICT


def count_policies(judgement: Judgement, window: Window | None = None) -> PolicyCounts:
    """Messages that each policy would have reached, on the days of a window or on all days.

    Classes are those of the mail, not of the address. Mail from a subdomain with a record of its own is in none.
    """
    counts: dict[PolicyQuestion, dict[SourceClass, int]] = {question: defaultdict(int) for question in PolicyQuestion}
    for source in judgement.sources:
        for judged in source.mails:
            mail = judged.mail
            messages = mail.messages if window is None else mail.messages_within(window.first, window.last)
            if messages:
                for question in _reaching(judged, judgement.lookups):
                    counts[question][judged.source_class] += messages
    return {question: dict(sorted(of_question.items())) for question, of_question in counts.items()}


def _reaching(judged: JudgedMail, lookups: DomainLookups) -> Iterator[PolicyQuestion]:
    mail = judged.mail
    if lookups.has_own_record(mail.header_from):
        return
    if judged.passes:
        if not _passes(mail, lookups, STRICT):
            yield PolicyQuestion.STRICT
        return
    if mail.header_from == lookups.domain:
        yield PolicyQuestion.QUARANTINE
        yield PolicyQuestion.REJECT
    elif lookups.exists(mail.header_from) is False:
        yield PolicyQuestion.NP
    else:
        yield PolicyQuestion.SP
    if _is_strict(lookups) and _passes(mail, lookups, RELAXED):
        yield PolicyQuestion.RELAXED


def _passes(mail: SourceMail, lookups: DomainLookups, mode: AlignmentMode) -> bool:
    return passes_under(mail, lookups, mode, mode)


def _is_strict(lookups: DomainLookups) -> bool:
    return lookups.dmarc is not None and STRICT in (lookups.dmarc.adkim, lookups.dmarc.aspf)
