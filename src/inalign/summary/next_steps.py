"""What to do next, as a list: senders in the way first, then the step of the plan, then what to keep an eye on."""

from __future__ import annotations

from collections.abc import Iterator

from inalign.insight.result import PlanStep, Remedy, SourceClass
from inalign.summary.blocks import ListLine
from inalign.summary.model import DomainSummary
from inalign.summary.words import Words, count

MAX_LINES = 8
"""What one may be expected to do until the next report."""
_STEPS_OF_OTHERS = (PlanStep.FIX, PlanStep.CONFIRM, PlanStep.COLLECT, PlanStep.HOLD)
"""Steps that are no record to publish: the lines about senders say what to do."""


def next_steps(found: DomainSummary, words: Words) -> tuple[ListLine, ...]:
    """Return what to do next for a domain, the most urgent first; at least one line."""
    if not found.now.messages:
        return (ListLine(words("text.no_reports")),)
    lines = [*_senders(found, words), *_step(found, words), *_observe(found, words)]
    if len(lines) > MAX_LINES:
        rest = ListLine(words("text.more", count=count(len(lines) - MAX_LINES + 1)))
        lines = [*lines[: MAX_LINES - 1], rest]
    return tuple(lines) or (ListLine(words("text.nothing")),)


def _senders(found: DomainSummary, words: Words) -> Iterator[ListLine]:
    for each in sorted(found.blocking, key=lambda each: (-each.failing, each.source)):
        remedy = words.insight.say("remedy", each.remedy, {"selectors": ", ".join(each.selectors)})
        text = words(
            "text.fix",
            source=words.sender(each.service or each.source),
            remedy=remedy,
            failing=count(each.failing),
            messages=count(each.messages),
        )
        page = each.page or ""
        yield ListLine(text, page if page.startswith("https://") else "")


def _step(found: DomainSummary, words: Words) -> Iterator[ListLine]:
    if found.next is None:
        return
    step, say = found.next.step, words.insight
    if step not in _STEPS_OF_OTHERS:
        yield ListLine(words("text.take_step", step=say.say("step", step)))
    elif step == PlanStep.COLLECT or (step == PlanStep.HOLD and found.state != "safe"):
        yield ListLine(words("text.wait", why=say.say_all("why", found.next.why)))


def _observe(found: DomainSummary, words: Words) -> Iterator[ListLine]:
    named = {each.source for each in found.blocking if each.remedy == Remedy.ASK_OWNER}
    for sender in found.new_senders:
        if sender.source_class == SourceClass.UNKNOWN and sender.sender not in named:
            yield ListLine(
                words(
                    "text.confirm_new",
                    source=words.sender(sender.sender),
                    messages=count(sender.messages),
                    day=words.day(sender.first_day, "short"),
                )
            )
    for quiet in found.quiet:
        yield ListLine(words("text.quiet", source=words.sender(quiet.source), days=quiet.quiet_days))
