"""Records of verified messages on their way to the store: lines appended to files, one file a process at a time.

A line is written before the message is answered, in one write and without fsync: it survives the death of the process,
not a power cut of the same second. Every second, and at its end, a segment is brought to the disk.

The writer of a segment holds a lock on it (flock), which ends with the process however that ends. A segment without a
lock is closed: the loader takes it, puts it into the store and removes it, and finds the segments of dead processes in
the same way. A line is named by its segment and its offset, so a segment that is taken twice is stored once.

Mail never waits for the disk: where it is full, or the folder is at its limit, lines are dropped and counted.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from inalign.errors import Error

log = logging.getLogger("inalign")

SUFFIX = ".ndjson"
FOLDER_MODE = 0o700
FILE_MODE = 0o600
MAX_LINE_OCTETS = 1 << 18
"""A record of a hundred signatures takes a sixth of it."""
TRIES = 5
"""To begin a segment: another process may take a new one for one that was left behind, and remove it."""


AGAIN = "records of messages are written again; %d were dropped so far"


class SegmentError(Error):
    """The folder of segments cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLimits:
    """When segments end, and how much may wait."""

    segment_octets: int = 8 << 20
    """Some seconds of a busy worker, and one transaction of the store."""
    segment_seconds: float = 5.0
    """How old the first record of a segment becomes before the store may have it."""
    many: int = 200
    """Segments that wait: from so many on no process loads them, and `idle_seconds` makes them fewer and larger."""
    idle_seconds: float = 300.0
    folder_octets: int = 1 << 30
    """Of all segments in the folder; about a million messages."""
    measure_seconds: float = 5.0
    """Between two measurements of the folder; so much more may be written."""


@dataclass(slots=True)
class _OpenSegment:
    path: Path
    descriptor: int
    began: float
    octets: int = 0
    is_dirty: bool = False
    is_new: bool = True
    """Whether its name may not be on the disk yet."""


class PendingSync(NamedTuple):
    """What a writer has to bring to the disk at one moment; `run_sync` does it, in a thread or in place."""

    folder: Path
    dirty: int | None
    """The descriptor of the open segment, where it has lines that are not on the disk."""
    finished: tuple[_OpenSegment, ...]
    """Segments that get no more lines; they are closed."""
    has_new_name: bool
    """Whether the name of a segment may not be on the disk."""
    measures: bool
    """Whether the folder is to be measured."""


class SyncResult(NamedTuple):
    """How a sync ended."""

    problem: OSError | None = None
    waiting: tuple[int, int] | None = None
    """Segments in the folder and their octets, where it was measured."""


def run_sync(pending: PendingSync) -> SyncResult:
    """Bring lines and names to the disk, close finished segments and measure the folder; blocks for the disk.

    It uses nothing of the writer, so that it can run in a thread while the writer appends.
    """
    problem: OSError | None = None
    descriptors = [segment.descriptor for segment in pending.finished]
    for descriptor in descriptors if pending.dirty is None else [pending.dirty, *descriptors]:
        try:
            os.fsync(descriptor)
        except OSError as error:
            problem = error
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)
    waiting = None
    with suppress(OSError):
        if pending.has_new_name:
            sync_folder(pending.folder)
    with suppress(OSError):
        if pending.measures:
            waiting = measure(pending.folder)
    return SyncResult(problem, waiting)


class SegmentWriter:
    """Appends lines to the segments of one process. One thread calls `append`, `start_sync` and `finish_sync`.

    `written`, `dropped` (for want of room, or while writing fails) and `failures` only grow.
    """

    def __init__(self, folder: Path, limits: SegmentLimits | None = None) -> None:
        self._folder = folder
        self._limits = limits or SegmentLimits()
        self._segment: _OpenSegment | None = None
        self._finished: list[_OpenSegment] = []
        self._waiting = (0, 0)
        self._measured_at = float("-inf")
        self._logged_failure: str | None = None
        self._is_suspended = False
        self.written = 0
        self.dropped = 0
        self.failures = 0

    def append(self, line: bytes) -> bool:
        """Write a line; False where it was dropped. Never raises."""
        if self._is_suspended or self._is_full() or len(line) > MAX_LINE_OCTETS:
            self.dropped += 1
            return False
        try:
            segment = self._segment or self._begin()
            written = os.write(segment.descriptor, line)
        except OSError as problem:
            self._fail(problem.strerror or str(problem))
            return False
        if written < len(line):
            self._fail("the disk is full")
            return False
        segment.octets += written
        segment.is_dirty = True
        self.written += 1
        if self._logged_failure is not None:
            self._logged_failure = None
            log.info(AGAIN, self.dropped)
        if segment.octets >= self._limits.segment_octets:
            self._finish()
        return True

    def start_sync(self) -> PendingSync:
        """Finish the open segment if it is old, and return what is to be brought to the disk; called once a second."""
        now = time.monotonic()
        segment, limits = self._segment, self._limits
        seconds = limits.segment_seconds if self._waiting[0] < limits.many else limits.idle_seconds
        if segment is not None and now - segment.began >= seconds:
            self._finish()
            segment = None
        dirty = None
        if segment is not None and segment.is_dirty:
            dirty, segment.is_dirty = segment.descriptor, False
        finished, self._finished = tuple(self._finished), []
        has_new_name = any(each.is_new for each in finished)
        if segment is not None:
            has_new_name, segment.is_new = has_new_name or segment.is_new, False
        measures = now - self._measured_at >= limits.measure_seconds
        if measures:
            self._measured_at = now
        return PendingSync(self._folder, dirty, finished, has_new_name, measures)

    def finish_sync(self, result: SyncResult) -> None:
        """Apply the result of a sync: lines are written again after a failure, and dropped where the folder is full."""
        self._is_suspended = False
        if result.problem is not None:
            self._log_failure(result.problem.strerror or str(result.problem))
        if result.waiting is None:
            return
        was_full = self._is_full()
        self._waiting = result.waiting
        if self._is_full() and not was_full:
            log.error(
                "records of messages are dropped: %d octets wait in %s, and no process loads them into the store",
                self._waiting[1],
                self._folder,
            )
        elif was_full and not self._is_full():
            log.info(AGAIN, self.dropped)

    def _is_full(self) -> bool:
        return self._waiting[1] >= self._limits.folder_octets

    def close(self) -> None:
        """Bring all lines to the disk and release the segment, so that it can be taken."""
        self._finish()
        self._measured_at = float("inf")
        run_sync(self.start_sync())

    def _begin(self) -> _OpenSegment:
        for _ in range(TRIES):
            path = self._folder / f"{time.time_ns() // 1000:016d}-{os.urandom(6).hex()}{SUFFIX}"
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, FILE_MODE)
            # Before it was locked, it may have been taken for one that was left behind: then it is locked, or gone.
            if _lock(descriptor) and os.fstat(descriptor).st_nlink:
                self._segment = _OpenSegment(path, descriptor, time.monotonic())
                return self._segment
            os.close(descriptor)
        raise BlockingIOError(0, "each new segment was taken at once")

    def _finish(self) -> None:
        if self._segment is not None:
            self._finished.append(self._segment)
            self._segment = None

    def _fail(self, reason: str) -> None:
        """Count a lost line and end its segment; the reader skips the part of the line that was written."""
        self.dropped += 1
        segment, self._segment = self._segment, None
        if segment is not None and segment.octets == 0:
            with suppress(OSError):
                segment.path.unlink()
            os.close(segment.descriptor)
        elif segment is not None:
            self._finished.append(segment)
        self._is_suspended = True  # until the next sync: a full disk is not tried for each message
        self._log_failure(reason)

    def _log_failure(self, reason: str) -> None:
        """Log a reason once, until lines are written again or the reason changes."""
        self.failures += 1
        if reason != self._logged_failure:
            log.error(
                "records of messages cannot be written to %s: %s; mail goes on without them", self._folder, reason
            )
            self._logged_failure = reason


class Segment:
    """A closed segment, held by who takes it. Leaving `with` lets go of it; `remove` first, once it is in the store."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self.name = path.name.removesuffix(SUFFIX)
        self.torn = 0
        """Lines that were not written whole, or are none of ours."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; once more does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Each line with its name, from the first; one that is torn is counted and left out."""
        self.torn = 0
        with open(self._descriptor, "rb", closefd=False) as file:
            place = file.seek(0)
            while line := file.readline(MAX_LINE_OCTETS + 1):
                if line.endswith(b"}\n"):
                    yield f"{self.name}-{place}", line
                else:
                    self.torn += 1
                    while line and not line.endswith(b"\n"):
                        place += len(line)
                        line = file.readline(MAX_LINE_OCTETS)
                place += len(line)

    def remove(self) -> None:
        """It is in the store for good. Raises `OSError`."""
        self._path.unlink()


def take_closed(folder: Path) -> Iterator[Segment]:
    """Yield the segments that no process writes, oldest first, those of dead processes too. Raises `OSError`."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        segment = _take(path)
        if segment is not None:
            yield segment


def _take(path: Path) -> Segment | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ELOOP):  # taken meanwhile; a link is none of ours
            return None
        raise
    try:
        if _lock(descriptor):
            state = os.fstat(descriptor)
            if state.st_nlink and state.st_size:
                segment, descriptor = Segment(path, descriptor), -1
                return segment
            if state.st_nlink:
                path.unlink()  # its writer died, or finds out and begins another
        return None
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def measure(folder: Path) -> tuple[int, int]:
    """How many segments there are, and their octets. Raises `OSError`."""
    count = octets = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                with suppress(FileNotFoundError):
                    octets += entry.stat(follow_symlinks=False).st_size
                    count += 1
    return count, octets


def make_segment_folder(folder: Path, *, uid: int = -1, gid: int = -1) -> None:
    """Make the folder, and those above it that are missing, open to their owner alone. Raises `SegmentError`."""
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(FOLDER_MODE, exist_ok=True)
            os.chown(missing, uid, gid)
        if not folder.is_dir():
            raise SegmentError(f"{folder}: not a folder")
    except OSError as problem:
        raise SegmentError(f"{folder}: {problem.strerror}") from None


def sync_folder(folder: Path) -> None:
    """Let the names in the folder outlive a power cut. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
