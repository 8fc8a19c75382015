"""The store of the settings: where it is, and how it is opened."""

from __future__ import annotations

import os
from pathlib import Path

from inalign.settings.config import Config
from inalign.store.engine.interface import Engine
from inalign.store.folders import FOLDER_MODE, Folders, default_folder


def store_folder(config: Config) -> Path:
    """The folder of the store, made where it is missing. Raises `SettingsError`."""
    folder = default_folder()
    if config.settings.store.folder:
        folder = config.relative(config.settings.store.folder)
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as problem:
        raise config.error("store.folder", f"{folder}: {problem.strerror}") from None
    return folder


def open_store(config: Config) -> Engine:
    """The store, in the form of this version. Raises `StoreBusy`, `StoreError`, `SettingsError`."""
    engine: Engine
    if config.settings.store.url:
        from inalign.store.engine.clickhouse import ClickHouseEngine  # noqa: PLC0415 - one of the two is needed

        engine = ClickHouseEngine(config.settings.store.url)
    else:
        from inalign.store.engine.duckdb import DuckDbEngine  # noqa: PLC0415 - 40 MB that no other process needs

        engine = DuckDbEngine(
            Folders(base=store_folder(config)).store,
            memory_mb=config.settings.store.memory_mb,
            threads=config.settings.store.threads,
        )
    try:
        engine.migrate()
    except BaseException:
        engine.close()
        raise
    return engine


def asn_database(config: Config) -> Path | None:
    """The file that names autonomous systems. Raises `SettingsError` where it is not there."""
    if not config.settings.store.asn_database:
        return None
    found = config.relative(config.settings.store.asn_database)
    if not os.access(found, os.R_OK):
        raise config.error("store.asn_database", f"{found} cannot be read")
    return found
