"""Reads the TOML file of the settings and checks it. An error names file, line, key and what was expected.

An unknown key is an error. So is a file that other users may write: the configuration says as which user a program
that root starts runs, and where it listens.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from inalign.errors import SettingsError
from inalign.flow.decide import PLACEHOLDERS
from inalign.mail.domain import DomainError, parse_domain_list
from inalign.mail.networks import NetworkError, Networks
from inalign.settings.config import Config
from inalign.settings.locations import key_lines
from inalign.settings.manual import describe
from inalign.settings.tables import Settings

ROOT = 0


def read_config(path: Path) -> Config:
    """Read and check the configuration file. Raises `SettingsError`."""
    try:
        with path.open("rb") as file:
            reason = distrust(os.fstat(file.fileno()))
            text = file.read().decode("utf-8")
    except UnicodeDecodeError as problem:
        raise SettingsError(f"octet {problem.start} is not UTF-8", location=str(path)) from None
    except OSError as problem:
        raise SettingsError(problem.strerror or str(problem), location=str(path)) from None
    if reason:
        raise SettingsError(f"{reason} {path}", location=str(path))
    return parse_config(text, path)


def parse_config(text: str, path: Path | None = None) -> Config:
    """Parse and check TOML text; `path` is the file that it was read from. Raises `SettingsError`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(str(problem), location=str(path or "settings")) from None
    unchecked = Config(path=path or Path("settings"), lines=key_lines(text))
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as problem:
        raise _explained(unchecked, str(problem)) from None
    config = Config(settings, path, unchecked.lines)
    _check(settings, unchecked)
    return config


def parse_settings(text: str, path: Path | None = None) -> Settings:
    """Parse and check TOML text, and return the settings alone. Raises `SettingsError`."""
    return parse_config(text, path).settings


def distrust(status: os.stat_result) -> str | None:
    """Return why a file with this status is not read, and which command helps; None where it is trusted."""
    if status.st_mode & stat.S_IWOTH:
        return "anybody may write this file, so it is not read; try: chmod o-w"
    if status.st_uid not in (ROOT, os.geteuid()):
        return (
            f"user {status.st_uid} owns this file, neither root nor who runs Inalign, so it is not read; "
            f"try: chown {'root' if os.geteuid() == ROOT else os.geteuid()}"
        )
    if status.st_mode & stat.S_IWGRP and status.st_gid not in (ROOT, os.getegid()):
        return f"group {status.st_gid} may write this file, so it is not read; try: chmod g-w"
    return None


def _check(settings: Settings, config: Config) -> None:
    """Raise the error of the first value that is wrong in itself."""
    for key, values in _lists_of_networks(settings):
        try:
            networks = Networks(values)
        except NetworkError as problem:
            raise config.error(key, problem) from None
        if "gateways" in key and networks.is_empty:
            raise config.error(key, "a gateway needs an address or a network")
        if key not in _MAY_BE_ALL and networks.holds_all:
            raise config.error(key, "a prefix of length 0 would trust every host to name the client")
    for key, names in (
        ("policy.except_domains", settings.policy.except_domains),
        ("policy.trusted_sealers", settings.policy.trusted_sealers),
        ("intake.forwarders", settings.intake.forwarders),
    ):
        try:
            parse_domain_list(names)
        except DomainError as problem:
            raise config.error(key, problem) from None
    if re.search(r"[{}]", re.sub("|".join(map(re.escape, PLACEHOLDERS)), "", settings.policy.reject_text)):
        raise config.error("policy.reject_text", f"braces are for {' and '.join(PLACEHOLDERS)} alone")


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
_INDEX = re.compile(r"\[[0-9]+\]")


def _explained(config: Config, problem: str) -> SettingsError:
    """Return the error for a message of msgspec: `inalign.toml:3: milter.listen: expected array, got str`."""
    at = _AT.search(problem)
    key = at["path"] if at else ""
    words = _AT.sub("", problem)
    unknown = _MISSING.search(words)
    if unknown:
        key = f"{key}.{unknown['field']}".strip(".")
        table = _INDEX.sub("[]", key.rpartition(".")[0])
        known = ", ".join(name for name, *_ in describe() if name.rpartition(".")[0] == table)
        return config.error(key, f"no such setting; known here: {known or 'none'}")
    return config.error(key, f"{words[:1].lower()}{words[1:]}")
