"""A configuration in the making: our settings, each with the lines that it comes from, and all that was left behind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from inalign.errors import ParseError, SettingsError
from inalign.keys.fault import Fault
from inalign.migrate.configuration import SettingLine
from inalign.migrate.spelling import Name, networks
from inalign.settings.config import Config
from inalign.settings.file import parse_config
from inalign.settings.manual import describe, toml

MAX_SHOWN = 200  # of a value in a comment

Value = str | bool | int | float | list[str]


@dataclass(slots=True)
class MigratedSetting:
    """A setting, and where it comes from."""

    value: Value
    origins: list[str]


class Left(NamedTuple):
    """A line that has no equal here."""

    origin: str
    kind: str
    """`not needed`, `instead`, `not yet`"""
    text: str


class MigratedKeyRule(NamedTuple):
    """One `[[sign.key]]` table of the migrated configuration."""

    place: str
    """Of the line that names the key."""
    origins: tuple[str, ...]
    domain: str
    selector: str
    file: str
    authors: tuple[str, ...] = ()
    identity: str = ""


@dataclass(slots=True)
class Draft:
    """Filled by the translation of one program or several."""

    taken: dict[str, MigratedSetting] = field(default_factory=dict)
    keys: list[MigratedKeyRule] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def take(self, key: str, value: Value, origin: str) -> None:
        """Set what no program before has set otherwise; lists grow."""
        toml(value)  # octets that are no text are refused where they stand
        held = self.taken.get(key)
        if held is None:
            self.taken[key] = MigratedSetting(value, [origin])
        elif isinstance(held.value, list) and isinstance(value, list):
            held.value += [item for item in value if item not in held.value]
            held.origins.append(origin)
        elif held.value == value:
            held.origins.append(origin)
        else:
            self.left.append(Left(origin, "instead", f"{key} is {toml(held.value)} by {held.origins[0]}; one of them."))

    def take_clients(self, entries: Iterable[Name], origin: str) -> None:
        """Clients that are our own. Names of hosts are left behind, each with its place."""
        found: list[str] = []
        for place, text in entries:
            addresses = networks(text)
            if addresses is None:
                why = "Names of hosts are not believed, since whoever owns an address names it: write its addresses."
                self.left.append(Left(shown(f"{place}: {text}"), "instead", why))
            else:
                found += addresses
        self.take("milter.local_networks", list(dict.fromkeys(found)), origin)

    def fault(self, place: str, text: str) -> None:
        """Something that is wrong, and must be mended."""
        self.faults.append(Fault(place, text))

    def config(self) -> Config:
        """Parse and check the new configuration. Raises `SettingsError` with the line that a setting comes from."""
        try:
            return parse_config(self.toml())
        except ParseError as problem:
            raise SettingsError(str(problem)) from None
        except SettingsError as problem:
            held = self.taken.get(problem.key.partition("[")[0])
            location = held.origins[0] if held else "the new configuration"
            raise SettingsError(problem.problem, key=problem.key, location=location) from None

    def toml(self) -> str:
        """As a file, every setting below the lines that it comes from, and at the end what has no equal."""
        lines: list[str] = []
        table = ""
        for key, *_ in describe():
            held = self.taken.get(key)
            if held is None:
                continue
            head, _, name = key.rpartition(".")
            if head != table:
                table = head
                lines += [f"[{head}]", ""]
            lines += [*(f"# {origin}" for origin in held.origins), f"{name} = {toml(held.value)}", ""]
        for rule in self.keys:
            lines += ["[[sign.key]]", *(f"# {origin}" for origin in rule.origins)]
            lines += [f"domain = {toml(rule.domain)}", f"selector = {toml(rule.selector)}", f"file = {toml(rule.file)}"]
            lines += [f"for = {toml(list(rule.authors))}"] if rule.authors else []
            lines += [f"identity = {toml(rule.identity)}"] if rule.identity else []
            lines += [""]
        for kind, title in TITLES.items():
            found = [left for left in self.left if left.kind == kind]
            if found:
                lines += [f"# {title}", "#"]
                lines += [line for left in found for line in (f"# {left.origin}", f"#     {left.text}")] + [""]
        return "\n".join(lines)


TITLES = {
    "instead": "Has no equal here, and what to do in its place:",
    "not yet": "Not here yet:",
    "not needed": "Not needed:",
}


def origin_of(line: SettingLine, *, secret: bool = False) -> str:
    """A line as a comment shows it."""
    value = line.value if len(line.value) <= MAX_SHOWN else line.value[:MAX_SHOWN] + "..."
    hides = secret or "PRIVATE KEY" in line.value or re.search(r"//[^/@]*:[^/@]*@", line.value)
    return shown(f"{line.place}: {line.name} {'...' if hides else value}")


def shown(text: str) -> str:
    """Text in one line, without what a terminal or TOML would take for something else."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
