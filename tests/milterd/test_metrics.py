"""What is counted of a message."""

from __future__ import annotations

from inalign.flow.decision import Decision, DecisionRule, Disposition
from inalign.flow.forged import ForgedFields
from inalign.flow.outcome import MessageOutcome
from inalign.flow.verdict import Envelope
from inalign.milterd.metrics import count_outcome
from inalign.telemetry import Counters


def counted(decision: Decision) -> list[str]:
    counters = Counters()
    forged = ForgedFields(results=[1], marks=[3])
    outcome = MessageOutcome(
        decision=decision, envelope=Envelope(None, None, None), skipped="authenticated", forged=forged
    )
    count_outcome(counters, outcome)
    assert counters["inalign_forged_fields_removed_total"] == 2
    assert counters['inalign_messages_total{skipped="authenticated"}'] == 1
    return [sample for sample in counters if sample.startswith("inalign_actions_total")]


def test_action_and_rule_are_counted() -> None:
    assert counted(Decision(Disposition.REJECT, DecisionRule.DMARC_REJECT)) == [
        'inalign_actions_total{action="reject",rule="dmarc_reject",would=""}'
    ]


def test_what_would_have_been_done_is_counted() -> None:
    observed = Decision(
        Disposition.ACCEPT, DecisionRule.OBSERVE, Decision(Disposition.REJECT, DecisionRule.DMARC_REJECT)
    )
    assert counted(observed) == ['inalign_actions_total{action="accept",rule="observe",would="reject"}']
