"""Several finders, asked in their order: the first that has keys for the author answers."""

from __future__ import annotations

from collections.abc import Sequence

from inalign.flow.key_finder import Choice, KeyFinder


class Chain:
    """Asks the finders in order and returns the keys of the first that has some; an error of a finder ends the search.

    Keys of `additional` are added to them.
    """

    def __init__(self, finders: Sequence[KeyFinder], additional: KeyFinder | None = None) -> None:
        self._finders = finders
        self._additional = additional

    async def find(self, author: str) -> tuple[Choice, ...]:
        """Find the keys that sign for the author; see `KeyFinder.find`."""
        found: tuple[Choice, ...] = ()
        for finder in self._finders:
            found = await finder.find(author)
            if found:
                break
        if self._additional is not None:
            names = {(one.key.domain, one.key.selector) for one in found}
            more = await self._additional.find(author)
            found += tuple(one for one in more if (one.key.domain, one.key.selector) not in names)
        return found

    async def aclose(self) -> None:
        """Close every finder of the chain, and the additional one."""
        for finder in self._finders:
            await finder.aclose()
        if self._additional is not None:
            await self._additional.aclose()
