"""`--zone`: DNS from files, in place of the network."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from inalign.errors import ParseError
from inalign.resolver import ZoneResolver

MAX_ZONE_BYTES = 256 << 20  # unpacked; a zone file is test data, and a gzip bomb must not fill the memory


def read_zones(paths: Sequence[Path]) -> ZoneResolver:
    """One resolver from all files; a folder stands for the files in it, `.gz` is unpacked.

    A file that begins with `{` is JSON (design: names to records), any other an RFC 1035 master file.
    """
    zones = []
    for path in _files(paths):
        try:
            octets = _octets(path)
            if octets.lstrip()[:1] == b"{":
                zones.append(ZoneResolver.from_json(msgspec.json.decode(octets, type=dict[str, dict[str, object]])))
            else:
                zones.append(ZoneResolver.from_master_file(octets))
        except (ParseError, msgspec.DecodeError, OSError, EOFError, zlib.error, UnicodeDecodeError) as problem:
            raise click.UsageError(f"--zone {path}: {problem}") from None
    return ZoneResolver.merge(*zones)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(child for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
        else:
            yield path


def _octets(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    with gzip.open(path) as file:
        octets = file.read(MAX_ZONE_BYTES + 1)
    if len(octets) > MAX_ZONE_BYTES:
        raise ParseError(f"unpacks to more than {MAX_ZONE_BYTES >> 20} MiB")
    return octets
