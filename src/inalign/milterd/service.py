"""What all connections of a milter share, made once by `wiring/milter`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inalign.flow.inbound import InboundContext
from inalign.flow.origin import Hosts
from inalign.flow.outbound import OutboundContext
from inalign.flow.outcome import MessageOutcome
from inalign.flow.own_mail import MacroCondition
from inalign.mail.networks import Networks


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterContext:
    """Whose mail is whose, what is done with mail from outside and with our own, and who hears of each outcome."""

    hosts: Hosts
    own_macros: tuple[MacroCondition, ...] = ()
    """Macros that make mail our own."""
    trusted_relays: Networks
    """Hosts that may write Authentication-Results with our authserv-id."""
    inbound: InboundContext
    outbound: OutboundContext
    observe: Callable[[MessageOutcome], None] = lambda _: None
    """Called with the outcome of each message before the MTA gets its reply."""

    @property
    def needs_mailers(self) -> bool:
        """Whether it depends on the mailer of each recipient what is done with a message."""
        return self.outbound.show_login or (self.inbound.sealer is not None and self.inbound.sealer.only_forwarded)
