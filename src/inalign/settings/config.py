"""The configuration: the settings of a file, the file itself, and the line of each setting in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inalign.errors import SettingsError
from inalign.settings.tables import Settings


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one reading of the configuration file; without a file, the built-in defaults."""

    settings: Settings = field(default_factory=Settings)
    path: Path | None = None
    """The file that was read; None where there was none."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each key and table in the text that was read, by its dotted name: `milter.listen`, `sign.key[0]`."""

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the settings start from: that of the file, or the current one."""
        return self.path.absolute().parent if self.path is not None else Path.cwd()

    def relative(self, name: str | Path) -> Path:
        """Return the path `name`, which is relative to the folder of the configuration file unless it is absolute."""
        return self.folder / name

    def location(self, key: str) -> str:
        """Return `FILE:LINE` of a key, of the list or table that it belongs to, or FILE where none of them is there."""
        if self.path is None:
            return ""
        name = key
        while name:
            if name in self.lines:
                return f"{self.path}:{self.lines[name]}"
            head, bracket, _ = name.rpartition("[")
            dotted = name.rpartition(".")[0]
            name = head if bracket and len(head) > len(dotted) else dotted
        return str(self.path)

    def error(self, key: str, problem: object) -> SettingsError:
        """Return an error about the setting `key`, with its file and line."""
        return SettingsError(str(problem), key=key, location=self.location(key))

    def located(self, error: SettingsError) -> SettingsError:
        """Return the error with file and line of its key, where it has a key and no location yet."""
        if error.location or not error.key:
            return error
        return self.error(error.key, error.problem)
