"""The files of a tar archive, read forward (POSIX.1-2017 pax, `ustar` interchange format): contents, never paths."""

from __future__ import annotations

from collections.abc import Iterator

from inalign.reports.containers.chunks import Chunks, Meter
from inalign.reports.containers.sniff import is_tar_header
from inalign.reports.flaw import FlawCode


def untar(source: Chunks, meter: Meter, what: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name and octets of each file. The octets are to be read before the next file is asked for."""
    while is_tar_header(header := source.take(512)):
        meter.entry()
        size = _number(header[124:136])
        if header[156:157] in (b"\0", b"0", b"7"):
            name = header[:100].split(b"\0")[0].decode("utf-8", "replace")
            left = Chunks(source.pieces(size))
            yield name, left.pieces()
            for _ in left.pieces():
                pass
        else:  # folders, links, and the long names of the next entry
            for _ in source.pieces(size):
                pass
        source.take(-size % 512)
    if header.strip(b"\0"):
        meter.flaw(FlawCode.DAMAGED, f"{what}: no entry of a tar archive where one should be")


def _number(text: bytes) -> int:
    """A size: octal digits, or base 256 where the first bit is set (GNU tar)."""
    if text[0] & 0x80:
        return int.from_bytes(text[1:], "big")
    digits = text.strip(b"\0 ")
    return int(digits, 8) if digits and all(octet in b"01234567" for octet in digits) else 0
