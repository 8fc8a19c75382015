"""What was said by hand, given by files or looked up, counted, so that a judgement is seen to be older."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from enum import StrEnum

from inalign.store.state.control import Control


class InputRevisions(StrEnum):
    """What a judgement rests on besides reports."""

    OVERRIDES = "overrides"
    """What the user says of the sources of a domain."""
    ANSWERS = "answers"
    """What DNS says: of a domain, or of all where a file says it."""
    REPUTATION = "reputation"
    """The list of addresses; of all domains."""
    RECORDS = "records"
    """Records of a domain that were deleted."""


def note(change: sqlite3.Connection, what: InputRevisions, domain: str = "") -> None:
    """Count a change, in the transaction of the change itself."""
    change.execute(
        "INSERT INTO changes VALUES (?, ?, 1) ON CONFLICT (what, domain) DO UPDATE SET number = number + 1",
        (str(what), domain),
    )


class Changes:
    """How often each was changed."""

    def __init__(self, control: Control) -> None:
        """As it is now. Raises `ControlError`."""
        self._of_all: dict[str, int] = {}
        self._below: dict[tuple[str, str], int] = defaultdict(int)
        for what, domain, number in control.ask("SELECT what, domain, number FROM changes"):
            if not domain:
                self._of_all[what] = number
                continue
            name = domain
            while name:
                self._below[what, name] += number
                name = name.partition(".")[2]

    def overrides(self, domain: str) -> int:
        """Of a domain and the names below it."""
        return self._below.get((InputRevisions.OVERRIDES, domain), 0)

    def others(self, domain: str) -> str:
        """All else that a judgement of the domain rests on, as one word."""
        words = [self._of_all.get(each, 0) for each in (InputRevisions.ANSWERS, InputRevisions.REPUTATION)]
        words += [self._below.get((each, domain), 0) for each in (InputRevisions.ANSWERS, InputRevisions.RECORDS)]
        return ".".join(map(str, words))
