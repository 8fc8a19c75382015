"""Several finders, asked in their order: the first that has an answer gives it."""

from __future__ import annotations

from collections.abc import Sequence

from inalign.flow.key_finder import Choice, KeyFinder


class Chain:
    """Finds keys by the first finder that has some; one that cannot say is not passed over.

    What the finder `beside` has is added to that.
    """

    def __init__(self, finders: Sequence[KeyFinder], beside: KeyFinder | None = None) -> None:
        self._finders = finders
        self._beside = beside

    async def find(self, author: str) -> tuple[Choice, ...]:
        """As `KeyFinder.find`."""
        found: tuple[Choice, ...] = ()
        for finder in self._finders:
            found = await finder.find(author)
            if found:
                break
        if self._beside is not None:
            names = {(one.key.domain, one.key.selector) for one in found}
            more = await self._beside.find(author)
            found += tuple(one for one in more if (one.key.domain, one.key.selector) not in names)
        return found

    async def aclose(self) -> None:
        """Close them all."""
        for finder in self._finders:
            await finder.aclose()
        if self._beside is not None:
            await self._beside.aclose()
