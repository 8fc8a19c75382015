"""What `inalign ingest` is given, as items: files, folders, mailboxes (mbox, Maildir), standard input.

A folder is walked whole, hidden names apart; links are not followed. A mailbox in the mbox form is cut at its `From `
lines, and each mail in it is an item.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from inalign.ingest.read import Item
from inalign.spool.provenance import Provenance

SOURCE = "ingest"
MAX_LINE = 1 << 16
"""Octets read at a time; a longer line is none that separates mails."""
_FROM_LINE = re.compile(rb"^From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b[^\n]{0,200}\r?\n")
_SKIPPED = (".tmp", ".part", ".partial", ".crdownload")


class Inputs:
    """The items of some paths; `files` counts the files that were looked at so far."""

    def __init__(self, paths: Iterable[str], folder: Path) -> None:
        """`folder` is for what comes by standard input."""
        self._paths = list(paths)
        self._folder = folder
        self.files = 0
        self.problems: list[tuple[str, str]] = []
        """Files that cannot be read, and why."""

    def octets(self) -> int:
        """Of all files, for a progress bar."""
        return sum(_size(path) for given in self._paths if given != "-" for path in _walk(Path(given)))

    def __iter__(self) -> Iterator[Item]:
        for given in self._paths:
            if given == "-":
                self.files += 1
                yield from self._items(self._standard_input(), "-")
                continue
            root = Path(given)
            if not root.exists():
                self.problems.append((given, "no such file or folder"))
                continue
            for path in _walk(root):
                self.files += 1
                try:
                    yield from self._items(path, str(path))
                except OSError as problem:
                    self.problems.append((str(path), problem.strerror or str(problem)))

    def _standard_input(self) -> Path:
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return Path(name)

    def _items(self, path: Path, name: str) -> Iterator[Item]:
        state = path.stat()
        received = datetime.fromtimestamp(state.st_mtime, UTC)
        with path.open("rb") as file:
            line = file.readline(512)
            if not _FROM_LINE.match(line):
                yield Item(path=str(path), length=state.st_size, provenance=_provenance(name, received))
                return
            start, number = file.tell(), 1
            was_blank, at_start = False, True
            while line := file.readline(MAX_LINE):
                if was_blank and at_start and _FROM_LINE.match(line):
                    yield _mail(path, start, file.tell() - len(line), name=f"{name}#{number}", received=received)
                    start, number = file.tell(), number + 1
                was_blank = at_start and line in (b"\n", b"\r\n")
                at_start = line.endswith(b"\n")
            yield _mail(path, start, file.tell(), name=f"{name}#{number}", received=received)


def _mail(path: Path, start: int, end: int, *, name: str, received: datetime) -> Item:
    return Item(path=str(path), start=start, length=end - start, provenance=_provenance(name, received))


def _provenance(name: str, received: datetime) -> Provenance:
    """The provenance of a file given to `inalign ingest`: it has no envelope."""
    return Provenance(name=name, source=SOURCE, received=received)


def _walk(root: Path) -> Iterator[Path]:
    """The files of a path, in the order of their names."""
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "tmp")
        for name in sorted(names):
            path = Path(folder) / name
            if not name.startswith(".") and not name.endswith(_SKIPPED) and path.is_file() and not path.is_symlink():
                yield path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
