"""`--zone`: DNS from files, in place of the network."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from inalign.assessment.context_files import files_of, zone_octets
from inalign.errors import ParseError
from inalign.resolver import ZoneResolver


def read_zones(paths: Sequence[Path]) -> ZoneResolver:
    """One resolver from all files; of a folder all files are read, `.gz` is unpacked.

    A file that begins with `{` is JSON (names to records), any other an RFC 1035 master file.
    """
    zones = []
    for path in files_of(paths):
        try:
            octets = zone_octets(path)
            if octets.lstrip()[:1] == b"{":
                zones.append(ZoneResolver.from_json(msgspec.json.decode(octets, type=dict[str, dict[str, object]])))
            else:
                zones.append(ZoneResolver.from_master_file(octets))
        except (ParseError, msgspec.DecodeError, OSError, EOFError, zlib.error, UnicodeDecodeError) as problem:
            raise click.UsageError(f"--zone {path}: {problem}") from None
    return ZoneResolver.merge(*zones)
