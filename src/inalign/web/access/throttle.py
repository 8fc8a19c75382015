"""How often a sign-in may fail, counted by address and by user."""

from __future__ import annotations

from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address, ip_network

ADDRESS_FAILURES = 20
USER_FAILURES = 10
WINDOW_SECONDS = 900.0
"""So many failures in this time; further attempts are refused unseen, right ones too."""
MAX_NAMES = 10_000
"""Addresses and users remembered; those of old attempts are forgotten first."""


class SignInThrottle:
    """Counts failed attempts to sign in, by address and by user."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def may_try(self, address: str, user: str, now: float) -> bool:
        """Whether another attempt from an address, for a user, is allowed now."""
        return (
            self._count(("address", network_of_address(address)), now) < ADDRESS_FAILURES
            and self._count(("user", user), now) < USER_FAILURES
        )

    def failed(self, address: str, user: str, now: float) -> None:
        """Count a failed attempt."""
        for key in (("address", network_of_address(address)), ("user", user)):
            self._failures.setdefault(key, deque(maxlen=ADDRESS_FAILURES)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_NAMES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, user: str) -> None:
        """Forget the failures of a user. Those of the address stay: it may try other users."""
        self._failures.pop(("user", user), None)

    def _count(self, key: tuple[str, str], now: float) -> int:
        return sum(at > now - WINDOW_SECONDS for at in self._failures.get(key, ()))


def network_of_address(address: str) -> str:
    """Return what one visitor controls: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
