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
    """Pieces of octets, in order, with a buffer to look ahead. What was taken of the buffer is not moved."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """The next `size` octets without taking them; fewer at the end."""
        have = len(self._buffer) - self._at
        if have < size:
            parts = [self._buffer[self._at :]] if have else []
            while have < size:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                parts.append(piece)
                have += len(piece)
            self._buffer, self._at = parts[0] if len(parts) == 1 else b"".join(parts), 0
        return self._buffer[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """The next `size` octets; fewer at the end."""
        found = self.peek(size)
        self._at += len(found)
        return found

    def put_back(self, octets: bytes) -> None:
        """Let `octets`, which were taken last, come again."""
        if self._at >= len(octets) and self._buffer.endswith(octets, 0, self._at):
            self._at -= len(octets)
        else:
            self._buffer, self._at = octets + self._buffer[self._at :], 0

    def skip_zeros(self) -> None:
        """Go behind the NUL octets that come next."""
        while piece := self.take(PIECE):
            rest = piece.lstrip(b"\0")
            if rest:
                self.put_back(rest)
                return

    def pieces(self, size: int | None = None) -> Iterator[bytes]:
        """What is left, or the next `size` octets, in pieces of at most `PIECE`."""
        while size is None or size > 0:
            piece = self.take(PIECE if size is None else min(PIECE, size))
            if not piece:
                return
            if size is not None:
                size -= len(piece)
            yield piece

    def everything(self, limit: int, what: str) -> bytes:
        """All that is left. Raises `RefusedError` beyond `limit` octets, unless it is in one piece already."""
        parts: list[bytes] = [self._buffer[self._at :] if self._at else self._buffer]
        have = len(parts[0])
        self._buffer, self._at = b"", 0
        for piece in self._pieces:
            have += len(piece)
            if have > limit:
                raise RefusedError(RefusalCode.TOO_LARGE, f"{what} of more than {limit} octets")
            parts.append(piece)
        filled = [part for part in parts if part]
        return filled[0] if len(filled) == 1 else b"".join(filled)


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


class PackedSize:
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
