"""Files that are there whole or not at all, whatever ends us on the way.

Every write goes to a file with a leading dot in the same folder, which nobody reads, and is on disk before it gets its
name; what a crash leaves there is written over the next time. No octet is ever in a file that others could open.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inalign.errors import Error

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class BusyError(Error):
    """Somebody else changes the keys of this domain now."""


def make_folder(path: Path) -> None:
    """The folder, with those above it that are missing, open to its owner alone. Raises `OSError`."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(PRIVATE_FOLDER, exist_ok=True)
    _give(path, path.parent)
    sync_folder(path.parent)


def write_new(path: Path, octets: bytes) -> None:
    """A file that must not be there yet. Raises `FileExistsError`, `OSError`."""
    draft = _write_draft(path, octets)
    try:
        path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def write_over(path: Path, octets: bytes) -> None:
    """A file in place of the one that may be there. Raises `OSError`."""
    _write_draft(path, octets).replace(path)
    sync_folder(path.parent)


def rename(old: Path, new: Path) -> None:
    """Another name in the same folder. Raises `OSError`."""
    old.rename(new)
    sync_folder(new.parent)


def remove(path: Path) -> None:
    """Take the file away, if it is there. Raises `OSError`."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write_draft(path: Path, octets: bytes) -> Path:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(draft, flags, PRIVATE_FILE), "wb") as file:  # noqa: PTH123 - of a descriptor
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    _give(draft, path.parent)
    return draft


def _give(path: Path, folder: Path) -> None:
    """What root makes belongs to whom the folder belongs, or a service that is not root could not read its keys."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync_folder(path: Path) -> None:
    """Let the names in the folder outlive a power cut. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One program at a time; the lock goes with the process. Raises `BusyError`, `OSError`."""
    path = folder / ".lock"
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, PRIVATE_FILE), "r+b") as file:  # noqa: PTH123 - of a descriptor
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"{folder}: another inalign changes these keys now; try again when it has ended") from None
        yield
