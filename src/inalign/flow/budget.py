"""The DNS budget of a message (RFC 7208 section 4.6.4): how long its look-ups may take while somebody waits."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from inalign.resolver import Resolver


class BudgetedResolver(Resolver, Protocol):
    """A resolver whose look-ups can be given a budget: that of the network, or a zone, which answers at once."""

    def within(self, seconds: float) -> Resolver:
        """Return a view of the resolver whose look-ups fail once the seconds are over."""


class DnsBudget(NamedTuple):
    """The resolver of all messages, and the seconds that one message may wait for it."""

    resolver: BudgetedResolver
    seconds: float

    def start(self) -> Resolver:
        """Return the resolver with the budget of a message that begins now."""
        return self.resolver.within(self.seconds)
