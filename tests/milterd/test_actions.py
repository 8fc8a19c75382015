"""A ruling as replies and edits of the milter protocol."""

from __future__ import annotations

import pytest

from inalign.errors import LocalProtocolError
from inalign.flow.decision import Handling, Refusal, Rule, Ruling
from inalign.milter import replies
from inalign.milter.replies import ACCEPT, DISCARD, Decision
from inalign.milterd.actions import MARK_NAME, RESULTS_NAME, act

RESULTS = "mx.example.net; none"
FORGED = ((RESULTS_NAME, [1, 3]), (MARK_NAME, [2]))
REMOVALS = [*replies.delete_headers(RESULTS_NAME, [1, 3]), *replies.delete_headers(MARK_NAME, [2])]
OURS = replies.insert_header(0, RESULTS_NAME, RESULTS.encode())


def test_accepting_removes_what_is_forged_and_writes_our_field_on_top() -> None:
    ruling = Ruling(Handling.ACCEPT, Rule.DMARC_PASS)
    assert act(ruling, RESULTS, FORGED) == Decision(ACCEPT, [*REMOVALS, OURS])
    assert act(ruling, None, FORGED) == Decision(ACCEPT, REMOVALS)


def test_quarantine_is_a_mark_below_our_field_with_the_rule_in_it() -> None:
    mark = replies.insert_header(0, b"X-Inalign-Action", b"quarantine; rule=dmarc_reject")
    decision = act(Ruling(Handling.QUARANTINE, Rule.DMARC_REJECT), RESULTS, FORGED)
    assert decision == Decision(ACCEPT, [*REMOVALS, mark, OURS])


def test_hold_is_the_queue_of_the_mta() -> None:
    decision = act(Ruling(Handling.HOLD, Rule.DMARC_REJECT), RESULTS, ())
    assert decision == Decision(ACCEPT, [replies.quarantine("Inalign: dmarc_reject"), OURS])


@pytest.mark.parametrize("handling", [Handling.REJECT, Handling.TEMPFAIL])
def test_a_refusal_is_a_reply_and_nothing_else(handling: Handling) -> None:
    ruling = Ruling(handling, Rule.DMARC_REJECT, refusal=Refusal(550, "5.7.26", "100% no"))
    assert act(ruling, RESULTS, FORGED) == Decision(replies.reply_code(550, "5.7.26", "100% no"))
    with pytest.raises(LocalProtocolError, match=f"a ruling of {handling} without its reply"):
        act(ruling._replace(refusal=None), RESULTS, FORGED)


def test_discard_is_a_reply_and_nothing_else() -> None:
    assert act(Ruling(Handling.DISCARD, Rule.DMARC_REJECT), RESULTS, FORGED) == Decision(DISCARD)
