"""The rules of our own settings: which author domains a key signs for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inalign.flow.keys import Choice
from inalign.keys.key_store import KeySource, KeyStore, Signer
from inalign.keys.search import names_of, split_author


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `[[sign.key]]`."""

    place: str
    source: KeySource
    names: tuple[str, ...]
    """Whose mail it signs, as `search.parse_name` makes them."""
    also: bool = False
    """It signs beside the keys of a more particular rule, too."""
    identity: str = ""


class RuleFinder:
    """Finds keys by rules.

    The most particular name of an author that any rule has decides; all its keys sign. A rule that is `also` adds its
    key wherever one of its names fits.
    """

    def __init__(self, rules: Iterable[Rule], store: KeyStore) -> None:
        self._store = store
        self._rules: dict[str, list[Rule]] = {}
        self._also: dict[str, list[Rule]] = {}
        for rule in rules:
            table = self._also if rule.also else self._rules
            for name in rule.names:
                table.setdefault(name, []).append(rule)

    def signers(self, author: str) -> list[Signer]:
        """What the rules ask for, the most particular first."""
        split = split_author(author)
        if split is None:
            return []
        local, domain = split
        names = list(names_of(local, domain))
        chosen = list(next((self._rules[name] for name in names if name in self._rules), ()))
        for name in names if self._also else ():
            chosen += self._also.get(name, ())
        return [Signer(rule.place, rule.source, rule.identity.replace("%", domain)) for rule in chosen]

    async def find(self, author: str) -> tuple[Choice, ...]:
        """As `KeyFinder.find`."""
        return await self._store.choices(self.signers(author))

    async def aclose(self) -> None:
        """Nothing is open."""
