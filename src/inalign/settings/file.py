"""The TOML file of the settings: read and checked; what is wrong is told with file, line, key and what was expected.

Unknown keys are errors.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from inalign.errors import SettingsError
from inalign.flow.decide import PLACEHOLDERS
from inalign.mail.domain import DomainError, parse_domain_list
from inalign.mail.networks import NetworkError, Networks
from inalign.settings.manual import describe
from inalign.settings.ownership import distrust
from inalign.settings.tables import Settings


def read_settings(path: Path) -> Settings:
    """Read a TOML file; raises `SettingsError` naming file, line, key and what was expected.

    A file that others may have written is refused.
    """
    try:
        with path.open("rb") as file:
            reason = distrust(os.fstat(file.fileno()))
            text = file.read().decode("utf-8")
    except UnicodeDecodeError as problem:
        raise SettingsError(f"{path}: not UTF-8 at octet {problem.start}") from None
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from None
    if reason:
        raise SettingsError(f"{path}: {reason} {path}")
    return parse_settings(text, str(path))


def parse_settings(text: str, source: str = "settings") -> Settings:
    """Read TOML text; `source` stands for the file in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{source}: {problem}") from None
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as problem:
        raise SettingsError(_explain(str(problem), text, source)) from None
    for key, values in _lists_of_networks(settings):
        try:
            networks = Networks(values)
        except NetworkError as problem:
            raise SettingsError(f"{_place(source, text, key)}: {key}: {problem}") from None
        where = f"{_place(source, text, key)}: {key}"
        if "gateways" in key and networks.is_empty:
            raise SettingsError(f"{where}: a gateway needs an address or a network")
        if key not in _MAY_BE_ALL and networks.holds_all:
            raise SettingsError(f"{where}: a prefix of length 0 would let everybody say who he is")
    for key, names in (
        ("policy.except_domains", settings.policy.except_domains),
        ("policy.trusted_sealers", settings.policy.trusted_sealers),
        ("intake.forwarders", settings.intake.forwarders),
    ):
        try:
            parse_domain_list(names)
        except DomainError as problem:
            raise SettingsError(f"{_place(source, text, key)}: {key}: {problem}") from None
    if re.search(r"[{}]", re.sub("|".join(map(re.escape, PLACEHOLDERS)), "", settings.policy.reject_text)):
        key = "policy.reject_text"
        raise SettingsError(f"{_place(source, text, key)}: {key}: braces are for {' and '.join(PLACEHOLDERS)} alone")
    return settings


def place(path: Path | None, key: str) -> str:
    """Where a setting stands, as `file:line`, for an error that is found later than on reading."""
    if path is None:
        return "built-in defaults"
    try:
        return _place(str(path), path.read_text("utf-8"), key)
    except (OSError, UnicodeDecodeError):
        return str(path)


def _lists_of_networks(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    milter = settings.milter
    yield "milter.local_networks", milter.local_networks
    yield "milter.trusted_relays", milter.trusted_relays
    yield "milter.relays", milter.relays
    for number, gateway in enumerate(milter.gateways):
        yield f"milter.gateways[{number}].networks", gateway.networks
    yield "intake.listener.trusted_networks", settings.intake.listener.trusted_networks
    yield "web.proxies", settings.web.proxies


_MAY_BE_ALL = {"milter.local_networks", "milter.trusted_relays"}
_MISSING = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def _explain(problem: str, text: str, source: str) -> str:
    """msgspec's words with the place in the file: `inalign.toml:3: milter.listen: expected array, got str`."""
    at = _AT.search(problem)
    path = at["path"] if at else ""
    words = _AT.sub("", problem)
    unknown = _MISSING.search(words)
    if unknown:
        path = f"{path}.{unknown['field']}".strip(".")
        table = _INDEX.sub("[]", path.rpartition(".")[0])
        known = ", ".join(name for name, *_ in describe() if name.rpartition(".")[0] == table)
        return f"{_place(source, text, path)}: {path}: no such setting; known here: {known or 'none'}"
    return f"{_place(source, text, path)}: {path}: {words[:1].lower()}{words[1:]}"


_INDEX = re.compile(r"\[[0-9]+\]")
_HEADER = re.compile(r"\s*(?P<list>\[)?\[\s*(?P<name>[^\]]+?)\s*\]")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_.-]+)\s*=")


def _place(source: str, text: str, path: str) -> str:
    """`file:line` of a key, as far as the text shows it; of the table that it is missing from, where there is one."""
    # What stands for it: the key itself, or the key whose list it is in.
    wanted = {path, re.sub(r"\[[0-9]+\]$", "", path), path.partition("[")[0]}
    missing_from = path.rpartition(".")[0]
    table, best = "", ""
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header["name"]
            if header["list"]:
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            if table in wanted:
                return f"{source}:{number}"
            if table == missing_from:
                best = f"{source}:{number}"
        elif (key := _KEY.match(line)) and f"{table}.{key['name']}".strip(".") in wanted:
            return f"{source}:{number}"
    return best or source
