"""The countries of the map of the world: their names, their places, and how dark they are drawn."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

FADES = (0.6, 0.25, 0.07)
"""Shares of the largest country from which on a country is drawn in the darker shades."""


class Country(NamedTuple):
    """A country of the map. Without a shape it is a dot; without a place it is not drawn."""

    names: dict[str, str]
    """The name in each language."""
    x: str
    y: str
    path: str


@cache
def countries() -> dict[str, Country]:
    """Read the countries of `world.tsv`, by their ISO 3166 code."""
    found = {}
    for line in (files("inalign.web") / "world.tsv").read_text("utf-8").splitlines():
        code, english, japanese, x, y, path = line.split("\t")
        found[code] = Country({"en": english, "ja": japanese}, x, y, path)
    return found


def country_name(code: str, language: str, otherwise: str) -> str:
    """Return the name of a country in a language, the code if it is unknown, or `otherwise` without a code."""
    known = countries().get(code)
    return known.names[language] if known else code or otherwise


def shade(share: float) -> int:
    """Return the shade of a country by its share of the largest one, from 1, the darkest, to 4."""
    return next((place for place, least in enumerate(FADES, 1) if share >= least), len(FADES) + 1)
