"""Signing keys, read when they are first needed and kept while their files stay as they are."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from inalign.dkim.crypto import KeyDataError, load_private_key
from inalign.dkim.sign import SigningError, SigningKey, refuse_short_key
from inalign.errors import Error
from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.keys.file_value import CHECK_SECONDS, Stamp, stamp
from inalign.keys.key_file import KeyAccess, KeyFileError, read_key_file
from inalign.mail.domain import DomainError, DomainName, is_same_or_below, parse_domain

MAX_KEYS = 10_000  # in memory, about 4 kB each


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a private key is, and the name under which its public half is published."""

    domain: DomainName
    selector: DomainName
    path: Path | None = None
    text: str = field(default="", repr=False)
    """The key itself, where it has no file."""

    @property
    def name(self) -> str:
        """The DNS name of the key record, `selector._domainkey.domain`, for log lines and errors."""
        return f"{self.selector}._domainkey.{self.domain}"


class RequestedKey(NamedTuple):
    """What a rule asks for."""

    rule: str
    source: KeySource
    identity: str | None = None


class _Held(NamedTuple):
    key: SigningKey
    stamp: Stamp
    fresh_until: float


class KeyStore:
    """The keys of one process."""

    def __init__(
        self, access: KeyAccess, *, capacity: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._capacity = capacity
        self._clock = clock
        self._held: OrderedDict[KeySource, _Held] = OrderedDict()

    async def choices(self, signers: Iterable[RequestedKey]) -> tuple[Choice, ...]:
        """The signers with their keys, each name once. Raises `KeyLookupError` when one key cannot be had."""
        chosen: dict[tuple[str, str], Choice] = {}
        for signer in signers:
            name = signer.source.domain, signer.source.selector
            if name in chosen:
                continue
            try:
                key = await self.load(signer.source)
            except KeyFileError as problem:
                raise KeyLookupError(f"{signer.rule}: {problem}") from None
            chosen[name] = Choice(key, signer.rule, fitting_identity(signer.identity, key.domain))
        return tuple(chosen.values())

    async def load(self, source: KeySource) -> SigningKey:
        """The key as its file is now, which is looked at once a second at most. Raises `KeyFileError`."""
        now = self._clock()
        held = self._held.get(source)
        if held is not None:
            is_same = now < held.fresh_until or source.path is None or stamp(source.path) == held.stamp
            if is_same:
                if now >= held.fresh_until:
                    self._held[source] = held._replace(fresh_until=now + CHECK_SECONDS)
                self._held.move_to_end(source)
                return held.key
            del self._held[source]
        before = stamp(source.path) if source.path is not None else None
        key = await asyncio.to_thread(read_key, source, self._access)
        self._held[source] = _Held(key, before, now + CHECK_SECONDS)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)
        return key


def read_key(source: KeySource, access: KeyAccess) -> SigningKey:
    """The key, fit to sign with. Raises `KeyFileError`."""
    if source.path is not None:
        private_key = read_key_file(source.path, access)
    else:
        try:
            private_key = load_private_key(source.text.encode("utf-8", "replace"), access.passphrase)
        except KeyDataError as problem:
            raise KeyFileError(f"the key of {source.name}: {problem}") from None
    key = SigningKey(source.domain, source.selector, private_key)
    try:
        refuse_short_key(key)
        _ = key.key_name
    except (SigningError, Error) as problem:
        raise KeyFileError(f"{source.path or source.name}: {problem}") from None
    return key


def fitting_identity(identity: str | None, domain: DomainName) -> str | None:
    """`i=`, or None where it does not lie at or below `d=` and would spoil the signature (RFC 6376 section 3.5)."""
    if not identity or "@" not in identity:
        return None
    try:
        of = parse_domain(identity.rpartition("@")[2])
    except DomainError:
        return None
    return identity if is_same_or_below(of, domain) else None
