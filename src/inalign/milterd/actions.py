"""The outcome of a message as the milter protocol has it: a reply, and edits of the message."""

from __future__ import annotations

from inalign.errors import LocalProtocolError
from inalign.flow.decision import Disposition
from inalign.flow.forged import MARK_NAME, RESULTS_NAME
from inalign.flow.outcome import MessageOutcome
from inalign.mail.results import fold_authentication_results
from inalign.milter.replies import (
    ACCEPT,
    DISCARD,
    Edit,
    Response,
    delete_headers,
    insert_header,
    quarantine,
    reply_code,
)


def act(outcome: MessageOutcome) -> Response:
    """Make the reply and the edits: forged fields are removed from the last one back, then ours are inserted on top."""
    decision = outcome.decision
    if decision.refusal is not None:
        return Response(reply_code(*decision.refusal))
    if decision.disposition is Disposition.DISCARD:
        return Response(DISCARD)
    edits: list[Edit] = []
    for name, indexes in outcome.forged.removals():
        if indexes:
            edits += delete_headers(name, indexes)
    if decision.disposition is Disposition.QUARANTINE:
        edits.append(insert_header(0, MARK_NAME, f"quarantine; rule={decision.rule}".encode()))
    elif decision.disposition is Disposition.HOLD:
        edits.append(quarantine(f"Inalign: {decision.rule}"))
    elif decision.disposition is not Disposition.ACCEPT:
        raise LocalProtocolError(f"the disposition is {decision.disposition}, and the decision has no reply for it")
    for field in reversed(outcome.new_fields):
        name, _, value = field.removesuffix(b"\r\n").partition(b": ")
        edits.append(insert_header(0, name, value))
    if outcome.authentication_results is not None:
        # RFC 8601 section 4.1: above the trace fields of this host
        folded = fold_authentication_results(str(outcome.authentication_results))
        edits.append(insert_header(0, RESULTS_NAME, folded.encode()))
    return Response(ACCEPT, edits)
