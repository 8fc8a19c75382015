"""The configuration files that people come with: a name and a value on each line.

`Name value` in OpenDKIM, OpenDMARC, OpenARC and dkimpy-milter, `Name = value` in policyd-spf; `#` begins a comment
anywhere, also within a value. Where a name stands twice, the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from inalign.errors import SettingsError

MAX_DEPTH = 5  # of files that include each other; their manuals say so
MAX_FILE_OCTETS = 1 << 24  # no configuration has more, and /dev/zero has


class SettingLine(NamedTuple):
    """One setting, and where it stands."""

    path: Path
    number: int
    name: str
    value: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a program writes its file."""

    separator: str | None = None
    """What stands between name and value; None for blanks."""
    ignores_case: bool = True
    """Whether names are the same in any case."""
    includes: bool = False
    """Whether `Include` names another file."""

    def split(self, text: str) -> tuple[str, str]:
        name, *rest = text.split(self.separator, 1)
        return name.strip(), "".join(rest).strip()


class Configuration:
    """The lines that count, by name."""

    def __init__(self, dialect: Dialect, lines: list[SettingLine]) -> None:
        self._ignores_case = dialect.ignores_case
        self.lines = lines
        self._last = {self._key(line.name): line for line in lines}

    def _key(self, name: str) -> str:
        return name.lower() if self._ignores_case else name

    def get(self, name: str) -> SettingLine | None:
        """The line of this name that counts."""
        return self._last.get(self._key(name))

    def later(self, line: SettingLine) -> SettingLine | None:
        """The line that counts in the place of this one."""
        last = self.get(line.name)
        return None if last is line else last


def read_configuration(path: Path, dialect: Dialect) -> Configuration:
    """Read a file and those that it includes. Raises `SettingsError`."""
    return Configuration(dialect, list(_lines(path, dialect, ())))


def _lines(path: Path, dialect: Dialect, within: tuple[Path, ...]) -> Iterator[SettingLine]:
    path = path.absolute()
    above = (*within, path.resolve())
    for number, whole in enumerate(_text(path).split("\n"), 1):
        text = whole.partition("#")[0].partition("\r")[0].strip(" \t")
        if not text:
            continue
        line = SettingLine(path, number, *dialect.split(text))
        if not (dialect.includes and line.name.lower() == "include" and line.value):
            yield line
            continue
        included = Path(line.value)
        if included.resolve() in above:
            raise SettingsError(f"{line.place}: Include {included} is a loop: that file is being read already")
        if len(above) > MAX_DEPTH:
            raise SettingsError(f"{line.place}: Include {included} is more than {MAX_DEPTH} files deep")
        try:
            yield line
            yield from _lines(included, dialect, above)
        except OSError as problem:
            raise SettingsError(f"{line.place}: Include {included}: {problem.strerror or problem}") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        octets = file.read(MAX_FILE_OCTETS + 1)
    if len(octets) > MAX_FILE_OCTETS:
        raise SettingsError(f"{path}: more than {MAX_FILE_OCTETS} octets, so this is no configuration")
    return octets.decode("utf-8", "surrogateescape")
