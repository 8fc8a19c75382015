"""A backup: the tables as Parquet, the control state, and what waits, in one folder that says when it is whole.

    manifest.json     written last: the form of the tables, and how large each file is
    tables/           one Parquet file a table; either engine reads what the other wrote
    control.sqlite    where it is on this machine
    spool/            what was accepted and is not loaded yet, and the quarantine
    evaluations/      records of messages that are not loaded yet

It is taken while all goes on. What leaves the spool meanwhile is in the tables, which are copied after it; what is in
both is stored once when it is loaded again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from inalign.spool.evaluations import FOLDER_MODE, sync_folder
from inalign.store.engine.interface import Engine, StoreError, count
from inalign.store.schema.migrations import FORM
from inalign.store.schema.tables import OF_A_REPORT, REPORTS, TABLES
from inalign.store.state.control import Control

MANIFEST = "manifest.json"
TABLE_FOLDER = "tables"
CONTROL = "control.sqlite"
WAITING = ("spool", "evaluations")


class Manifest(Struct, frozen=True):
    """What is in a backup."""

    form: int
    made: datetime
    files: Mapping[str, int]
    """Octets of each file, by its place in the folder."""

    @property
    def octets(self) -> int:
        """Total length of all files of the backup."""
        return sum(self.files.values())


def back_up(engine: Engine, local: Path, target: Path, now: datetime) -> Manifest:
    """Copy the store, and what of it is in the folder `local`. Raises `StoreError`; what is there then is no backup."""
    try:
        target.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise StoreError(f"{target}: not empty; a backup goes into a folder of its own")
        if (local / CONTROL).exists():  # the first: what it says was taken must be in what follows
            control = Control(local / CONTROL)
            try:
                control.backup(target / CONTROL)
            finally:
                control.close()
        for name in WAITING:
            _copy(local / name, target / name)
        (target / TABLE_FOLDER).mkdir(FOLDER_MODE)
        engine.backup(target / TABLE_FOLDER)
        made = Manifest(FORM, now, dict(_files(target)))
        for name in made.files:
            _sync(target / name)
        for folder in {(target / name).parent for name in made.files}:
            sync_folder(folder)
        (target / MANIFEST).write_bytes(msgspec.json.encode(made))
        _sync(target / MANIFEST)
        sync_folder(target)
    except OSError as problem:
        raise StoreError(f"{target}: {problem.strerror}") from None
    return made


def restore(engine: Engine, local: Path, source: Path) -> Manifest:
    """Fill an empty store from a backup. Raises `StoreError`, mostly before anything is changed."""
    made = _read(source)
    for table in TABLES:
        if count(engine, f"SELECT count(*) FROM {table.name}"):
            raise StoreError(f"the store is not empty: {table.name} has rows; a backup is restored into a new one")
    if (local / CONTROL).exists():
        raise StoreError(f"{local / CONTROL}: there is control state already; move it away first")
    engine.restore(source / TABLE_FOLDER)
    with engine.change() as change:
        for table in OF_A_REPORT:  # ClickHouse goes on while it copies, and copies reports first
            if table is not REPORTS:
                change.delete(table, "report_key <> '' AND report_key NOT IN (SELECT report_key FROM reports)")
    try:
        for name in WAITING:
            _copy(source / name, local / name)
        if (source / CONTROL).exists():
            shutil.copyfile(source / CONTROL, local / CONTROL)
            (local / CONTROL).chmod(0o600)
            _sync(local / CONTROL)
        sync_folder(local)
    except OSError as problem:
        raise StoreError(f"{local}: {problem.strerror}; the tables are restored, what waited is not") from None
    return made


def _read(source: Path) -> Manifest:
    try:
        made = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise StoreError(f"{source}: no backup, or one that did not come to its end: {MANIFEST} is missing") from None
    except (OSError, msgspec.DecodeError) as problem:
        raise StoreError(f"{source / MANIFEST}: {problem}") from None
    if made.form != FORM:
        raise StoreError(
            f"{source}: found a backup of form {made.form}, expected form {FORM}: restore it with the version of "
            "Inalign that made it, then open the restored store with this version"
        )
    there = dict(_files(source))
    for name, octets in made.files.items():
        if there.get(name) != octets:
            raise StoreError(f"{source / name}: not the file that was backed up")
    return made


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            yield str(path.relative_to(folder)), path.stat().st_size


def _copy(source: Path, target: Path) -> None:
    """All files; those that go meanwhile have become rows. What is being written is nobody's yet."""
    for folder, below, names in os.walk(source):
        below[:] = [name for name in below if name != "new"]
        place = target / Path(folder).relative_to(source)
        place.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for name in names:
            try:
                shutil.copyfile(Path(folder) / name, place / name)
            except FileNotFoundError:
                continue
            (place / name).chmod(0o600)
            _sync(place / name)
        sync_folder(place)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
