"""The store of the settings: where it is, and how it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from inalign.errors import SettingsError
from inalign.settings import Settings
from inalign.settings_file import place
from inalign.store.engine import Engine

FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where what is."""

    base: Path

    @property
    def store(self) -> Path:
        """The file of DuckDB."""
        return self.base / "store.duckdb"

    @property
    def spool(self) -> Path:
        return self.base / "spool"

    @property
    def evaluations(self) -> Path:
        return self.base / "evaluations"

    @property
    def control(self) -> Path:
        return self.base / "control.sqlite"

    @property
    def work(self) -> Path:
        return self.base / "work"

    @property
    def socket(self) -> Path:
        """Where the keeper answers to commands of its own user."""
        return self.base / "keeper.sock"


def store_folder(settings: Settings, path: Path | None) -> Path:
    """The folder of the store, made where it is missing. Raises `SettingsError`."""
    folder = default_folder()
    if settings.store.folder:
        folder = (path.absolute().parent if path is not None else Path.cwd()) / settings.store.folder
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as problem:
        raise SettingsError(f"{place(path, 'store.folder')}: store.folder: {folder}: {problem.strerror}") from None
    return folder


def default_folder() -> Path:
    """Where the store is when no setting says so."""
    if os.geteuid() == 0:
        return Path("/var/lib/inalign")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "inalign"


def become_owner(folder: Path, made: Path | None = None) -> None:
    """As root, go on as whom the folder of the store belongs to, for good: what we make there must be his, and a root
    that follows what he may have put there would do his bidding. The folder `made` is made before, as his.

    Raises `SettingsError`.
    """
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    if not owner.st_uid:
        return
    try:
        if made is not None and not made.exists():
            made.mkdir(FOLDER_MODE, parents=True)
            os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)
        os.setgroups([])
        os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
        os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
    except OSError as problem:
        raise SettingsError(f"{made or folder}: {problem.strerror}") from None


def open_store(settings: Settings, path: Path | None) -> Engine:
    """The store, in the form of this version. Raises `StoreBusy`, `StoreError`, `SettingsError`."""
    engine: Engine
    if settings.store.url:
        from inalign.store.clickhouse_engine import ClickHouseEngine  # noqa: PLC0415 - one of the two is needed

        engine = ClickHouseEngine(settings.store.url)
    else:
        from inalign.store.duckdb_engine import DuckDbEngine  # noqa: PLC0415 - 40 MB that no other process needs

        engine = DuckDbEngine(
            Folders(base=store_folder(settings, path)).store,
            memory_mb=settings.store.memory_mb,
            threads=settings.store.threads,
        )
    try:
        engine.migrate()
    except BaseException:
        engine.close()
        raise
    return engine
