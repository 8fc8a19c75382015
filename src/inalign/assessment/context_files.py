"""What stands around report data, from files: DNS answers, reverse names, a list of reputations (docs/insight.md).

Zones have the form of `--zone` everywhere: JSON or an RFC 1035 master file. The two lists have a line an address:
address, tab, and a name, or the word `dynamic` or `listed`. A folder stands for the files in it that fit, and `.gz` is
unpacked. What is wrong is told with its file and line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import IO, Literal, cast

import msgspec

from inalign.errors import ParseError
from inalign.insight.context import Reputation
from inalign.resolver.interface import MailExchange, canonical_name
from inalign.resolver.master_file import parse_master_file
from inalign.resolver.zone import ZoneResolver
from inalign.store.state.answers import write_answers, write_hosts, write_reputation
from inalign.store.state.control import Control

MAX_ZONE_OCTETS = 256 << 20
"""Of one zone file, unpacked: a gzip bomb must not fill the memory."""
MAX_ADDRESSES = 5_000_000
"""Of all lists of one kind together; each takes about 150 octets of memory while it is read."""
MAX_LINE_OCTETS = 1_000
"""A name has 253, an address 45."""

Answers = dict[str, dict[str, object]]
_TYPES = ("TXT", "A", "AAAA", "MX", "CNAME")
_WORDS: tuple[Reputation, ...] = ("dynamic", "listed")


class ContextError(ParseError):
    """A file is not in the form that is read: which, where, and why."""


def read_zone_files(paths: Sequence[Path]) -> dict[str, Answers]:
    """The answers of each file, by its name. Raises `ContextError`."""
    found: dict[str, Answers] = {}
    for path in _files(paths, lambda name: not _plain(name).endswith((".tsv", ".csv", ".md")), "zone"):
        try:
            octets = zone_octets(path)
            is_json = octets.lstrip()[:1] == b"{"
            found[path.name] = _from_json(octets) if is_json else _from_master_file(octets)
        except (ParseError, msgspec.DecodeError, OSError, EOFError, zlib.error, ValueError) as problem:
            raise ContextError(f"{path}: {problem}") from None
    return found


def zone_octets(path: Path) -> bytes:
    """What a zone file holds. Raises `ParseError` for too much, `OSError`, `EOFError`, `zlib.error`."""
    with _opened(path) as file:
        octets = file.read(MAX_ZONE_OCTETS + 1)
    if len(octets) > MAX_ZONE_OCTETS:
        raise ParseError(f"unpacks to more than {MAX_ZONE_OCTETS >> 20} MiB")
    return octets


def read_ptr_files(paths: Sequence[Path]) -> dict[str, str]:
    """Reverse names by address; the first one of an address counts. Raises `ContextError`."""
    return _read_list(paths, "ptr", lambda word: canonical_name(word).lower())


def read_reputation_files(paths: Sequence[Path]) -> dict[str, Reputation]:
    """Words by address. Raises `ContextError`."""

    def check(word: str) -> str:
        if word not in _WORDS:
            raise ValueError(f"{word[:40]!r} is neither dynamic nor listed")
        return word

    return cast("dict[str, Reputation]", _read_list(paths, "reputation", check))


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files; a folder stands for those in it whose name does not begin with a dot."""
    for path in paths:
        if path.is_dir():
            yield from sorted(child for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
        else:
            yield path


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What files told of DNS and of addresses."""

    zones: Mapping[str, Answers]
    hosts: Mapping[str, str]
    reputation: Mapping[str, Reputation]

    def keep(self, control: Control, *, now: float) -> None:
        """With the store; what was there of the same files is replaced. Raises `ControlError`."""
        for origin, answers in self.zones.items():
            write_answers(control, origin, answers, now=now)
        if self.hosts:
            write_hosts(control, self.hosts)
        if self.reputation:
            write_reputation(control, self.reputation)


def read_surrounding(zone: Sequence[Path], ptr: Sequence[Path], reputation: Sequence[Path]) -> Surrounding:
    """All of the options --zone, --ptr and --reputation, before any of it is kept. Raises `ContextError`."""
    return Surrounding(read_zone_files(zone), read_ptr_files(ptr), read_reputation_files(reputation))


def _files(paths: Sequence[Path], fits: Callable[[str], bool], kind: str) -> Iterator[Path]:
    """Of a folder only those that fit; it must have one."""
    for path in paths:
        try:
            found = [each for each in files_of([path]) if not path.is_dir() or fits(each.name)]
        except OSError as problem:
            raise ContextError(f"{path}: {problem.strerror or problem}") from None
        if not found:
            raise ContextError(f"{path}: there is no {kind} file in this folder")
        yield from found


def _plain(name: str) -> str:
    return name.lower().removesuffix(".gz")


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _from_json(octets: bytes) -> Answers:
    mapping = msgspec.json.decode(octets, type=dict[str, dict[str, object]])
    ZoneResolver.from_json(mapping)  # it says what is wrong, and where
    answers: Answers = {}
    for name, listed in mapping.items():
        kept = {kind: listed[kind] for kind in _TYPES if listed.get(kind) is not None}
        error = str(listed.get("error") or "").lower()
        if error and not kept:
            if error == "nxdomain":
                continue
            kept["error"] = error
        alias = kept.get("CNAME")
        if isinstance(alias, list):
            kept.pop("CNAME")
            kept |= {"CNAME": str(alias[0])} if alias else {}
        answers.setdefault(canonical_name(name), {}).update(kept)
    return answers


def _from_master_file(octets: bytes) -> Answers:
    answers: Answers = {}
    for record in parse_master_file(octets):
        listed = answers.setdefault(record.owner, {})
        if record.kind == "CNAME":
            listed["CNAME"] = str(record.value)
        elif record.kind in _TYPES:
            values = listed.setdefault(record.kind, [])
            if isinstance(values, list):
                values.append(written(record.value))
    return answers


def written(value: object) -> object:
    """A record as a zone in JSON has it."""
    match value:
        case MailExchange(preference, exchange):
            return [preference, exchange]
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case _:
            return str(value)


def _read_list(paths: Sequence[Path], kind: Literal["ptr", "reputation"], make: Callable[[str], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in _files(paths, lambda name: name.startswith(kind), kind):
        number = 0
        try:
            with _opened(path) as file:
                while line := file.readline(MAX_LINE_OCTETS + 1):
                    number += 1
                    if len(line) > MAX_LINE_OCTETS:
                        raise ValueError(f"the line is longer than {MAX_LINE_OCTETS} octets")
                    text = line.decode("utf-8").strip()
                    if not text or text.startswith("#"):
                        continue
                    address, tab, word = text.partition("\t")
                    if not tab:
                        raise ValueError("there is no tab between address and word")
                    found.setdefault(_address(address), make(word.strip()))
                    if len(found) > MAX_ADDRESSES:
                        raise ValueError(f"there are more than {MAX_ADDRESSES} addresses")
        except (OSError, EOFError, zlib.error, ValueError) as problem:
            raise ContextError(f"{path}:{number}: {problem}") from None
    return found


def _address(text: str) -> str:
    """Canonical, as rows have it."""
    address = ip_address(text.strip())
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
