"""What all connections of a milter share, built once by `daemon`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inalign.flow.decide import OBSERVE_ONLY, LocalPolicy
from inalign.flow.decision import Decision
from inalign.flow.origin import Hosts, OriginSource
from inalign.flow.own_mail import MacroCondition
from inalign.flow.receive import VerificationOptions
from inalign.flow.verdict import Verdict
from inalign.mail.networks import Networks
from inalign.milterd.recorder import Recorder
from inalign.milterd.signing import OutboundSigner, Sealer
from inalign.resolver import Resolver


class BudgetedResolver(Resolver, Protocol):
    """A live resolver whose questions can be given a budget."""

    def within(self, seconds: float) -> Resolver:
        """A view of it whose questions fail when the time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterContext:
    """What the operator chose, and who counts."""

    resolver: BudgetedResolver
    options: VerificationOptions
    policy: LocalPolicy = OBSERVE_ONLY
    message_budget_seconds: float
    hosts: Hosts
    own_macros: tuple[MacroCondition, ...] = ()
    """Macros that make mail our own."""
    trusted_relays: Networks
    """Authentication-Results with our name are kept in what these hand in."""
    show_login: bool
    local_mailers: frozenset[str]
    signer: OutboundSigner | None = None
    """None: nothing is signed."""
    sealer: Sealer | None = None
    """None: nothing is sealed."""
    recorder: Recorder | None = None
    """None: no record is kept of a message."""
    count: Callable[[Verdict | None, Decision, str | None, int, float], None] = lambda *_: None
    """Told of each message: verdict, ruling, why it was not verified, forged fields, seconds from its end on."""
    count_origin: Callable[[OriginSource], None] = lambda _: None
    """Told of each message that a relay or a gateway handed in: from where its client is known."""

    def within_budget(self) -> Resolver:
        """The resolver, with the budget of a message from now on."""
        return self.resolver.within(self.message_budget_seconds)
