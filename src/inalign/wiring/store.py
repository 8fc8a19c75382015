"""The store of the settings: where it is, and how it is opened."""

from __future__ import annotations

from pathlib import Path

from inalign.errors import SettingsError
from inalign.settings.file import place
from inalign.settings.tables import Settings
from inalign.store.engine.interface import Engine
from inalign.store.folders import FOLDER_MODE, Folders, default_folder


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


def open_store(settings: Settings, path: Path | None) -> Engine:
    """The store, in the form of this version. Raises `StoreBusy`, `StoreError`, `SettingsError`."""
    engine: Engine
    if settings.store.url:
        from inalign.store.engine.clickhouse import ClickHouseEngine  # noqa: PLC0415 - one of the two is needed

        engine = ClickHouseEngine(settings.store.url)
    else:
        from inalign.store.engine.duckdb import DuckDbEngine  # noqa: PLC0415 - 40 MB that no other process needs

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
