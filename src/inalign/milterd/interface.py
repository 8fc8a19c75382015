"""The interface between the milter server and a filter: the events of one SMTP connection, and the replies to them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from inalign.milter.limits import LIMITS, MilterLimits
from inalign.milter.macros import Macros
from inalign.milter.messages import Connected, Data, EndOfHeader, Helo, MailFrom, Recipient, UnknownCommand
from inalign.milter.replies import ACCEPT, MilterReply, Response

PROGRESS_SECONDS = 5.0
"""How long a filter may think before the MTA is asked to wait on, and again. Both MTAs give 300 s to the end of a
message by default, but Sendmail no more than 10 s (T=R) to each packet until then."""

DECISION_SECONDS = 60.0
"""For one decision, however slow DNS is, whose time ends earlier. What takes longer is a bug, and as the MTA is asked
to wait on, it would wait for ever."""


class Filter:
    """The calls for the events of one SMTP connection, never concurrent; a filter overrides those that it needs.

    A reply counts only where `RequiredFeatures.replies` names its command; all others return None. `end_of_message`
    always replies.
    """

    actions: int = 0
    """What may be done to a message, as negotiated: bits of `Action`."""

    def connected(self, event: Connected) -> MilterReply | None:
        """Take the SMTP client: the first call, unless `RequiredFeatures.events` leaves it out."""

    def helo(self, event: Helo) -> MilterReply | None:
        """Take the name of a HELO or EHLO command, which a client may repeat."""

    def mail(self, event: MailFrom) -> MilterReply | None:
        """Begin a message with its reverse-path."""

    def recipient(self, event: Recipient) -> MilterReply | None:
        """Take one recipient that the MTA itself did not refuse."""

    def data(self, event: Data) -> MilterReply | None:
        """Take the DATA command."""

    def unknown(self, event: UnknownCommand) -> MilterReply | None:
        """Take an SMTP command that the MTA does not know."""

    def header(self, event: EndOfHeader) -> MilterReply | None:
        """Take the complete header."""

    def body(self, data: bytes) -> MilterReply | None:
        """Take the next piece of the body, cut anywhere."""

    def end_of_message(self) -> Response | Coroutine[Any, Any, Response]:
        """Return the edits and the reply of the message.

        An `async def` may wait (see `start_eagerly`); it is cancelled when the MTA goes away.
        """
        return Response(ACCEPT)

    def aborted(self) -> None:
        """Drop the message that had begun."""

    def closed(self) -> None:
        """End the SMTP connection: the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server treats its connections."""

    failure_reply: MilterReply = ACCEPT
    """The answer to a message at which the filter failed. Accepting suits the monitoring that everything starts with:
    a bug here then costs a result, never mail. Where policy is enforced, TEMPFAIL lets the sender try again."""
    progress_seconds: float = PROGRESS_SECONDS
    """The MTA hears of progress for the first time after half to the whole of this, then at this interval."""
    decision_seconds: float = DECISION_SECONDS
    """A decision that takes longer is given up: the message gets the failure reply."""
    limits: MilterLimits = LIMITS


FilterFactory = Callable[[Macros], Filter]
"""Makes the filter of one SMTP connection. The macros are live: at each call they are those of that moment."""
