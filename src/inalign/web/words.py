"""The words of the pages: one file a language, the same keys in each, none of them in the code.

A choice by the visitor (kept in a cookie) counts before what the browser asks for (Accept-Language).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = {"en": "English", "ja": "日本語"}
COOKIE = "inalign-language"
MAX_FIELD = 1_000
"""Characters of Accept-Language that are read."""


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All words of a language, by dotted key."""
    text = (files("inalign.web") / "locale" / f"{language}.toml").read_text("utf-8")
    return {f"{table}.{key}": words for table, entries in tomllib.loads(text).items() for key, words in entries.items()}


class Words:
    """Tells a text by its key."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text, with its `{names}` filled in."""
        text = self._catalogue[key]
        return text.format(**values) if values else text

    def number(self, key: str, count: int, **values: object) -> str:
        """A text with a `{count}`; that of one is another, in languages that know the difference."""
        shown = f"{count:,}"
        return self(f"{key}_one" if count == 1 and f"{key}_one" in self._catalogue else key, count=shown, **values)

    def maybe(self, key: str, otherwise: str) -> str:
        """Likewise; what has no word (a value of DNS, say) stands for itself."""
        return self._catalogue.get(key, otherwise)


def choose(kept: str, accepted: str) -> str:
    """A language: the one kept in the cookie, else the first of the field that there is, else English."""
    if kept in LANGUAGES:
        return kept
    wanted = []
    for place, item in enumerate(accepted[:MAX_FIELD].split(",")):
        tag, _, parameter = item.partition(";")
        wanted.append((-_weight(parameter), place, tag.strip().lower()[:2]))
    return next((tag for weight, _, tag in sorted(wanted) if tag in LANGUAGES and weight), "en")


def _weight(parameter: str) -> float:
    name, _, number = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        weight = float(number)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
