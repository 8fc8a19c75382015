"""Frames of the milter protocol: four octets of length, one of command, the rest is payload.

The length counts the command octet and the payload, so zero is no frame. A read may hold many frames, or a part of
one: nothing is copied but the payloads themselves, and an incomplete frame is joined once, when its last octet is
there.
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

    __slots__ = ("_at", "_data", "_late", "_max")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._data = b""
        self._at = 0
        self._late = bytearray()  # what came while _data was not read to its end
        self._max = max_frame_bytes

    def __len__(self) -> int:
        """The octets that no frame has used up yet."""
        return len(self._data) - self._at + len(self._late)

    def receive(self, data: bytes) -> None:
        """Take what a read gave."""
        if self._at == len(self._data):
            self._data = data
            self._at = 0
        else:
            self._late += data

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Each complete frame as command and payload. Left early, the next call goes on behind the last one given.

        Raises `RemoteProtocolError` as soon as a length is seen that is zero or over the limit.
        """
        unpack_head = _HEAD.unpack_from
        max_frame_bytes = self._max
        data, at, size = self._data, self._at, len(self._data)
        while True:
            needed = 5
            while size - at >= 5:
                length, command = unpack_head(data, at)
                if not 0 < length <= max_frame_bytes:
                    raise _impossible_length(length, max_frame_bytes)
                end = at + 4 + length
                if end > size:
                    needed = 4 + length
                    break
                self._at = end
                yield command, data[at + 5 : end]
                at = end
            if at:
                data = self._data = data[at:]
                at = self._at = 0
            if len(data) + len(self._late) < needed or not self._late:
                return
            data = self._data = data + self._late
            self._late.clear()
            size = len(data)


def _impossible_length(length: int, max_frame_bytes: int) -> RemoteProtocolError:
    if length:
        return RemoteProtocolError(f"a frame of {length} octets is longer than the limit of {max_frame_bytes}")
    return RemoteProtocolError("a frame of length zero has no command")
