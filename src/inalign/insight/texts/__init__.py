"""What insight found, in words: a catalogue a language, `en.toml` and `ja.toml`, with a sentence for each code.

Commands and pages read the same ones. Values stand in braces, by their names in `insight.result`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from inalign.insight.result import Value

LANGUAGES = ("en", "ja")


class Catalogue:
    """The sentences of a language."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]], language: str = "en") -> None:
        """`texts` by kind (class, evidence, step, why, remedy, finding, watch) and code."""
        self.texts = texts
        self.language = language

    def say(self, kind: str, code: str, values: Mapping[str, Value] | None = None) -> str:
        """The sentence of a code, with its values; a code without a sentence is shown as it is."""
        text = self.texts.get(kind, {}).get(code)
        return code if text is None else text.format_map(_Values(self._worded(values or {})))

    def say_all(self, kind: str, found: Sequence[Mapping[str, Value]]) -> str:
        """Sentences of `code` with its values beside it, as rows have them, one after another."""
        return self.texts["form"]["between"].join(self.say(kind, str(each["code"]), each) for each in found)

    def _worded(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Values that are words of ours, in the language."""
        words = {"class": self.texts["class"], **dict.fromkeys(("kind", "listed", "reason"), self.texts["word"])}
        return {name: words.get(name, {}).get(str(value), value) for name, value in values.items()}


class _Values(dict[str, Value]):
    """What a code does not tell is shown as missing; a sentence never fails."""

    def __missing__(self, key: str) -> str:
        return "?"


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Catalogue:
    """Of a language tag such as `ja` or `ja_JP.UTF-8`; English where it is not known."""
    tag = language[:2].lower()
    name = tag if tag in LANGUAGES else "en"
    return Catalogue(tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text("utf-8")), name)
