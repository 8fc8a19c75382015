"""Who may come in to the listener, and how often: connections, mails a minute, octets under way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from inalign.mail.networks import Networks
from inalign.resolver import IPAddress

MESSAGES_UNDER_WAY = 4
"""So many of the largest mails fit into memory at a time, of all connections; more are asked to come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """The numbers of the settings."""

    connections: int = 100
    connections_a_client: int = 10
    mails_a_minute: int = 60
    message_bytes: int = 50 << 20


class ConnectionGate:
    """Counts. Trusted clients, our own servers, bring the mail of all others: only the total holds for them."""

    def __init__(self, limits: GateLimits, trusted: Networks, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._trusted = trusted
        self._clock = clock
        self._connections: Counter[str] = Counter()
        self._minute = 0
        self._mails: Counter[str] = Counter()
        self._under_way = 0

    def trusts(self, client: str) -> bool:
        """Whether the client is one of our own servers; who comes by a unix socket is."""
        address = find_address(client)
        return not client or (address is not None and address in self._trusted)

    def enter(self, client: str) -> bool:
        """Count a connection, unless it is one too many."""
        if self._connections.total() >= self.limits.connections:
            return False
        if not self.trusts(client) and self._connections[client] >= self.limits.connections_a_client:
            return False
        self._connections[client] += 1
        return True

    def leave(self, client: str) -> None:
        """The connection is over."""
        self._connections[client] -= 1
        if self._connections[client] <= 0:
            del self._connections[client]

    def begin_mail(self, client: str) -> bool:
        """Count a mail, unless it is one too many in this minute."""
        if self.trusts(client):
            return True
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._mails.clear()
        self._mails[client] += 1
        return self._mails[client] <= self.limits.mails_a_minute

    def hold(self, octets: int) -> bool:
        """Room for so many octets more; False where all of it is taken."""
        if self._under_way + octets > self.limits.message_bytes * MESSAGES_UNDER_WAY:
            return False
        self._under_way += octets
        return True

    def release(self, octets: int) -> None:
        """Give back what `hold` gave."""
        self._under_way -= octets


def find_address(text: str) -> IPAddress | None:
    """The address of a peer; None for a unix socket."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
