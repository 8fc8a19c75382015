"""What becomes of every option of the other programs: `options.toml`, one row an option."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from inalign.errors import SettingsError
from inalign.migrate.spelling import boolean


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row; exactly one of the first four is there."""

    to: str = ""
    not_needed: str = ""
    instead: str = ""
    not_yet: str = ""
    note: str = ""
    off: str | None = None
    secret: bool = False

    def is_off(self, value: str) -> bool:
        """Whether nothing is lost with this value."""
        if self.off is None:
            return False
        if self.off in ("yes", "no"):
            try:
                return boolean(value) is (self.off == "yes")
            except SettingsError:
                return False
        return value.lower() == self.off.lower()


@cache
def options() -> dict[str, dict[str, Option]]:
    """The rows of each program, by the names of options as it writes them."""
    text = resources.files("inalign.migrate").joinpath("options.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, dict[str, Option]])
