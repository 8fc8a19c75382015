"""Who has the store of this machine open: a lock that goes with its process, and says whose it is."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
from pathlib import Path

from inalign.store.engine.interface import StoreBusy, StoreError

MAX_COMMAND = 200
HINT = (
    "where that is `inalign serve` or `inalign up`, `inalign ingest` and `inalign reports` go through it; "
    "`inalign store` needs it stopped"
)
_held: set[str] = set()
_guard = threading.Lock()


class StoreLock:
    """A file beside the store. DuckDB's own lock keeps others out, too, but not while the file is exchanged."""

    def __init__(self, path: Path) -> None:
        """Raises `StoreBusy`, which names the process, or `StoreError`."""
        self._name = os.path.realpath(path)
        # POSIX locks are not inherited by children, as they must not be, and do not keep out the own process.
        with _guard:
            if self._name in _held:
                raise StoreBusy(f"{path.parent}: this process has the store open already")
            self._descriptor = _open(path)
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(self._descriptor, 4 * MAX_COMMAND).decode("utf-8", "replace").strip()
                os.close(self._descriptor)
                raise StoreBusy(f"{path.parent}: open in another process: {holder or 'unknown'}; {HINT}") from None
            _held.add(self._name)
        command = " ".join(sys.argv)[:MAX_COMMAND].encode("utf-8", "backslashreplace")
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"PID %d, %s\n" % (os.getpid(), command), 0)
        except OSError:  # a full disk: the lock holds, and its holder has no name
            pass

    def release(self) -> None:
        """Let others have it; once more does no harm."""
        with _guard:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
                _held.discard(self._name)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from None
