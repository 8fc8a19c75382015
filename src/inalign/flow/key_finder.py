"""Which keys sign a message: what `flow` asks, and `inalign.keys` answers from settings, files or a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from inalign.dkim.sign import SigningKey
from inalign.errors import Error


class KeyLookupError(Error):
    """It cannot be said now which keys sign: a file cannot be read, a database does not answer. No key material."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One signature to make."""

    key: SigningKey
    rule: str
    """The rule that chose the key, for the log: `inalign.toml:12`, `/etc/opendkim/SigningTable:3`."""
    identity: str | None = None
    """`i=`, where the rule asks for one; it lies at or below the domain of the key."""


class KeyFinder(Protocol):
    """A source of rules."""

    async def find(self, author: str) -> tuple[Choice, ...]:
        """The signatures for mail of this author, in the order of the rules; empty where no rule fits.

        `author` is `local@domain`, the addr-spec of From with the domain as `parse_domain` makes it; the local part
        may be empty, and may hold an `@` in quotes. Raises `KeyLookupError`.
        """
        ...

    async def aclose(self) -> None:
        """Give back what is open."""
        ...
