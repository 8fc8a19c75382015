"""Keys in files, a clock that a test sets, and a finder that is asked once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import PrivateKey, generate_private_key
from inalign.flow.key_finder import Choice, KeyFinder

RSA_KEY = generate_private_key(KeyType.RSA)
ED25519_KEY = generate_private_key(KeyType.ED25519)


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def write_key(path: Path, key: PrivateKey = RSA_KEY, mode: int = 0o600) -> Path:
    """A key file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(key.to_pem())
    path.chmod(mode)
    return path


def find(finder: KeyFinder, *authors: str) -> list[list[str]]:
    """What the finder says of each author, as `told`; it is closed then."""

    async def ask() -> list[list[str]]:
        try:
            return [told(await finder.find(author)) for author in authors]
        finally:
            await finder.aclose()

    return asyncio.run(ask())


def told(choices: tuple[Choice, ...]) -> list[str]:
    """`domain selector`, and the identity where there is one."""
    return [" ".join(filter(None, (one.key.domain, one.key.selector, one.identity))) for one in choices]
