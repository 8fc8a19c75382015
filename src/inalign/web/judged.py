"""What is judged of senders, put into the words of a visitor: badges."""

from __future__ import annotations

from msgspec import Struct


class Badge(Struct, frozen=True):
    """The class of a sender, and what spoke for it."""

    name: str
    word: str
    service: str
    evidence: tuple[str, ...] = ()
