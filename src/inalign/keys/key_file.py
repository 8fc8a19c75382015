"""A key file: read only where nobody else could have read or changed it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from inalign.dkim.crypto import KeyDataError, PrivateKey, load_private_key
from inalign.errors import Error

MAX_KEY_FILE_OCTETS = 65_536  # a 16,384-bit RSA key in PEM has 13,000
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class KeyFileError(Error):
    """A key file cannot be read, or must not be used. The text names the file and never holds key material."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAccess:
    """How key files are read."""

    passphrase: bytes | None = field(default=None, repr=False)
    """The passphrase that decrypts an encrypted key file."""
    unsafe_keys: bool = False
    """Whether to use a key that others may read or change, too."""
    reader: int | None = None
    """The user who will read them; None for who we are."""


def read_key_file(path: Path, access: KeyAccess) -> PrivateKey:
    """The key in this file. Raises `KeyFileError`."""
    try:
        # O_NONBLOCK: nobody shall wait for the writer of a pipe that has the name of a key
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - of a descriptor
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError(f"{path}: not a regular file")
            if not access.unsafe_keys:
                _refuse_unsafe(path, status, access)
            octets = file.read(MAX_KEY_FILE_OCTETS + 1)
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
        raise KeyFileError(f"{path}: {getattr(problem, 'strerror', None) or problem}") from None
    if access.reader not in (None, status.st_uid) and access.reader != 0 and not status.st_mode & FOR_OTHERS:
        raise KeyFileError(f"{path}: only its owner, user {status.st_uid}, may read it, not user {access.reader}")
    if len(octets) > MAX_KEY_FILE_OCTETS:
        raise KeyFileError(f"{path}: more than {MAX_KEY_FILE_OCTETS} octets, so this is no key")
    try:
        return load_private_key(octets, access.passphrase)
    except KeyDataError as problem:
        raise KeyFileError(f"{path}: {problem}") from None


def _refuse_unsafe(path: Path, status: os.stat_result, access: KeyAccess) -> None:
    owners = {0, os.geteuid() if access.reader is None else access.reader}
    if status.st_uid not in owners:
        raise KeyFileError(f"{path}: belongs to user {status.st_uid}, who could change it; it must be ours or root's")
    if status.st_mode & FOR_OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(f"{path}: mode {mode:04o} is open to others than its owner; try: chmod 600 {path}")
    for folder in path.resolve().parents:
        above = folder.stat()
        # in a folder with the sticky bit, such as /tmp, others cannot rename what is ours
        if above.st_mode & WRITABLE_BY_OTHERS and not above.st_mode & stat.S_ISVTX:
            raise KeyFileError(f"{path}: others may write to {folder}, and so exchange it; try: chmod go-w {folder}")
        if above.st_uid not in owners:
            raise KeyFileError(f"{path}: {folder} belongs to user {above.st_uid}, who could exchange it")
