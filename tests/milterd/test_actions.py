"""The outcome of a message as replies and edits of the milter protocol."""

from __future__ import annotations

import pytest

from inalign.errors import LocalProtocolError
from inalign.flow.decision import Decision, DecisionRule, Disposition, SmtpRefusal
from inalign.flow.forged import MARK_NAME, RESULTS_NAME, ForgedFields
from inalign.flow.outcome import MessageOutcome
from inalign.flow.verdict import Envelope
from inalign.mail.results import AuthenticationResults
from inalign.milter import replies
from inalign.milter.replies import ACCEPT, DISCARD, Response
from inalign.milterd.actions import act

RESULTS = AuthenticationResults(authserv_id="mx.example.net")
FORGED = ForgedFields(results=[1, 3], marks=[2])
REMOVALS = [*replies.delete_headers(RESULTS_NAME, [1, 3]), *replies.delete_headers(MARK_NAME, [2])]
OURS = replies.insert_header(0, RESULTS_NAME, b"mx.example.net; none")


def outcome(
    decision: Decision,
    *,
    results: AuthenticationResults | None = RESULTS,
    forged: ForgedFields = FORGED,
    new_fields: tuple[bytes, ...] = (),
) -> MessageOutcome:
    return MessageOutcome(
        decision=decision,
        envelope=Envelope(None, None, None),
        authentication_results=results,
        forged=forged,
        new_fields=new_fields,
    )


def test_accepting_removes_what_is_forged_and_writes_our_field_on_top() -> None:
    decision = Decision(Disposition.ACCEPT, DecisionRule.DMARC_PASS)
    assert act(outcome(decision)) == Response(ACCEPT, [*REMOVALS, OURS])
    assert act(outcome(decision, results=None)) == Response(ACCEPT, REMOVALS)


def test_new_fields_lie_below_our_field_in_their_order() -> None:
    decision = Decision(Disposition.ACCEPT, DecisionRule.DMARC_PASS)
    response = act(outcome(decision, forged=ForgedFields(), new_fields=(b"A: 1\r\n", b"B: 2\r\n")))
    first, second = replies.insert_header(0, b"A", b"1"), replies.insert_header(0, b"B", b"2")
    assert response == Response(ACCEPT, [second, first, OURS])


def test_quarantine_is_a_mark_below_our_field_with_the_rule_in_it() -> None:
    mark = replies.insert_header(0, b"X-Inalign-Action", b"quarantine; rule=dmarc_reject")
    response = act(outcome(Decision(Disposition.QUARANTINE, DecisionRule.DMARC_REJECT)))
    assert response == Response(ACCEPT, [*REMOVALS, mark, OURS])


def test_hold_is_the_queue_of_the_mta() -> None:
    response = act(outcome(Decision(Disposition.HOLD, DecisionRule.DMARC_REJECT), forged=ForgedFields()))
    assert response == Response(ACCEPT, [replies.quarantine("Inalign: dmarc_reject"), OURS])


@pytest.mark.parametrize("disposition", [Disposition.REJECT, Disposition.TEMPFAIL])
def test_a_refusal_is_a_reply_and_nothing_else(disposition: Disposition) -> None:
    decision = Decision(disposition, DecisionRule.DMARC_REJECT, refusal=SmtpRefusal(550, "5.7.26", "100% no"))
    assert act(outcome(decision)) == Response(replies.reply_code(550, "5.7.26", "100% no"))
    with pytest.raises(LocalProtocolError, match=f"the disposition is {disposition}, and the decision has no reply"):
        act(outcome(decision._replace(refusal=None)))


def test_discard_is_a_reply_and_nothing_else() -> None:
    assert act(outcome(Decision(Disposition.DISCARD, DecisionRule.DMARC_REJECT))) == Response(DISCARD)
