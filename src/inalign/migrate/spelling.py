"""How these programs spell values: yes and no, numbers, sets of names.

Each function raises `SettingsError`, without the place.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

from inalign.errors import SettingsError
from inalign.keys.opendkim.data_set import DataSet, read_data_set
from inalign.mail.networks import parse_network

ELSEWHERE = re.compile(r"(?:db|dsn|ldaps?|ldapi|lua|memcache|erlang|mdb|repute|socket|bdb):|.*\.db$", re.IGNORECASE)
LOCALHOST = ("127.0.0.1", "::1")


class Name(NamedTuple):
    """One of a set, and where it stands."""

    place: str
    text: str


def boolean(value: str) -> bool:
    """The first letter decides."""
    if value[:1] in ("t", "T", "y", "Y", "1"):
        return True
    if value[:1] in ("f", "F", "n", "N", "0"):
        return False
    raise SettingsError(f"{value!r} is neither yes nor no")


def integer(value: str) -> int:
    """As C reads it: 0x begins a hexadecimal number, and 0 an octal one."""
    match = re.fullmatch(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))", value, re.ASCII)
    if match is None or len(value) > 20:
        raise SettingsError(f"{value!r} is no whole number")
    sign, hexadecimal, octal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
    return -number if sign == "-" else number


def whole_path(path: str, base: Path | None) -> Path:
    """A path that means the same wherever a program is started; `base` is BaseDirectory."""
    if path.startswith("/"):
        return Path(path)
    if base is None:
        raise SettingsError(f"{path!r} is relative to where the program was started; write it whole")
    return base / path


def data_set_name(value: str, base: Path | None = None) -> str:
    """The name of a data set with its whole path; a list that says nothing else is `csl:`."""
    kind, colon, rest = value.partition(":")
    if ELSEWHERE.match(value):
        raise SettingsError(
            f"{_without_password(value)!r} is in a database or program that is not asked here; write it to a file, "
            "or see sign.database for keys"
        )
    if value.startswith(("/", "./", "../")):
        return str(whole_path(value, base))
    if colon and kind in ("file", "refile"):
        return f"{kind}:{whole_path(rest.strip(), base)}"
    return value if colon and kind == "csl" else f"csl:{value}"


def data_set(value: str, base: Path | None = None) -> DataSet:
    """A data set, read."""
    return read_data_set(data_set_name(value, base))


def names(value: str, place: str, base: Path | None = None) -> list[Name]:
    """The names in a set, each with its own place where that is a file."""
    found = data_set(value, base)
    return [Name(found.place(row.number) if found.path else place, row.name) for row in found.rows]


def lines_of(path: Path) -> list[Name]:
    """The first word of each line of a file."""
    return names(str(path), "")


def separated(value: str, place: str) -> list[Name]:
    """What stands between commas."""
    return [Name(place, part.strip()) for part in value.split(",") if part.strip()]


def networks(text: str) -> list[str] | None:
    """A client as Inalign writes it: addresses and networks, `!` before an exception; None for the name of a host."""
    negation = "!" if text.startswith("!") else ""
    bare = text.removeprefix("!").strip().lower()
    if bare == "localhost":
        return [negation + address for address in LOCALHOST]
    bare = bare.replace("[", "").replace("]", "")
    try:
        network = parse_network(str(ip_network(bare, strict=False)))
    except ValueError:
        return None
    is_host = network.prefixlen == network.max_prefixlen
    return [negation + str(network.network_address if is_host else network)]


def _without_password(value: str) -> str:
    return re.sub(r"(//[^/@]*:)[^/@]*@", r"\1...@", value)
