"""A ruling as replies and edits of the milter protocol."""

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
    ruling = Decision(Disposition.ACCEPT, DecisionRule.DMARC_PASS)
    assert act(ruling, RESULTS, FORGED) == Response(ACCEPT, [*REMOVALS, OURS])
    assert act(ruling, None, FORGED) == Response(ACCEPT, REMOVALS)


def test_quarantine_is_a_mark_below_our_field_with_the_rule_in_it() -> None:
    mark = replies.insert_header(0, b"X-Inalign-Action", b"quarantine; rule=dmarc_reject")
    decision = act(Decision(Disposition.QUARANTINE, DecisionRule.DMARC_REJECT), RESULTS, FORGED)
    assert decision == Response(ACCEPT, [*REMOVALS, mark, OURS])


def test_hold_is_the_queue_of_the_mta() -> None:
    decision = act(Decision(Disposition.HOLD, DecisionRule.DMARC_REJECT), RESULTS, ())
    assert decision == Response(ACCEPT, [replies.quarantine("Inalign: dmarc_reject"), OURS])


@pytest.mark.parametrize("handling", [Disposition.REJECT, Disposition.TEMPFAIL])
def test_a_refusal_is_a_reply_and_nothing_else(handling: Disposition) -> None:
    ruling = Decision(handling, DecisionRule.DMARC_REJECT, refusal=SmtpRefusal(550, "5.7.26", "100% no"))
    assert act(ruling, RESULTS, FORGED) == Response(replies.reply_code(550, "5.7.26", "100% no"))
    with pytest.raises(LocalProtocolError, match=f"a ruling of {handling} without its reply"):
        act(ruling._replace(refusal=None), RESULTS, FORGED)


def test_discard_is_a_reply_and_nothing_else() -> None:
    assert act(Decision(Disposition.DISCARD, DecisionRule.DMARC_REJECT), RESULTS, FORGED) == Response(DISCARD)
