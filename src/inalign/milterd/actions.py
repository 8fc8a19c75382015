"""A decision of `flow/decide` as the milter protocol has it: a reply, and edits of the message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inalign.errors import LocalProtocolError
from inalign.flow.decision import Decision, Disposition
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

RESULTS_NAME = b"Authentication-Results"
MARK_NAME = b"X-Inalign-Action"
"""The field that marks a message for the junk folder: `quarantine; rule=` and the rule. Sieve scripts depend on it."""


def act(
    decision: Decision,
    results: str | None,
    removals: Iterable[tuple[bytes, Sequence[int]]],
    signatures: Sequence[bytes] = (),
) -> Response:
    """The decision: forged fields removed from the last one back, then ours inserted on top.

    `results` is the value of our Authentication-Results; `removals` has names and the indexes of their forged fields;
    `signatures` are whole fields with their CRLF, the first one to stand uppermost.
    """
    if decision.refusal is not None:
        return Response(reply_code(*decision.refusal))
    if decision.disposition is Disposition.DISCARD:
        return Response(DISCARD)
    edits: list[Edit] = []
    for name, indexes in removals:
        if indexes:
            edits += delete_headers(name, indexes)
    if decision.disposition is Disposition.QUARANTINE:
        edits.append(insert_header(0, MARK_NAME, f"quarantine; rule={decision.rule}".encode()))
    elif decision.disposition is Disposition.HOLD:
        edits.append(quarantine(f"Inalign: {decision.rule}"))
    elif decision.disposition is not Disposition.ACCEPT:
        raise LocalProtocolError(f"a decision of {decision.disposition} without its reply")
    for signature in reversed(signatures):
        name, _, value = signature.removesuffix(b"\r\n").partition(b": ")
        edits.append(insert_header(0, name, value))
    if results is not None:
        # RFC 8601 section 4.1: above the trace fields of this host
        edits.append(insert_header(0, RESULTS_NAME, fold_authentication_results(results).encode()))
    return Response(ACCEPT, edits)
