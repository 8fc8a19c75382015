"""Octets that come in pieces: looked at, read by number, or passed on; and the measure that ends a bomb."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inalign.errors import Error
from inalign.reports.flaw import Flaw, FlawCode, RefusalCode
from inalign.reports.limits import ContainerLimits
from inalign.reports.report import Refusal

PIECE = 65_536
"""The size of the pieces that are passed on."""


class RefusedError(Error):
    """Reading something ends here, with a reason; it never leaves `reports`."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(code.value, detail[:200])


class Chunks:
    """Pieces of octets, in order, with a buffer to look ahead."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""

    def peek(self, size: int) -> bytes:
        """At least `size` octets from here, if there are as many, without taking them."""
        if len(self._buffer) < size:
            parts = [self._buffer]
            have = len(self._buffer)
            while have < size:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                parts.append(piece)
                have += len(piece)
            self._buffer = parts[1] if len(parts) == 2 and not parts[0] else b"".join(parts)
        return self._buffer

    def take(self, size: int) -> bytes:
        """The next `size` octets; fewer at the end."""
        found = self.peek(size)[:size]
        self._buffer = self._buffer[size:]
        return found

    def put_back(self, octets: bytes) -> None:
        """Let `octets`, which were taken last, come again."""
        self._buffer = octets + self._buffer

    def skip_zeros(self) -> None:
        """Go behind the NUL octets that come next."""
        while self._buffer or not self._is_at_end():
            self._buffer = self._buffer.lstrip(b"\0")
            if self._buffer:
                return

    def pieces(self, size: int | None = None) -> Iterator[bytes]:
        """What is left, or the next `size` octets, in pieces of at most `PIECE`."""
        while size is None or size > 0:
            if not self._buffer:
                self._buffer = next(self._pieces, b"")
                if not self._buffer:
                    if self._is_at_end():
                        return
                    continue
            whole, self._buffer = self._buffer, b""
            end = len(whole) if size is None else min(size, len(whole))
            for start in range(0, end, PIECE):
                yield whole if end == len(whole) <= PIECE else whole[start : min(start + PIECE, end)]
            if end < len(whole):
                self._buffer = whole[end:]
            if size is not None:
                size -= end

    def everything(self, limit: int, what: str) -> bytes:
        """All that is left. Raises `RefusedError` beyond `limit` octets, unless it was in one piece already."""
        parts: list[bytes] = [self._buffer]
        have = len(self._buffer)
        self._buffer = b""
        for piece in self._pieces:
            have += len(piece)
            if have > limit:
                raise RefusedError(RefusalCode.TOO_LARGE, f"{what} of more than {limit} octets")
            parts.append(piece)
        filled = [part for part in parts if part]
        return filled[0] if len(filled) == 1 else b"".join(filled)

    def _is_at_end(self) -> bool:
        for piece in self._pieces:
            if piece:
                self._buffer = piece
                return False
        return True


class Meter:
    """What one input has unpacked to so far, the flaws of its containers, and how many entries it had."""

    def __init__(self, limits: ContainerLimits) -> None:
        self.limits = limits
        self.flaws: list[Flaw] = []
        self.entries = 0
        self._unpacked = 0

    def flaw(self, code: FlawCode, detail: str) -> None:
        """Note a flaw of a container, each once."""
        flaw = Flaw(code.value, detail[:200])
        if flaw not in self.flaws and len(self.flaws) < self.limits.outcomes:
            self.flaws.append(flaw)

    def entry(self) -> None:
        """Count a part or an entry."""
        self.entries += 1
        if self.entries > self.limits.entries:
            raise RefusedError(RefusalCode.TOO_MANY, f"more than {self.limits.entries} parts and entries")

    def unpacked(self, octets: int) -> None:
        """Count unpacked octets of any level."""
        self._unpacked += octets
        if self._unpacked > self.limits.total_bytes:
            raise RefusedError(RefusalCode.TOO_LARGE, f"unpacks to more than {self.limits.total_bytes} octets in all")


class Origin:
    """The packed octets at the outermost level, which the ratio is measured by.

    A layer within a layer has the same origin. Where an archive was unpacked as a whole, `share` says how many
    outermost octets there are for each of its own.
    """

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.taken = 0.0

    def take(self, octets: int) -> None:
        """Count packed octets of the outermost layer."""
        self.taken += octets * self.share
