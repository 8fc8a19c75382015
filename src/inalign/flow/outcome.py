"""What becomes of one message: the outcome of `inbound` and `outbound`, from which the reply and the log are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inalign.flow.arc_sealer import UNSEALED, Sealed
from inalign.flow.decision import Decision
from inalign.flow.forged import NOTHING_FORGED, ForgedFields
from inalign.flow.origin import ClientOrigin
from inalign.flow.send import Sent
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.results import AuthenticationResults
from inalign.spool.evaluation_record import EvaluationRecord


@dataclass(slots=True, kw_only=True)
class MessageOutcome:
    """The decision on one message, the fields to remove and to add, and what was found on the way."""

    decision: Decision
    queue_id: str = ""
    """The MTA's name of the message; empty where it gave none."""
    envelope: Envelope
    """The client is the one behind relays and gateways, as far as it is known."""
    authentication_results: AuthenticationResults | None = None
    """Our Authentication-Results field, with `policy.override`; None: the message gets none."""
    forged: ForgedFields = NOTHING_FORGED
    """The fields to remove, since they claim to be ours."""
    new_fields: tuple[bytes, ...] = ()
    """The DKIM signatures or the ARC set to add, each a whole field with its CRLF, the uppermost first."""
    verdict: Verdict | None = None
    """None: the message was not verified, and `skipped` says why."""
    skipped: str | None = None
    origin: ClientOrigin | None = None
    """How the client is known, of a message that a relay or gateway handed in."""
    recipients: Sequence[str] = ()
    """The forward-paths as the client wrote them."""
    sealed: Sealed = UNSEALED
    own_rule: str | None = None
    """The rule that makes an author ours, of a message from outside that is not proven to be from that author."""
    sent: Sent | None = None
    """How a message of our own was signed."""
    record: EvaluationRecord | None = None
    """The record for the store, of a message that was verified, where records are wanted."""
    total_seconds: float = 0.0
    """From MAIL to the decision."""
    held_seconds: float = 0.0
    """From the end of the message to the decision: how long the MTA waited."""
