"""A folder that is watched: what others put there is taken once it does not change any more.

A Maildir (a folder with `new` and `cur`) is read from `new`. A file is taken when two looks in a row, `settle_seconds`
apart, found the same size and time; names with a leading dot, and those that end in .tmp or .part, are still being
written. After the spool has it, it goes to `done`, or away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from inalign.errors import TransportError
from inalign.intake.source import Desk
from inalign.spool.deliveries import Delivery, SpoolFull, SpoolUnavailable
from inalign.spool.provenance import Provenance

log = logging.getLogger(__name__)

MAX_FILES = 10_000
"""Files looked at in one run; the rest has its turn in the next one."""

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions:
    """A folder of the settings."""

    name: str
    path: Path
    after: Literal["move", "delete"] = "move"
    """What becomes of a file that is in the spool: moved to the subfolder `done`, or deleted."""
    poll_seconds: float = 30.0
    settle_seconds: float = 2.0
    max_bytes: int = 64 << 20


class _Look(NamedTuple):
    """A file as it was found: another size, time or inode, and it is another one."""

    size: int
    modified: int
    inode: int


class Folder:
    """The source."""

    kind = "folder"

    def __init__(self, options: FolderOptions) -> None:
        self.options = options
        self.name = options.name
        self._refused: dict[str, _Look] = {}

    async def test(self) -> list[str]:
        """What is there."""
        found = await asyncio.to_thread(self._look)
        return [f"{self._inbox()}: {len(found)} files", *sorted(found)[:3]]

    async def run(self, desk: Desk) -> None:
        """Look, take, wait, for ever. Raises `OSError`, `SpoolFull`, `SpoolUnavailable`."""
        while True:
            desk.begin()
            left = await self._take_all(desk)
            desk.end(left=left, next_in=self.options.poll_seconds)
            await asyncio.sleep(self.options.poll_seconds)

    async def _take_all(self, desk: Desk) -> int:
        """One run; how many files were left for good."""
        before = await asyncio.to_thread(self._look)
        if not before:
            return 0
        await asyncio.sleep(self.options.settle_seconds)
        after = await asyncio.to_thread(self._look)
        left = 0
        for name, look in sorted(after.items(), key=lambda item: item[1].modified):
            if before.get(name) != look:
                continue  # still being written
            if not await self._take(desk, name, look):
                left += 1
        self._refused = {name: look for name, look in self._refused.items() if name in after}
        return left

    async def _take(self, desk: Desk, name: str, look: _Look) -> bool:
        """Take one file; whatever is wrong with it alone is told once, and it stays."""
        if self._refused.get(name) == look:
            return False
        try:
            if look.size > self.options.max_bytes:
                raise TransportError(f"{look.size} octets are more than the limit of {self.options.max_bytes}")
            content = await asyncio.to_thread(self._read, name, look)
        except (OSError, TransportError) as problem:
            desk.complain(f"{name}: {problem}")
            self._refused[name] = look
            return False
        received = datetime.fromtimestamp(look.modified / 1e9, UTC)
        try:
            shown = name.encode("utf-8", "replace").decode()
            provenance = Provenance(name=shown, source=self.name, received=received)
            await desk.take(Delivery(content=content, provenance=provenance))
        except (SpoolFull, SpoolUnavailable):
            raise
        except Exception as problem:
            log.exception("%s: %s", self.name, name)
            desk.complain(f"{name}: {problem}")
            self._refused[name] = look
            return False
        await asyncio.to_thread(self._let_go, name)
        return True

    def _inbox(self) -> Path:
        new = self.options.path / "new"
        return new if new.is_dir() and (self.options.path / "cur").is_dir() else self.options.path

    def _look(self) -> dict[str, _Look]:
        """The files that are there. Links are not followed: who may write here may not read all that we may."""
        found = {}
        with os.scandir(self._inbox()) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(_UNFINISHED):
                    continue
                if not entry.is_file(follow_symlinks=False):
                    continue
                status = entry.stat(follow_symlinks=False)
                found[entry.name] = _Look(status.st_size, status.st_mtime_ns, status.st_ino)
                if len(found) >= MAX_FILES:
                    break
        return found

    def _read(self, name: str, look: _Look) -> bytes:
        descriptor = os.open(self._inbox() / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise TransportError("no ordinary file")
            content = file.read(self.options.max_bytes + 1)
        if len(content) != look.size:
            raise TransportError("it changed while it was read")
        return content

    def _let_go(self, name: str) -> None:
        path = self._inbox() / name
        if self.options.after == "delete":
            path.unlink(missing_ok=True)
            return
        done = self.options.path / "done"
        done.mkdir(exist_ok=True)
        target = done / name
        number = 0
        while target.exists():
            number += 1
            target = done / f"{name}.{number}"
        path.rename(target)
