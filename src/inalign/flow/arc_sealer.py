"""Which messages are sealed with ARC, by which key, and how the sealing of one message ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from inalign.dkim.sign import SigningKey


class SealStatus(StrEnum):
    """How the sealing of a message ended; words of the counter `inalign_seals_total`."""

    SEALED = "sealed"
    NOT_POSSIBLE = "not_possible"
    """No set may be added to the chain; see `Reception.seal`."""
    KEY_UNAVAILABLE = "key_unavailable"
    """The key could not be read, or cannot sign."""


class Sealed(NamedTuple):
    """The sealing of one message."""

    status: SealStatus | None = None
    """None: the message was not to be sealed."""
    fields: tuple[bytes, ...] = ()
    """The ARC set, ARC-Seal first, each field with its CRLF."""
    problem: str = ""
    """Why the key is not available."""


UNSEALED = Sealed()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcSealer:
    """The key that seals, and the messages that it seals."""

    key: Callable[[], Awaitable[SigningKey]]
    """Loads the key of `[arc]`. Raises `KeyLookupError`."""
    only_forwarded: bool = False
    """Whether mail that stays on this host is not sealed."""
    local_mailers: frozenset[str] = frozenset()
    """The mailers (`{rcpt_mailer}`) of mail that stays on this host."""

    def applies_to(self, mailers: Set[str]) -> bool:
        """Return whether a message is sealed, by the mailers of its recipients."""
        return not self.only_forwarded or not mailers <= self.local_mailers
