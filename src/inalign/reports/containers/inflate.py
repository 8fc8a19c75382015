"""Deflate, zlib and gzip, piece by piece (RFC 1950, 1951 and 1952), bounded, and as far as the data are whole.

Checksums are computed here and not by zlib, which would hold back good octets with a wrong sum. A gzip file may have
several members; zeros and junk behind the last are left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from inalign.reports.containers.chunks import PIECE, Chunks, Meter, PackedSize, RefusedError
from inalign.reports.flaw import FlawCode, RefusalCode

_INPUT = 16_384  # packed octets at a time: a damaged place costs at most the octets behind it
_HEADER_LIMIT = 131_072  # of a gzip member: two names, and an extra field of up to 65,535 octets


class Measure:
    """Counts and sums up what one stream unpacks to, and ends it where it is a bomb."""

    def __init__(self, meter: Meter, origin: PackedSize, what: str) -> None:
        self._meter, self._origin, self._what = meter, origin, what
        self.crc = 0
        self.size = 0

    def count(self, piece: bytes) -> bytes:
        """Take a piece into account. Raises `RefusedError`."""
        self.crc = zlib.crc32(piece, self.crc)
        self.size += len(piece)
        self._meter.unpacked(len(piece))
        limits = self._meter.limits
        if self.size > limits.ratio_free_bytes and self.size > limits.ratio * self._origin.taken:
            raise RefusedError(RefusalCode.BOMB, f"{self._what}: more than {limits.ratio} times its packed size")
        if self.size > limits.payload_bytes:
            raise RefusedError(RefusalCode.TOO_LARGE, f"{self._what}: more than {limits.payload_bytes} octets")
        return piece


class Inflater:
    """One deflate stream from `source`; what it did not take stays there."""

    def __init__(self, source: Chunks, meter: Meter, origin: PackedSize, *, is_outermost: bool, what: str) -> None:
        self._source = source
        self._meter = meter
        self._origin = origin
        self._is_outermost = is_outermost
        self._what = what
        self.measure = Measure(meter, origin, what)
        self.is_whole = False

    def pieces(self) -> Iterator[bytes]:
        """The unpacked octets. Ends early, with a flaw, where the data are cut or damaged."""
        stream = zlib.decompressobj(-15)
        while not stream.eof:
            packed = self._source.take(_INPUT)
            if not packed:
                self._meter.flaw(FlawCode.TRUNCATED, f"{self._what}: the packed data end early, the rest was read")
                return
            if self._is_outermost:
                self._origin.take(len(packed))
            while packed and not stream.eof:
                before = stream.copy()
                try:
                    piece = stream.decompress(packed, PIECE)
                except zlib.error:
                    yield self.measure.count(_salvage(before, packed))
                    self._meter.flaw(FlawCode.DAMAGED, f"{self._what}: the packed data are damaged, the rest was read")
                    return
                packed = stream.unconsumed_tail
                if piece:
                    yield self.measure.count(piece)
        self.is_whole = True
        self._source.put_back(stream.unused_data)


def _salvage(stream: zlib._Decompress, packed: bytes) -> bytes:
    """What packed octets give before their damaged place: taken one by one."""
    found = bytearray()
    try:
        for place in range(len(packed)):
            found += stream.decompress(packed[place : place + 1], PIECE)
    except zlib.error:
        pass
    return bytes(found)


def gunzip(source: Chunks, meter: Meter, origin: PackedSize, *, is_outermost: bool, what: str) -> Iterator[bytes]:
    """The octets of all members of a gzip file."""
    members = 0
    while source.peek(2)[:2] == b"\x1f\x8b":
        if not _skip_header(source):
            if not members:
                raise RefusedError(RefusalCode.DAMAGED, f"{what}: nothing but a part of its header")
            meter.flaw(FlawCode.TRUNCATED, f"{what}: the packed data end in a header")
            return
        members += 1
        if members > meter.limits.members:
            raise RefusedError(RefusalCode.TOO_MANY, f"{what}: more than {meter.limits.members} members")
        stream = Inflater(source, meter, origin, is_outermost=is_outermost, what=what)
        yield from stream.pieces()
        if not stream.is_whole:
            return
        trailer = source.take(8)
        if len(trailer) < 8:  # all the data are there
            return
        if trailer != stream.measure.crc.to_bytes(4, "little") + (stream.measure.size & 0xFFFFFFFF).to_bytes(
            4, "little"
        ):
            meter.flaw(FlawCode.DAMAGED, f"{what}: its checksum is another")
        source.skip_zeros()


def unzlib(source: Chunks, meter: Meter, origin: PackedSize, *, is_outermost: bool, what: str) -> Iterator[bytes]:
    """The octets of a zlib stream."""
    source.take(2)
    stream = Inflater(source, meter, origin, is_outermost=is_outermost, what=what)
    yield from stream.pieces()


def _skip_header(source: Chunks) -> bool:
    """Go behind the header of a member (RFC 1952 section 2.3); False where it does not end."""
    head = source.peek(10)
    if len(head) < 10:
        return False
    flags, place = head[3], 10
    if flags & 28:
        head = source.peek(_HEADER_LIMIT)
    if flags & 4:
        place += 2 + int.from_bytes(head[10:12], "little")
    for bit in (8, 16):  # the name and the comment, each with a zero behind
        if flags & bit:
            place = head.find(b"\0", place) + 1
            if place == 0:
                return False
    if flags & 2:
        place += 2
    return len(source.take(place)) == place and bool(source.peek(1))
