"""Containers around reports: gzip, zlib, zip, tar and mail, in any mix, known by their octets and not by their names.

Octets pass through in pieces; a zip archive and a mail stand in memory whole, and no more than a mail server takes.
Everything is bounded: octets, ratio, depth, entries. What goes wrong in one entry leaves the others.
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from inalign.reports.flaw import Flaw, FlawCode, RefusalCode
from inalign.reports.limits import CONTAINER_LIMITS, ContainerLimits
from inalign.reports.report import Refusal

PIECE = 1 << 16
PEEKED = 1024
"""Octets by which a container is known."""


class Spoiled(Exception):  # noqa: N818 - it never leaves this package
    """Reading of something ends here, for this reason."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail

    def refusal(self, name: str) -> Refusal:
        """As it is told, with where it was."""
        return Refusal(self.code.value, f"{name}: {self.detail}"[:200] if name else self.detail[:200])


class Stream:
    """Pieces of octets with a look at the first of them."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._start = b""

    def peek(self) -> bytes:
        """The first octets, without taking them."""
        while len(self._start) < PEEKED:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._start += piece
        return self._start

    def __iter__(self) -> Iterator[bytes]:
        start, self._start = self._start, b""
        if start:
            yield start
        yield from self._pieces

    def whole(self, limit: int, what: str) -> bytes:
        """All of it. Raises `Spoiled` beyond `limit` octets."""
        parts, size = [], 0
        for piece in self:
            size += len(piece)
            if size > limit:
                raise Spoiled(RefusalCode.TOO_LARGE, f"{what} of more than {limit} octets")
            parts.append(piece)
        return b"".join(parts)


class Meter:
    """What one input has taken so far, and the flaws of its containers."""

    def __init__(self, limits: ContainerLimits = CONTAINER_LIMITS) -> None:
        self.limits = limits
        self.flaws: list[Flaw] = []
        self.taken = 0
        """Octets of the input itself."""
        self._unpacked = 0
        self._refused = 0
        """Of those the octets of bombs."""
        self._entries = 0

    def count_input(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of the input."""
        for piece in pieces:
            self.taken += len(piece)
            yield piece

    def count_unpacked(self, pieces: Iterable[bytes], what: str) -> Iterator[bytes]:
        """The pieces of something unpacked. Raises `Spoiled` where it grows beyond what a report does."""
        size, limits = 0, self.limits
        for piece in pieces:
            size += len(piece)
            self._unpacked += len(piece)
            if size > limits.payload_bytes or self._unpacked > limits.total_bytes:
                raise Spoiled(RefusalCode.TOO_LARGE, f"{what} unpacks to more than the limit")
            kept = self._unpacked - self._refused
            if kept > limits.ratio_free_bytes and kept > limits.ratio * max(self.taken, 1):
                self._refused += size  # what stands beside a bomb is read all the same
                raise Spoiled(RefusalCode.BOMB, f"{what} unpacks to more than {limits.ratio} times its size")
            yield piece

    def entry(self) -> None:
        """Count a part or an entry. Raises `Spoiled`."""
        self._entries += 1
        if self._entries > self.limits.entries:
            raise Spoiled(RefusalCode.TOO_MANY, f"more than {self.limits.entries} parts and entries")

    def flaw(self, code: FlawCode, detail: str) -> None:
        """Note what was mended."""
        flaw = Flaw(code.value, detail[:200])
        if flaw not in self.flaws and len(self.flaws) < self.limits.outcomes:
            self.flaws.append(flaw)


def is_gzip(start: bytes) -> bool:
    return start.startswith(b"\x1f\x8b")


def is_zip(start: bytes) -> bool:
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK\x03\x04"))


def is_zlib(start: bytes) -> bool:
    """By the two octets of RFC 1950 section 2.2, which no text begins with."""
    return len(start) > 6 and start[0] == 0x78 and start[1] in (0x01, 0x5E, 0x9C, 0xDA)


def is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


UNSUPPORTED = ((b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"))


class Packed:
    """Packed octets as they are taken: so many at a time, and what is left over goes back."""

    def __init__(self, stream: Stream) -> None:
        self._pieces = iter(stream)
        self._rest = b""

    def take(self, size: int) -> bytes:
        """At most so many octets; none at the end."""
        while not self._rest:
            self._rest = next(self._pieces, b"")
            if not self._rest:
                return b""
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def put_back(self, octets: bytes) -> None:
        """The next ones to be taken."""
        self._rest = octets + self._rest

    def skip_gzip_header(self) -> bool:
        """Take the header of a gzip member (RFC 1952 section 2.3); False where there is none, or it ends early."""
        head = b""
        while len(head) < HEADER_OCTETS:
            more = self.take(HEADER_OCTETS - len(head))
            if not more:
                break
            head += more
            found = _GZIP_HEADER.match(head)
            if found is None and len(head) > 2 and not is_gzip(head):
                break
            if found is not None:
                end = _end_of_gzip_header(head)
                if end is not None:
                    self.put_back(head[end:])
                    return True
        self.put_back(head)
        return False


HEADER_OCTETS = 1 << 17
"""Of a gzip member: a name, a comment, and an extra field of at most 65,535 octets."""
SLICE = 4_096
"""Packed octets given to zlib at a time: so few are tried one by one where they are damaged."""
_GZIP_HEADER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{6}", re.DOTALL)


def _end_of_gzip_header(head: bytes) -> int | None:
    flags, place = head[3], 10
    if flags & 4:
        if len(head) < place + 2:
            return None
        place += 2 + int.from_bytes(head[place : place + 2], "little")
    for flag in (8, 16):  # a name, a comment, each to its NUL
        if flags & flag:
            place = head.find(b"\0", place) + 1
            if place == 0:
                return None
    place += 2 if flags & 2 else 0
    return place if len(head) >= place else None


def gunzip(stream: Stream, meter: Meter, what: str) -> Iterator[bytes]:
    """The octets in gzip, all its members; checksums are not asked. Zeros and anything else behind are left out."""
    packed = Packed(stream)
    if not packed.skip_gzip_header():
        raise Spoiled(RefusalCode.DAMAGED, f"{what} is no whole gzip header")
    while True:
        yield from _inflate(packed, meter, what)
        packed.take(8)  # checksum and size; may come in two pieces, and then what is left is no header
        if not packed.skip_gzip_header():
            return


def unzlib(stream: Stream, meter: Meter, what: str) -> Iterator[bytes]:
    """The octets in zlib (RFC 1950)."""
    packed = Packed(stream)
    packed.take(1)
    packed.take(1)
    yield from _inflate(packed, meter, what)


def _inflate(packed: Packed, meter: Meter, what: str) -> Iterator[bytes]:
    """One deflate stream; where it ends early or is damaged, what came before that, and a flaw."""
    inflater = zlib.decompressobj(-15)
    while not inflater.eof:
        octets = packed.take(SLICE)
        if not octets:
            meter.flaw(FlawCode.TRUNCATED, f"{what} ends early; what is there was read")
            return
        before = inflater.copy()
        try:
            unpacked = inflater.decompress(octets, PIECE)
            while unpacked:
                yield unpacked
                unpacked = inflater.decompress(inflater.unconsumed_tail, PIECE) if inflater.unconsumed_tail else b""
        except zlib.error:
            yield from _salvage(before, octets)
            meter.flaw(FlawCode.DAMAGED, f"{what} is damaged; what comes before that was read")
            return
    packed.put_back(inflater.unused_data)


def _salvage(inflater: zlib._Decompress, octets: bytes) -> Iterator[bytes]:
    """What octets give before a damaged place."""
    for place in range(len(octets)):
        try:
            unpacked = inflater.decompress(octets[place : place + 1])
        except zlib.error:
            return
        if unpacked:
            yield unpacked


class Entry(NamedTuple):
    """Something in an archive."""

    name: str
    pieces: Iterator[bytes]


def zip_entries(data: bytes, meter: Meter, what: str) -> Iterator[Entry | Refusal]:
    """The files of a zip archive; folders and what macOS adds are none."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, IndexError, UnicodeError):
        meter.flaw(FlawCode.DAMAGED, f"{what} has no directory that can be read; its entries were looked for")
        yield from _local_entries(data, meter)
        return
    for info in infos:
        name = info.filename
        if name.endswith("/") or name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("._"):
            continue
        meter.entry()
        if info.flag_bits & 1:
            yield Refusal(RefusalCode.ENCRYPTED.value, f"{name} needs a password"[:200])
            continue
        yield Entry(name, _zip_pieces(archive, info, meter))


def _zip_pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Iterator[bytes]:
    has_any = False
    try:
        with archive.open(info) as file:
            while piece := file.read(PIECE):
                has_any = True
                yield piece
    except NotImplementedError as problem:
        raise Spoiled(RefusalCode.UNSUPPORTED, str(problem)) from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, UnicodeError) as problem:
        if not has_any:
            raise Spoiled(RefusalCode.DAMAGED, str(problem)) from None
        meter.flaw(FlawCode.DAMAGED, f"{info.filename}: {problem}; what could be unpacked was read")


def _local_entries(data: bytes, meter: Meter) -> Iterator[Entry]:
    """Entries by their own headers, where the directory at the end is not there."""
    place = data.find(b"PK\x03\x04")
    while 0 <= place <= len(data) - 30:
        method = int.from_bytes(data[place + 8 : place + 10], "little")
        size = int.from_bytes(data[place + 18 : place + 22], "little")
        name_size = int.from_bytes(data[place + 26 : place + 28], "little")
        extra_size = int.from_bytes(data[place + 28 : place + 30], "little")
        name = data[place + 30 : place + 30 + name_size].decode("utf-8", "replace")
        start = place + 30 + name_size + extra_size
        meter.entry()
        if not name.endswith("/") and method == 8:
            yield Entry(name, _inflate(Packed(Stream([data[start:]])), meter, name))
        elif not name.endswith("/") and method == 0 and size:
            yield Entry(name, iter([data[start : start + size]]))
        place = data.find(b"PK\x03\x04", max(start, place + 4))


class _Pipe(io.RawIOBase):
    """Pieces as a file that is read forward."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size or size < 0:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        end = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:end], self._rest[end:]
        return found


def _tar_pieces(file: IO[bytes], meter: Meter, name: str) -> Iterator[bytes]:
    try:
        while piece := file.read(PIECE):
            yield piece
    except (tarfile.TarError, EOFError, ValueError):
        meter.flaw(FlawCode.TRUNCATED, f"{name} ends early; what is there was read")


def tar_entries(stream: Stream, meter: Meter, what: str) -> Iterator[Entry]:
    """The files of a tar archive, one after the other."""
    try:
        with tarfile.open(fileobj=_Pipe(iter(stream)), mode="r|") as archive:
            for member in archive:
                meter.entry()
                if not member.isfile() or member.name.rpartition("/")[2].startswith("._"):
                    continue
                file = archive.extractfile(member)
                if file is not None:
                    yield Entry(member.name, _tar_pieces(file, meter, member.name))
    except (tarfile.TarError, OSError, EOFError, ValueError, UnicodeError) as problem:
        meter.flaw(FlawCode.DAMAGED, f"{what}: {problem}; what could be unpacked was read")
