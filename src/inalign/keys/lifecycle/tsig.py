"""A TSIG key (RFC 8945) in a file: as tsig-keygen writes it, or `algorithm:name:secret` on a line."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from inalign.errors import SettingsError

MAX_TSIG_FILE_OCTETS = 65_536

_NAMED = re.compile(r'key\s+"?(?P<name>[^\s"{;]+)"?\s*\{(?P<body>[^}]*)\}')
_PART = re.compile(r'(algorithm|secret)\s+"?([^\s";]+)"?\s*;')
_LINE = re.compile(
    r"^\s*(?:(?P<algorithm>hmac-[a-z0-9-]+):)?(?P<name>[^\s:#/;]+):(?P<secret>[A-Za-z0-9+/]+=*)\s*$", re.M
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|(?m:^\s*#[^\n]*)", re.S)


@dataclass(frozen=True, slots=True)
class TsigKey:
    """A secret that we share with a name server. Its repr does not show it."""

    name: str
    algorithm: str
    secret: str = field(repr=False)


def read_tsig_file(path: Path) -> TsigKey:
    """The first key of the file. Raises `SettingsError`, which never holds the secret."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(MAX_TSIG_FILE_OCTETS).decode("utf-8", "replace")
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SettingsError(f"{path}: mode {mode:04o} lets others read or change the secret; try: chmod 600 {path}")
    named = _NAMED.search(_COMMENT.sub("", text))
    if named:
        parts = dict(_PART.findall(named["body"]))
        if "secret" in parts:
            return TsigKey(named["name"], parts.get("algorithm", "hmac-sha256").lower(), parts["secret"])
    line = _LINE.search(text)
    if line:
        return TsigKey(line["name"], line["algorithm"] or "hmac-sha256", line["secret"])
    raise SettingsError(f'{path}: no TSIG key; expected key "NAME" {{ algorithm hmac-sha256; secret "..."; }};')
