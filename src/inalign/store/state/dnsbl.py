"""What DNS DNSBLs said of addresses, in the control state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from inalign.store.state.changes import InputRevisions, note
from inalign.store.state.control import Control

STORED_DAYS = 60
"""Twice as long as addresses are asked for: what was not asked for again since has not sent."""


def fresh_listings(control: Control, name: str, since: datetime) -> set[str]:
    """Addresses of which a list said something since then. Raises `ControlError`."""
    found = control.ask("SELECT address FROM listings WHERE list = ? AND at >= ?", [name, since.timestamp()])
    return {str(address) for (address,) in found}


def keep_listings(control: Control, name: str, listed: Mapping[str, bool], now: datetime) -> None:
    """Keep answers; domains are judged anew only where one changed. Raises `ControlError`."""
    with control.change() as change:
        before = {
            str(address)
            for (address,) in change.execute("SELECT address FROM listings WHERE list = ? AND listed", (name,))
        }
        change.executemany(
            "INSERT OR REPLACE INTO listings VALUES (?, ?, ?, ?)",
            [(name, address, int(is_listed), now.timestamp()) for address, is_listed in listed.items()],
        )
        if any((address in before) != is_listed for address, is_listed in listed.items()):
            note(change, InputRevisions.REPUTATION)


def forget_listings(control: Control, lists: Sequence[str], now: datetime) -> None:
    """Forget what lists said that are not asked any more, and what is old. Raises `ControlError`."""
    with control.change() as change:
        marks = ", ".join("?" * len(lists))
        gone = change.execute(
            f"DELETE FROM listings WHERE list NOT IN ({marks}) OR at < ? RETURNING listed",
            (*lists, (now - timedelta(days=STORED_DAYS)).timestamp()),
        ).fetchall()
        if any(listed for (listed,) in gone):
            note(change, InputRevisions.REPUTATION)
