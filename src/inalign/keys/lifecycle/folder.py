"""The folder of keys as the life of a key sees it; `keys.folder` signs with what it finds there.

    FOLDER/example.org/s2026.json       where the key is in its life (`life.Life`)
    FOLDER/example.org/s2026.pending    the private key of one that does not sign yet
    FOLDER/example.org/s2026.pem        of one that signs: active, or laid there by hand
    FOLDER/example.org/s2026.retired    of one that signs no more

The .json is the truth and is written first; the name of the private key follows it (`settle`). A crash between the two
leaves a key that signs for one more run, or not yet: both its record and that of the other key are published then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from inalign import durable
from inalign.dkim.crypto import PrivateKey
from inalign.errors import Error
from inalign.keys.folder import SUFFIX, keys_in
from inalign.keys.key_file import KeyAccess, read_key_file
from inalign.keys.lifecycle.state import KeyState, ManagedKey
from inalign.mail.domain import DomainError, DomainName, parse_domain

STATE_SUFFIX = ".json"
MAX_STATE_OCTETS = 65_536
KEY_SUFFIXES = {
    KeyState.PENDING: ".pending",
    KeyState.PUBLISHED: ".pending",
    KeyState.ACTIVE: SUFFIX,
    KeyState.RETIRING: ".retired",
    KeyState.REVOKED: ".retired",
    KeyState.REMOVED: ".retired",
}


class StateError(Error):
    """The state of a key cannot be read, or does not fit its file."""


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The keys below one folder."""

    path: Path
    access: KeyAccess = field(default_factory=KeyAccess)

    def domains(self) -> list[DomainName]:
        """The domains that have a folder. Raises `StateError`."""
        try:
            names = sorted(path.name for path in self.path.iterdir() if path.is_dir() and not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StateError(f"{self.path}: {problem.strerror or problem}") from None
        return [DomainName(name) for name in names if _is_domain(name)]

    def managed_keys(self, domain: DomainName) -> tuple[ManagedKey, ...]:
        """All keys of a domain by selector, with those that were laid there by hand as active. Raises `StateError`."""
        folder = self.path / domain
        try:
            found = [self._read(path, domain) for path in sorted(folder.glob("[!.]*" + STATE_SUFFIX))]
            known = {managed_key.selector for managed_key in found}
            found += [
                self._by_hand(domain, source.selector, source.path)
                for source in keys_in(self.path, domain)
                if source.selector not in known and source.path is not None
            ]
        except OSError as problem:
            raise StateError(f"{folder}: {problem.strerror or problem}") from None
        return tuple(sorted(found, key=lambda managed_key: (managed_key.created, managed_key.selector)))

    def _read(self, path: Path, domain: DomainName) -> ManagedKey:
        with path.open("rb") as file:
            octets = file.read(MAX_STATE_OCTETS)
        try:
            managed_key = msgspec.json.decode(octets, type=ManagedKey)
        except msgspec.DecodeError as problem:
            raise StateError(f"{path}: {problem}") from None
        if (managed_key.domain, managed_key.selector + STATE_SUFFIX) != (domain, path.name):
            raise StateError(f"{path}: holds the state of {managed_key.selector}._domainkey.{managed_key.domain}")
        if managed_key.since.tzinfo is None or managed_key.created.tzinfo is None:
            raise StateError(f"{path}: a time without its zone")
        return managed_key

    def _by_hand(self, domain: DomainName, selector: DomainName, path: Path) -> ManagedKey:
        key = read_key_file(path, self.access)
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return ManagedKey(
            domain=domain,
            selector=selector,
            key_type=key.key_type,
            bits=key.bits,
            state=KeyState.ACTIVE,
            since=made,
            created=made,
        )

    def write(self, managed_key: ManagedKey) -> None:
        """Write the state file of a managed key. Raises `OSError`."""
        path = self.path / managed_key.domain / f"{managed_key.selector}{STATE_SUFFIX}"
        durable.write_over(path, msgspec.json.format(msgspec.json.encode(managed_key), indent=2) + b"\n")

    def apply_state(self, managed_key: ManagedKey) -> None:
        """Rename or remove the private key as the state of the managed key requires. Raises `OSError`."""
        if managed_key.is_over:
            for path in self._key_paths(managed_key):
                durable.remove(path)
            return
        wanted = self.key_path(managed_key)
        for path in self._key_paths(managed_key):
            if path != wanted and not wanted.exists():
                durable.rename(path, wanted)

    def key_path(self, managed_key: ManagedKey) -> Path:
        """Where the private key belongs."""
        return self.path / managed_key.domain / f"{managed_key.selector}{KEY_SUFFIXES[managed_key.state]}"

    def _key_paths(self, managed_key: ManagedKey) -> Iterator[Path]:
        for suffix in dict.fromkeys(KEY_SUFFIXES.values()):
            path = self.path / managed_key.domain / f"{managed_key.selector}{suffix}"
            if path.exists():
                yield path

    def has_key(self, managed_key: ManagedKey) -> bool:
        """Whether the private key is there, under whatever name."""
        return next(self._key_paths(managed_key), None) is not None

    def key(self, managed_key: ManagedKey) -> PrivateKey | None:
        """The private key, None where there is none any more. Raises `KeyFileError`."""
        path = next(self._key_paths(managed_key), None)
        return read_key_file(path, self.access) if path is not None else None

    def write_key(self, managed_key: ManagedKey, key: PrivateKey) -> None:
        """Keep a private key that is new. Raises `OSError`."""
        durable.write_new(self.key_path(managed_key), key.to_pem(self.access.passphrase))


def _is_domain(name: str) -> bool:
    try:
        return parse_domain(name) == name
    except DomainError:
        return False
