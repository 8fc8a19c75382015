"""A set of networks that says quickly whether an address is in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network

Span = tuple[int, int, int]
"""Version, first and last address."""


@lru_cache(maxsize=65_536)
def _number(address: str) -> tuple[int, int] | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return parsed.version, int(parsed)


def span_of(version: int, number: int, prefix: int) -> Span:
    """The network of this prefix length around an address."""
    free = (32 if version == 4 else 128) - prefix
    first = number >> free << free
    return version, first, first + (1 << free) - 1


def spans_of(texts: Iterable[str]) -> list[Span]:
    """Networks as written, `192.0.2.0/24`; raises `ValueError` for what is none."""
    parsed = [ip_network(text, strict=False) for text in texts]
    return [(net.version, int(net.network_address), int(net.broadcast_address)) for net in parsed]


class MergedNetworks:
    """Networks, joined where they overlap."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[tuple[int, int]] = []
        self._ends: list[tuple[int, int]] = []
        for version, first, last in sorted(spans):
            if self._ends and self._ends[-1][0] == version and first <= self._ends[-1][1] + 1:
                self._ends[-1] = (version, max(last, self._ends[-1][1]))
            else:
                self._starts.append((version, first))
                self._ends.append((version, last))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def spans(self) -> Iterator[Span]:
        for (version, first), (_, last) in zip(self._starts, self._ends, strict=True):
            yield version, first, last

    def __contains__(self, address: str) -> bool:
        at = _number(address)
        if at is None:
            return False
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and self._ends[index][0] == at[0] and at[1] <= self._ends[index][1]
