"""The files of a zip archive (APPNOTE.TXT of PKWARE, sections 4.3 to 4.5): contents, never paths.

The central directory is believed where each of its entries points at a local header; else the local headers are
looked for one by one, so that an archive without its end, or with something in front, is read as well. An entry that
overlaps another is a bomb.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Iterator
from typing import NamedTuple

from inalign.reports.containers.chunks import PIECE, Chunks, Meter, PackedSize, RefusedError
from inalign.reports.containers.inflate import Inflater, Measure
from inalign.reports.flaw import FlawCode, RefusalCode

_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14
MAX_DICTIONARY = 64 << 20  # of LZMA, held in memory; the strongest setting of common programs takes as much
_METHODS = {1: "shrunk", 6: "imploded", 9: "deflate64", 93: "zstandard", 95: "xz", 98: "PPMd"}
_ALL_ONES = 0xFFFFFFFF


class ZipEntry(NamedTuple):
    """One file of an archive."""

    name: str
    is_encrypted: bool
    method: int
    crc: int | None
    start: int
    """Where its packed octets begin."""
    size: int | None
    """How many there are; None where only the data say so."""


def zip_entries(data: bytes, meter: Meter, what: str) -> list[ZipEntry]:
    """The files of an archive, without folders and what macOS adds."""
    entries = _by_directory(data, meter)
    if entries is None:
        meter.flaw(FlawCode.DAMAGED, f"{what}: no whole directory, its files were looked for")
        entries = _by_search(data, meter)
    _refuse_overlaps(entries, what)
    return [entry for entry in entries if not _is_noise(entry.name)]


def unzip(
    data: bytes, entry: ZipEntry, meter: Meter, origin: PackedSize, *, is_outermost: bool, what: str
) -> Iterator[bytes]:
    """The unpacked octets of one file."""
    if entry.is_encrypted:
        raise RefusedError(RefusalCode.ENCRYPTED, f"{what}: a password is needed")
    end = len(data) if entry.size is None else min(entry.start + entry.size, len(data))
    packed = Chunks(data[place : min(place + PIECE, end)] for place in range(entry.start, end, PIECE))
    measure, is_whole = Measure(meter, origin, what), True
    if entry.method == _DEFLATED:
        stream = Inflater(packed, meter, origin, is_outermost=is_outermost, what=what)
        yield from stream.pieces()
        measure, is_whole = stream.measure, stream.is_whole
    elif entry.method == _STORED:
        origin.take(end - entry.start)
        for piece in packed.pieces():
            yield measure.count(piece)
        if entry.size is not None and entry.start + entry.size > len(data):
            meter.flaw(FlawCode.TRUNCATED, f"{what}: the archive ends early, the rest was read")
    elif entry.method in (_BZIP2, _LZMA):
        origin.take(end - entry.start)
        for piece in _rare(packed, entry.method, what):
            yield measure.count(piece)
    else:
        method = _METHODS.get(entry.method, str(entry.method))
        raise RefusedError(RefusalCode.UNSUPPORTED, f"{what}: packed with {method}")
    if is_whole and entry.crc is not None and measure.crc != entry.crc:
        meter.flaw(FlawCode.DAMAGED, f"{what}: its checksum is another")


def _rare(packed: Chunks, method: int, what: str) -> Iterator[bytes]:
    """What bzip2 or LZMA unpack to, as far as the data are whole."""
    stream = bz2.BZ2Decompressor() if method == _BZIP2 else _lzma(packed, what)
    while not stream.eof:
        octets = packed.take(PIECE) if stream.needs_input else b""
        if stream.needs_input and not octets:
            return
        try:
            piece = stream.decompress(octets, PIECE)
        except (OSError, EOFError, lzma.LZMAError, ValueError):
            return  # the checksum tells
        if piece:
            yield piece


def _lzma(packed: Chunks, what: str) -> lzma.LZMADecompressor:
    """APPNOTE section 5.8: version, size of the properties, and those: one octet, and the size of the dictionary."""
    head = packed.take(9)
    dictionary, properties = int.from_bytes(head[5:9], "little"), head[4] if len(head) == 9 else 255
    if properties >= 225 or dictionary > MAX_DICTIONARY:
        raise RefusedError(RefusalCode.UNSUPPORTED, f"{what}: LZMA with a dictionary of {dictionary} octets")
    lc, rest = properties % 9, properties // 9
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": rest % 5, "pb": rest // 5}]
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError):
        raise RefusedError(RefusalCode.UNSUPPORTED, f"{what}: LZMA with odd properties") from None


def _by_directory(data: bytes, meter: Meter) -> list[ZipEntry] | None:
    """The entries that the central directory names, or None where it is not there or not right."""
    end = data.rfind(_END, max(0, len(data) - 65_557))  # behind it a comment of up to 65,535 octets
    if end < 0 or end + 22 > len(data):
        return None
    size, place = _number(data, end + 12, 4), _number(data, end + 16, 4)
    if _ALL_ONES in (place, size):
        place = data.rfind(b"PK\x06\x06", 0, end)
        place = _number(data, place + 48, 8) if place >= 0 else len(data)
    entries: list[ZipEntry] = []
    while data.startswith(_CENTRAL, place):
        if len(entries) > meter.limits.entries:
            raise RefusedError(RefusalCode.TOO_MANY, f"an archive with more than {meter.limits.entries} files")
        name_size, extra_size = _number(data, place + 28, 2), _number(data, place + 30, 2)
        name = data[place + 46 : place + 46 + name_size]
        extra = data[place + 46 + name_size : place + 46 + name_size + extra_size]
        packed, unpacked, local = (_number(data, place + at, 4) for at in (20, 24, 42))
        if _ALL_ONES in (packed, unpacked, local):
            packed, local = _zip64(extra, packed, unpacked, local)
        if not data.startswith(_LOCAL, local) or local + 30 > len(data):
            return None
        entries.append(
            ZipEntry(
                name=_name(name),
                is_encrypted=bool(_number(data, place + 8, 2) & 1),
                method=_number(data, place + 10, 2),
                crc=_number(data, place + 16, 4),
                start=local + 30 + _number(data, local + 26, 2) + _number(data, local + 28, 2),
                size=packed,
            )
        )
        place += 46 + name_size + extra_size + _number(data, place + 32, 2)
    is_whole = len(entries) & 0xFFFF == _number(data, end + 10, 2) and place <= end
    return entries if is_whole and (entries or not data.startswith(_LOCAL)) else None


def _by_search(data: bytes, meter: Meter) -> list[ZipEntry]:
    """The entries that local headers show, one behind the other."""
    entries: list[ZipEntry] = []
    place = data.find(_LOCAL)
    while place >= 0 and place + 30 <= len(data):
        if len(entries) > meter.limits.entries:
            raise RefusedError(RefusalCode.TOO_MANY, f"an archive with more than {meter.limits.entries} files")
        flags, size = _number(data, place + 6, 2), _number(data, place + 18, 4)
        name_size, extra_size = _number(data, place + 26, 2), _number(data, place + 28, 2)
        start = place + 30 + name_size + extra_size
        method = _number(data, place + 8, 2)
        # With a data descriptor the size stands behind the data. Stored octets end at the next signature, then.
        is_told = not flags & 8 and size != _ALL_ONES
        end = start + size if is_told else _next_signature(data, start)
        entries.append(
            ZipEntry(
                name=_name(data[place + 30 : place + 30 + name_size]),
                is_encrypted=bool(flags & 1),
                method=method,
                crc=_number(data, place + 14, 4) if is_told else None,
                start=start,
                size=size if is_told else end - start,
            )
        )
        place = data.find(_LOCAL, end)
    return entries


def _next_signature(data: bytes, start: int) -> int:
    places = [data.find(signature, start) for signature in (b"PK\x07\x08", _LOCAL, _CENTRAL)]
    return min((place for place in places if place >= 0), default=len(data))


def _zip64(extra: bytes, packed: int, unpacked: int, local: int) -> tuple[int, int]:
    """Size and place of an entry that has them in the extra field 1: only those that are all ones stand there."""
    place = 0
    while place + 4 <= len(extra):
        size = _number(extra, place + 2, 2)
        if _number(extra, place, 2) == 1:
            at = place + 4 + (8 if unpacked == _ALL_ONES else 0)
            if packed == _ALL_ONES:
                packed, at = _number(extra, at, 8), at + 8
            if local == _ALL_ONES:
                local = _number(extra, at, 8)
            break
        place += 4 + size
    return packed, local


def _refuse_overlaps(entries: list[ZipEntry], what: str) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start < end:
            raise RefusedError(RefusalCode.BOMB, f"{what}: its files overlap")
        end = entry.start + (entry.size or 0)


def _is_noise(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return (
        name.endswith("/")
        or name.startswith("__MACOSX/")
        or last.startswith("._")
        or last in {".DS_Store", "Thumbs.db"}
    )


def _name(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").replace("\\", "/")


def _number(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")
