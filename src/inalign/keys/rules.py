"""The rules of our own settings: which author domains a key signs for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inalign.flow.key_finder import Choice
from inalign.keys.key_store import KeySource, KeyStore, RequestedKey
from inalign.keys.search import names_of, split_author


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRule:
    """One `[[sign.key]]` of the settings: the authors it signs for, and the key."""

    place: str
    source: KeySource
    names: tuple[str, ...]
    """Whose mail it signs, as `search.parse_name` makes them."""
    also: bool = False
    """It signs beside whatever else is found, here or elsewhere."""
    identity: str = ""


class RuleFinder:
    """Finds keys by rules.

    The most particular name of an author that any rule has decides, and all its keys sign; with `every`, so do those of
    all other names that fit.
    """

    def __init__(self, rules: Iterable[KeyRule], store: KeyStore, *, every: bool = False) -> None:
        self._store = store
        self._every = every
        self._rules: dict[str, list[KeyRule]] = {}
        for rule in rules:
            for name in rule.names:
                self._rules.setdefault(name, []).append(rule)

    def signers(self, author: str) -> list[RequestedKey]:
        """What the rules ask for, the most particular first."""
        split = split_author(author)
        if split is None:
            return []
        local, domain = split
        fitting = [self._rules[name] for name in names_of(local, domain) if name in self._rules]
        chosen = [rule for rules in (fitting if self._every else fitting[:1]) for rule in rules]
        return [RequestedKey(rule.place, rule.source, rule.identity.replace("%", domain)) for rule in chosen]

    async def find(self, author: str) -> tuple[Choice, ...]:
        """Find the keys that sign for the author; see `KeyFinder.find`."""
        return await self._store.choices(self.signers(author))

    async def aclose(self) -> None:
        """Do nothing: this finder holds nothing open."""
