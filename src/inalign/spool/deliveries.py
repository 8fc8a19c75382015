"""What was delivered, kept on disk until it is in the store: one file an item, there whole or not at all.

    waiting/     what was accepted and is not loaded yet, oldest first by name
    refused/     the quarantine: what holds no report that can be read, with the reasons beside it
    new/         what is being written

A file is a line of JSON, then the content. `put` returns when file and folder are on the disk: from then on nothing
but `remove` takes it away. Any number of processes may put; one loads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from inalign.errors import Error
from inalign.spool.evaluations import FOLDER_MODE, sync_folder
from inalign.spool.provenance import Provenance

MAX_HEAD_OCTETS = 1 << 16
"""Of the line before the content: six texts of `MAX_TEXT` characters, each at worst of six octets."""
MAX_TEXT = 1_020
"""Characters of a text in that line; an envelope of RFC 5321 section 4.5.3.1 has fewer."""
_ITEM = re.compile(r"[0-9A-Za-z_-]{1,128}")


class SpoolUnavailable(Error):  # noqa: N818 - a state, as whoever delivers meets it
    """The disk does not take it, or does not give it; try again later."""


class ItemUnreadable(SpoolUnavailable):
    """This one item is no item, and never will be; the others are not concerned."""


class SpoolFull(SpoolUnavailable):
    """So much waits already that no more is accepted; try again later."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One mail or file that was delivered, with its provenance."""

    content: bytes
    provenance: Provenance


class QuarantineReason(msgspec.Struct, frozen=True):
    """Why something is in quarantine."""

    code: str
    detail: str


class Refused(msgspec.Struct, frozen=True):
    """An item of the quarantine."""

    id: str
    name: str
    source: str
    received: datetime
    octets: int
    reasons: tuple[QuarantineReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """How much may wait."""

    octets: int = 4 << 30
    """Of all that waits: days of a large site's reports."""
    refused_octets: int = 1 << 30
    """Of the quarantine; beyond it the oldest go, since anybody can send what holds no report."""
    free_octets: int = 256 << 20
    """That stay free on the disk for the store, which must write to become smaller again."""
    look_seconds: float = 2.0
    """How old the measurement may be against which an item is accepted."""


class Spool:
    """A folder of items."""

    def __init__(self, folder: Path, limits: SpoolLimits | None = None) -> None:
        """Makes the folders. Raises `SpoolUnavailable`."""
        self._limits = limits or SpoolLimits()
        self._waiting, self._refused, self._new = (folder / name for name in ("waiting", "refused", "new"))
        self._measured = (float("-inf"), 0)
        try:
            for each in (folder, self._waiting, self._refused, self._new):
                each.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            for each in (folder, folder.parent):
                sync_folder(each)
        except OSError as problem:
            raise SpoolUnavailable(f"{folder}: {problem.strerror}") from None

    def put(self, delivery: Delivery) -> str:
        """Keep an item; returns its name. It is on the disk then. Raises `SpoolFull`, `SpoolUnavailable`."""
        self._make_room(len(delivery.content))
        digest = hashlib.sha256(delivery.content).hexdigest()[:16]
        name = f"{time.time_ns():019d}-{os.urandom(4).hex()}-{digest}"
        place = self._new / name
        try:
            descriptor = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                self._give_away(descriptor)
                _write_all(descriptor, _first_line(delivery.provenance))
                _write_all(descriptor, delivery.content)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            place.rename(self._waiting / name)
            sync_folder(self._waiting)
        except OSError as problem:
            with suppress(OSError):
                place.unlink(missing_ok=True)
            kind = SpoolFull if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else SpoolUnavailable
            raise kind(f"the spool: {problem.strerror}") from None
        return name

    def waiting(self) -> list[str]:
        """The names of what waits, oldest first. Raises `SpoolUnavailable`."""
        return _names(self._waiting)

    def path(self, name: str) -> Path:
        """Where an item waits."""
        return self._waiting / name

    def read(self, name: str) -> Delivery:
        """An item that waits. Raises `FileNotFoundError`, `SpoolUnavailable`."""
        return read_item(self._waiting / name)

    def remove(self, names: Sequence[str]) -> None:
        """They are in the store, or nobody wants them. Raises `SpoolUnavailable`."""
        try:
            for name in names:
                (self._waiting / name).unlink(missing_ok=True)
        except OSError as problem:
            raise SpoolUnavailable(f"the spool: {problem.strerror}") from None

    # The quarantine

    def refuse(self, name: str, reasons: Sequence[QuarantineReason]) -> None:
        """Put an item that waits into quarantine. Raises `SpoolUnavailable`."""
        try:
            listed = [QuarantineReason(each.code, _printable(each.detail)) for each in reasons]
            (self._refused / f"{name}.json").write_bytes(msgspec.json.encode(listed))
            (self._waiting / name).rename(self._refused / name)
            sync_folder(self._refused)
        except OSError as problem:
            raise SpoolUnavailable(f"the spool: {problem.strerror}") from None

    def refused(self) -> Iterator[Refused]:
        """What is in quarantine, oldest first."""
        for name in _names(self._refused):
            if name.endswith(".json"):
                continue
            place = self._refused / name
            try:
                with place.open("rb") as file:
                    head = read_provenance(file.readline(MAX_HEAD_OCTETS))
                octets = place.stat().st_size
                reasons = msgspec.json.decode(
                    (self._refused / f"{name}.json").read_bytes(), type=tuple[QuarantineReason, ...]
                )
            except (OSError, msgspec.DecodeError, SpoolUnavailable):
                unknown = datetime.fromtimestamp(0).astimezone()
                head, octets, reasons = Provenance(name=name, source="", received=unknown), 0, ()
            yield Refused(name, head.name, head.source, head.received, octets, reasons)

    def replay(self, name: str) -> None:
        """Let an item be tried again. Raises `FileNotFoundError`, `SpoolUnavailable`."""
        self._take_out(name, lambda item: item.rename(self._waiting / name))

    def discard(self, name: str) -> None:
        """Delete an item of the quarantine. Raises `FileNotFoundError`, `SpoolUnavailable`."""
        self._take_out(name, Path.unlink)

    def _take_out(self, name: str, way: Callable[[Path], object]) -> None:
        item = self._refused / _checked(name)
        try:
            way(item)
            (self._refused / f"{name}.json").unlink(missing_ok=True)
            sync_folder(self._refused)
        except FileNotFoundError:
            raise
        except OSError as problem:
            raise SpoolUnavailable(f"the spool: {problem.strerror}") from None

    def forget_refused(self, keep_days: int, now: datetime) -> int:
        """Discard what has been in quarantine for longer (0: it stays), and the oldest of what is beyond the limit."""
        oldest = (now - timedelta(days=keep_days)).timestamp() if keep_days else float("-inf")
        left = self._limits.refused_octets
        count = 0
        for name in reversed(_names(self._refused)):
            if name.endswith(".json"):
                continue
            with suppress(OSError, SpoolUnavailable):
                state = (self._refused / name).stat()
                left -= state.st_size
                if left < 0 or state.st_mtime < oldest:
                    self.discard(name)
                    count += 1
        return count

    def clear_unfinished(self, older_than_seconds: float = 3600.0) -> int:
        """Remove what nobody finished writing; nobody was told that it is accepted."""
        count = 0
        for name in _names(self._new):
            with suppress(OSError):
                if time.time() - (self._new / name).stat().st_mtime > older_than_seconds:
                    (self._new / name).unlink()
                    count += 1
        return count

    def octets(self) -> int:
        """Number and size of the deliveries that wait to be loaded."""
        total = 0
        with suppress(OSError), os.scandir(self._waiting) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
        return total

    def _give_away(self, descriptor: int) -> None:
        """What root puts, too, is for whom the spool belongs to."""
        if os.geteuid() == 0:
            owner = self._waiting.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _make_room(self, octets: int) -> None:
        looked, total = self._measured
        now = time.monotonic()
        if now - looked > self._limits.look_seconds:
            total = self.octets()
            looked = now
        if total + octets > self._limits.octets:
            self._measured = (looked, total)
            raise SpoolFull(f"{total} octets wait to be loaded; the limit is {self._limits.octets}")
        self._measured = (looked, total + octets)
        try:
            state = os.statvfs(self._waiting)
        except OSError as problem:
            raise SpoolUnavailable(f"the spool: {problem.strerror}") from None
        if state.f_bavail * state.f_frsize < octets + self._limits.free_octets:
            raise SpoolFull("the disk is nearly full")


def read_item(place: Path) -> Delivery:
    """A file of the spool. Raises `FileNotFoundError`, `ItemUnreadable`, `SpoolUnavailable`."""
    try:
        with place.open("rb") as file:
            head = read_provenance(file.readline(MAX_HEAD_OCTETS))
            content = file.read()
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise ItemUnreadable(f"{place}: a folder") from None
    except OSError as problem:
        raise SpoolUnavailable(f"{place}: {problem.strerror}") from None
    return Delivery(content=content, provenance=head)


def _first_line(provenance: Provenance) -> bytes:
    """The first line of the file of an item, its texts made printable and cut to `MAX_TEXT` characters."""
    printable = {
        name: _printable(text)
        for name in ("name", "source", "client_ip", "helo", "mail_from", "recipient")
        if (text := getattr(provenance, name)) is not None
    }
    return msgspec.json.encode(msgspec.structs.replace(provenance, **printable)) + b"\n"


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()[:MAX_TEXT]


def read_provenance(line: bytes) -> Provenance:
    """Read the provenance from the first line of an item. Raises `ItemUnreadable` where the line is not one."""
    try:
        return msgspec.json.decode(line, type=Provenance)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ItemUnreadable(f"no item of the spool: {problem}") from None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names, of very many files
    except OSError as problem:
        raise SpoolUnavailable(f"{folder}: {problem.strerror}") from None


def _checked(name: str) -> str:
    """A name that comes from a user: a file of the folder and nothing else."""
    if not _ITEM.fullmatch(name):
        raise FileNotFoundError(name)
    return name


def _write_all(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]
