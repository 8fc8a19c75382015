"""A decision as replies and edits of the milter protocol."""

from __future__ import annotations

import pytest

from inalign.errors import LocalProtocolError
from inalign.flow.decision import Decision, DecisionRule, Disposition, SmtpRefusal
from inalign.milter import replies
from inalign.milter.replies import ACCEPT, DISCARD, Response
from inalign.milterd.actions import MARK_NAME, RESULTS_NAME, act

RESULTS = "mx.example.net; none"
FORGED = ((RESULTS_NAME, [1, 3]), (MARK_NAME, [2]))
REMOVALS = [*replies.delete_headers(RESULTS_NAME, [1, 3]), *replies.delete_headers(MARK_NAME, [2])]
OURS = replies.insert_header(0, RESULTS_NAME, RESULTS.encode())


def test_accepting_removes_what_is_forged_and_writes_our_field_on_top() -> None:
    decision = Decision(Disposition.ACCEPT, DecisionRule.DMARC_PASS)
    assert act(decision, RESULTS, FORGED) == Response(ACCEPT, [*REMOVALS, OURS])
    assert act(decision, None, FORGED) == Response(ACCEPT, REMOVALS)


def test_quarantine_is_a_mark_below_our_field_with_the_rule_in_it() -> None:
    mark = replies.insert_header(0, b"X-Inalign-Action", b"quarantine; rule=dmarc_reject")
    response = act(Decision(Disposition.QUARANTINE, DecisionRule.DMARC_REJECT), RESULTS, FORGED)
    assert response == Response(ACCEPT, [*REMOVALS, mark, OURS])


def test_hold_is_the_queue_of_the_mta() -> None:
    response = act(Decision(Disposition.HOLD, DecisionRule.DMARC_REJECT), RESULTS, ())
    assert response == Response(ACCEPT, [replies.quarantine("Inalign: dmarc_reject"), OURS])


@pytest.mark.parametrize("disposition", [Disposition.REJECT, Disposition.TEMPFAIL])
def test_a_refusal_is_a_reply_and_nothing_else(disposition: Disposition) -> None:
    decision = Decision(disposition, DecisionRule.DMARC_REJECT, refusal=SmtpRefusal(550, "5.7.26", "100% no"))
    assert act(decision, RESULTS, FORGED) == Response(replies.reply_code(550, "5.7.26", "100% no"))
    with pytest.raises(LocalProtocolError, match=f"a decision of {disposition} without its reply"):
        act(decision._replace(refusal=None), RESULTS, FORGED)


def test_discard_is_a_reply_and_nothing_else() -> None:
    assert act(Decision(Disposition.DISCARD, DecisionRule.DMARC_REJECT), RESULTS, FORGED) == Response(DISCARD)
