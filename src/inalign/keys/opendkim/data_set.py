"""The data sets of OpenDKIM that are text: `file:`, `refile:`, `csl:` (opendkim(8), "DATA SETS").

A line is a name, blanks and a value; `#` begins a comment anywhere; blank lines say nothing, and no line goes on in
the next. A `csl:` holds `name=value` between commas. What needs a library or a server (db, dsn, ldap, lua, memcache)
is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from inalign.errors import SettingsError

KINDS = ("file", "refile", "csl")


class DataSetRow(NamedTuple):
    """One line, or one item of a list; they are counted from 1."""

    number: int
    name: str
    value: str

    def __repr__(self) -> str:
        """Without the value, which may be a private key."""
        return f"Row({self.number}, {self.name!r})"


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """A data set as it was read."""

    kind: str
    path: Path | None
    rows: tuple[DataSetRow, ...]

    def place(self, number: int) -> str:
        """Where a row stands."""
        return f"{self.path}:{number}" if self.path else f"{self.kind}: item {number}"


def data_set_path(name: str) -> Path | None:
    """The file of a data set, None where its name holds the data. Raises `SettingsError`."""
    kind, rest = _split(name)
    return None if kind == "csl" else Path(rest)


def data_set_from(name: str, base: Path) -> str:
    """The name with a path of a file that begins there, where it is a relative one."""
    kind, _, rest = name.partition(":")
    return f"{kind}:{base / rest.strip()}" if kind in ("file", "refile") and rest.strip() else name


def read_data_set(name: str) -> DataSet:
    """Read `file:/PATH`, `/PATH`, `refile:/PATH` or `csl:NAME=VALUE,...`. Raises `SettingsError`."""
    kind, rest = _split(name)
    if kind == "csl":
        items = enumerate(rest.split(","), 1)
        return DataSet(
            kind, None, tuple(_row(number, *item.partition("=")[::2]) for number, item in items if item.strip())
        )
    path = Path(rest)
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{path}: {getattr(problem, 'strerror', None) or problem}") from None
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split(None, 1)
        if words:
            rows.append(DataSetRow(number, words[0], words[1].rstrip() if len(words) > 1 else ""))
    return DataSet(kind, path, tuple(rows))


def _row(number: int, name: str, value: str) -> DataSetRow:
    return DataSetRow(number, name.strip(), value.strip())


def _split(name: str) -> tuple[str, str]:
    if name.startswith("/"):
        return "file", name
    kind, colon, rest = name.partition(":")
    if colon and kind in KINDS and rest:
        return kind, rest.strip() if kind != "csl" else rest
    known = "/PATH, file:PATH, refile:PATH or csl:NAME=VALUE,..."
    raise SettingsError(f"{name!r} is no data set that is read here: expected {known}; for databases see sign.query")
