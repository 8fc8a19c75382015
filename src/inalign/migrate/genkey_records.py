"""The records beside the keys: `opendkim-genkey` writes one next to every key, and it should be of that key."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from inalign.dkim.crypto import KeyDataError, PrivateKey, load_rsa_public_key
from inalign.dkim.sign import ADVISED_RSA_BITS
from inalign.keys.fault import Fault
from inalign.keys.key_file import KeyAccess, KeyFileError, read_key_file
from inalign.keys.key_store import KeySource

MAX_RECORD_OCTETS = 65_536
OWNER = re.compile(r"\s*(?P<selector>[A-Za-z0-9_.-]+?)\._domainkey(?:\.(?P<domain>[A-Za-z0-9_.-]+?))?\.?\s")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


class GenkeyRecord(NamedTuple):
    """One in a file."""

    place: str
    selector: str
    domain: str
    key: bytes
    """The public key text of the p= tag."""


class _FolderKeys:
    """The keys in one folder: by what they are, by the names of their files, and by the names that they sign under."""

    def __init__(self) -> None:
        self.same: dict[bytes, list[KeySource]] = {}
        self.of_file: dict[str, list[KeySource]] = {}
        self.of_selector: dict[str, list[KeySource]] = {}

    def add(self, source: KeySource, key: PrivateKey, path: Path) -> None:
        self.same.setdefault(key.public_octets(), []).append(source)
        for name in {path.stem, path.name}:
            self.of_file.setdefault(name, []).append(source)
        self.of_selector.setdefault(source.selector, []).append(source)


def record_faults(sources: Iterable[KeySource], access: KeyAccess) -> Iterator[Fault]:
    """Records beside these keys that say something else than the keys."""
    in_folders: dict[Path, list[KeySource]] = {}
    for source in sources:
        if source.path is not None:
            in_folders.setdefault(source.path.parent, []).append(source)
    for folder, held in in_folders.items():
        try:
            files = sorted(folder.glob("*.txt"))
        except OSError:
            continue
        records = [(record, path.stem) for path in files for record in read_records(path)]
        keys = _keys(held, access) if records else _FolderKeys()  # to read a key takes longer than all else
        for record, stem in records:
            yield from _faults(record, keys, stem)


def _keys(sources: Iterable[KeySource], access: KeyAccess) -> _FolderKeys:
    found = _FolderKeys()
    for source in sources:
        if source.path is not None:
            with suppress(KeyFileError):  # said where the key is checked
                found.add(source, read_key_file(source.path, access), source.path)
    return found


def _faults(record: GenkeyRecord, keys: _FolderKeys, stem: str) -> Iterator[Fault]:
    name = f"{record.selector}._domainkey"
    same, of_file = keys.same.get(record.key, []), keys.of_file.get(stem, [])
    if same and not any(_is_name_of(record, source) for source in same):
        yield Fault(record.place, f"is printed as {name}{_of(record)}, and its key signs as {same[0].name}")
    elif not same:
        of_name = keys.of_selector.get(record.selector.lower(), [])
        for source in of_file or [source for source in of_name if _is_name_of(record, source)]:
            yield Fault(record.place, f"p= of {name} is not the key in {source.path}, which signs as {source.name}")
    try:
        bits = load_rsa_public_key(record.key).bits
    except KeyDataError:
        return
    if bits < ADVISED_RSA_BITS and (same or of_file):
        text = f"p= of {name} has {bits} bits; {ADVISED_RSA_BITS} are advised (RFC 8301 section 3.2)"
        yield Fault(record.place, text, False)


def _is_name_of(record: GenkeyRecord, source: KeySource) -> bool:
    return record.selector.lower() == source.selector and record.domain.lower() in ("", source.domain)


def _of(record: GenkeyRecord) -> str:
    return f".{record.domain}" if record.domain else ""


def read_records(path: Path) -> list[GenkeyRecord]:
    """The key records in a zone file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_RECORD_OCTETS).decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    starts = [(number, owner) for number, line in enumerate(lines) if (owner := OWNER.match(line + " "))]
    found = []
    for index, (number, owner) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(lines)
        text = "".join(part for line in lines[number:end] for part in STRING.findall(line))
        key = re.search(r"(?:^|;)\s*p\s*=([A-Za-z0-9+/=\s]*)", text)
        try:
            octets = base64.b64decode("".join(key[1].split()), validate=True) if key else b""
        except binascii.Error:
            octets = b""
        if octets:
            found.append(GenkeyRecord(f"{path}:{number + 1}", owner["selector"], owner["domain"] or "", octets))
    return found
