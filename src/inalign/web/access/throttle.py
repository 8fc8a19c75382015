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


class Attempts:
    """Failures of the last minutes."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def may_try(self, address: str, user: str, now: float) -> bool:
        """Whether there were few enough."""
        return (
            self._count(("address", site_of(address)), now) < ADDRESS_FAILURES
            and self._count(("user", user), now) < USER_FAILURES
        )

    def failed(self, address: str, user: str, now: float) -> None:
        """One more."""
        for key in (("address", site_of(address)), ("user", user)):
            self._failures.setdefault(key, deque(maxlen=ADDRESS_FAILURES)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_NAMES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, user: str) -> None:
        """Those of the user are forgotten; those of the address stay: he may try other users."""
        self._failures.pop(("user", user), None)

    def _count(self, key: tuple[str, str], now: float) -> int:
        return sum(at > now - WINDOW_SECONDS for at in self._failures.get(key, ()))


def site_of(address: str) -> str:
    """What one visitor has at his command: an address, of IPv6 the /64 around it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
