"""The words of a report, and how numbers and days are written, in a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files

from inalign.insight.period import Period, PeriodKind
from inalign.insight.texts import LANGUAGES, Catalogue, catalogue

MAX_NAME = 60
"""Letters of a name that a reporter or a sender gave itself."""
_OWN_SERVERS = "own servers "
"""How insight names servers of the owner that no service is known for."""


class Words:
    """Those of a language."""

    def __init__(
        self, language: str, own: Mapping[str, Mapping[str, str]], insight: Catalogue, countries: Mapping[str, str]
    ) -> None:
        self.language = language
        self._own = own
        self._countries = countries
        self.insight = insight
        """The sentences for codes."""

    def __call__(self, key: str, **values: object) -> str:
        """The text of a dotted key, with its `{names}` filled in."""
        table, _, name = key.partition(".")
        text = self._own[table][name]
        return text.format(**values) if values else text

    def of_period(self, of: Period, key: str, **values: object) -> str:
        """A text that differs between weeks and months."""
        return self(f"{key}_{of.kind}", **values)

    @property
    def glossary(self) -> tuple[tuple[str, str], ...]:
        """Terms and what they mean."""
        return tuple(self._own["glossary"].items())

    @property
    def letters(self) -> frozenset[str]:
        """All that its words are written with, as far as they are shown."""
        return frozenset(letter for table in self._own.values() for text in table.values() for letter in text)

    def day(self, day: date, form: str = "day") -> str:
        """A day, for a person."""
        month = self("period.months").split()[day.month - 1]
        return self(f"period.{form}", day=day.day, month=month, short=month[:3], year=day.year)

    def period(self, period: Period) -> str:
        """A period, for a person."""
        if period.kind is PeriodKind.MONTH:
            month = self("period.months").split()[period.since.month - 1]
            return self("period.month", month=month, year=period.since.year)
        week = period.since.isocalendar().week
        return self("period.week", since=self.day(period.since), until=self.day(period.until), week=week)

    def sender(self, name: str) -> str:
        """A sender by the name that insight gave it."""
        network = name.removeprefix(_OWN_SERVERS)
        return shortened(name) if network == name else self("text.own_servers", network=network)

    def country(self, code: str) -> str:
        """A country by its code; one that has no word stands for itself."""
        return self._countries.get(code, code) if code else self("text.unknown_place")


def shortened(name: str) -> str:
    """A name of others, as long as a table has room for."""
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def count(number: int) -> str:
    """A number of messages."""
    return f"{number:,}"


def rate(percent: float | None) -> str:
    """How much of something works: to a tenth, but never all or nothing where it is not."""
    if percent is None:
        return "–"
    if 0 < percent < 1:
        return "<1%"
    if 99.9 < percent < 100:
        return ">99.9%"
    return f"{percent:.1f}%".replace(".0%", "%")


def share(part: int, whole: int) -> str:
    """A part of a whole, to a hundredth."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 1:
        return "<1%"
    return ">99%" if 99 < percent < 100 else f"{percent:.0f}%"


def signed(number: float, form: str = ",") -> str:
    """A change, with its sign; a true minus, as wide as the plus."""
    text = f"{abs(number):{form}}"
    if not text.strip("0.,"):
        return "±0"
    return f"+{text}" if number > 0 else f"−{text}"


@lru_cache(maxsize=len(LANGUAGES))
def words_of(language: str) -> Words:
    """Of a language tag such as `ja` or `ja_JP.UTF-8`; English where it is not known."""
    name = language[:2].lower()
    name = name if name in LANGUAGES else "en"
    own = tomllib.loads(files(__package__).joinpath(f"texts/{name}.toml").read_text("utf-8"))
    return Words(name, own, catalogue(name), _countries(LANGUAGES.index(name) + 1))


def _countries(column: int) -> Mapping[str, str]:
    """Names by code: the file of the map has them in the order of `LANGUAGES`."""
    found = files("inalign").joinpath("web/world.tsv")
    lines = found.read_text("utf-8").splitlines() if found.is_file() else []
    return {parts[0]: parts[column] for line in lines if len(parts := line.split("\t")) > column}
