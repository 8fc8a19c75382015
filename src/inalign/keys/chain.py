"""Several finders, asked in their order: the first that has an answer gives it."""

from __future__ import annotations

from collections.abc import Sequence

from inalign.flow.keys import Choice, KeyFinder


class Chain:
    """Finds keys by the first finder that has some; one that cannot say is not passed over."""

    def __init__(self, finders: Sequence[KeyFinder]) -> None:
        self._finders = finders

    async def find(self, author: str) -> tuple[Choice, ...]:
        """As `KeyFinder.find`."""
        for finder in self._finders:
            found = await finder.find(author)
            if found:
                return found
        return ()

    async def aclose(self) -> None:
        """Close them all."""
        for finder in self._finders:
            await finder.aclose()
