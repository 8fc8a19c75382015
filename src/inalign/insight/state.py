"""How a domain fares, in one word, from its plan and from when it was last reported of."""

from __future__ import annotations

from inalign.insight.result import DomainState, PlanStep, WhyCode

QUIET_DAYS = 14
"""Reporters write daily; where none did for so long, the reports go elsewhere, or nowhere."""

_WORK = (PlanStep.FIX, PlanStep.CONFIRM)
_FINAL = (WhyCode.ALL_PUBLISHED, WhyCode.FORWARDING)
"""Why a domain holds where it is for good: forwarded mail keeps it from p=reject (RFC 9989 section 7.4)."""


def state_of(step: str, why: list[str] | list[WhyCode], last_day: int, today: int, *, ready: bool) -> DomainState:
    """Return the state on the day `today` from the step and the reason codes of a plan.

    `last_day`, the last day with reports, and `today` are ordinals of `datetime.date`.
    """
    if today - last_day > QUIET_DAYS:
        return DomainState.NO_DATA
    if step in _WORK:
        return DomainState.NEEDS_WORK
    if step == PlanStep.HOLD and any(code in _FINAL for code in why):
        return DomainState.SAFE
    return DomainState.READY if ready else DomainState.COLLECTING
