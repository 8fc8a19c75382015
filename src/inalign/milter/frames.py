"""Frames of the milter protocol: four octets of length, one of command, the rest is payload.

The length counts the command octet and the payload, so zero is no frame. A read may hold many frames, or a part of
one: nothing is copied but the payloads themselves, and that of an incomplete frame is joined once, when its last
octet is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from inalign.errors import RemoteProtocolError

LENGTH = Struct(">I")
_HEAD = Struct(">IB")

MAX_FRAME_BYTES = 1 << 20
"""The longest frame that is taken. MTAs send body chunks of 65,535 octets and header fields of at most some 100 kB
(Postfix header_size_limit); the largest chunk that the protocol knows an option for is 1 MiB less one."""


def encode_frame(command: int, payload: bytes = b"") -> bytes:
    """The octets of one frame."""
    return LENGTH.pack(len(payload) + 1) + bytes((command,)) + payload


class FrameBuffer:
    """Octets in, frames out."""

    __slots__ = ("_at", "_command", "_data", "_late", "_max", "_missing", "_pieces")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._data = b""
        self._at = 0
        # The payload of a frame whose head is known and whose end has not come:
        self._command = 0
        self._pieces: list[bytes] = []
        self._missing = 0
        self._late: list[bytes] = []  # what came before the rest was read
        self._max = max_frame_bytes

    def __len__(self) -> int:
        """The octets that no frame has used up yet; the head of one that is coming is not counted."""
        return len(self._data) - self._at + sum(map(len, self._pieces)) + sum(map(len, self._late))

    @property
    def unfinished(self) -> object:
        """Stands for the frame whose beginning is there and whose end is not: the same object while it grows, once its
        length and command are there. None where no frame has begun."""
        if self._missing > 0:
            return self._pieces
        return self._data if len(self._data) > self._at else None

    def receive(self, data: bytes) -> None:
        """Take what a read gave."""
        if self._missing > 0:
            self._pieces.append(data)
            self._missing -= len(data)
        elif self._at == len(self._data) and not self._pieces:
            self._data = data
            self._at = 0
        else:
            self._late.append(data)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Each complete frame as command and payload. Left early, the next call goes on behind the last one given.

        Raises `RemoteProtocolError` as soon as a length is seen that is zero or over the limit.
        """
        if self._missing > 0:
            return
        if self._pieces:
            yield self._command, self._join_pieces()
        if self._late:
            self._data = b"".join((self._data[self._at :], *self._late))
            self._at = 0
            self._late.clear()
        unpack_head = _HEAD.unpack_from
        max_frame_bytes = self._max
        data, at, size = self._data, self._at, len(self._data)
        while size - at >= 5:
            length, command = unpack_head(data, at)
            if not 0 < length <= max_frame_bytes:
                raise _impossible_length(length, max_frame_bytes)
            end = at + 4 + length
            if end > size:
                self._command, self._pieces, self._missing = command, [data[at + 5 :]], end - size
                at = size
                break
            self._at = end
            yield command, data[at + 5 : end]
            at = self._at  # `run` may have gone on
        self._data = data[at:]
        self._at = 0

    def run(self, command: int, between: bytes) -> list[bytes]:
        """The payloads of the complete frames of one command that come next, frames that are `between` left out.

        For the fields of a header, which are most of the frames of a message, each behind the same macros.
        """
        unpack_head = _HEAD.unpack_from
        data, at, size = self._data, self._at, len(self._data)
        payloads: list[bytes] = []
        while True:
            if data.startswith(between, at):
                at += len(between)
            if size - at < 5:
                break
            length, found = unpack_head(data, at)
            end = at + 4 + length
            if found != command or end > size or not 0 < length <= self._max:
                break
            payloads.append(data[at + 5 : end])
            at = end
        self._at = at
        return payloads

    def _join_pieces(self) -> bytes:
        """The payload that is complete now; what came behind it in the last piece is read on."""
        last = self._pieces[-1]
        end = len(last) + self._missing  # which is zero or negative: what came too much
        self._pieces[-1] = last[:end]
        payload = b"".join(self._pieces)
        self._pieces = []
        self._missing = 0
        self._data, self._at = last, end
        return payload


def _impossible_length(length: int, max_frame_bytes: int) -> RemoteProtocolError:
    if length:
        return RemoteProtocolError(f"a frame of {length} octets is longer than the limit of {max_frame_bytes}")
    return RemoteProtocolError("a frame of length zero has no command")
