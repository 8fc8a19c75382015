"""Where questions are asked: the store file of this machine, or ClickHouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from inalign.errors import SettingsError
from inalign.settings import Settings
from inalign.store.clickhouse_engine import ClickHouseEngine
from inalign.store.duckdb_engine import DuckDbEngine
from inalign.store.engine import Engine, StoreError
from inalign.store.queries.filters import Filters
from inalign.store.queries.view import Answer, View

STORE_FILE = "store.duckdb"
Ask = Callable[[View, Filters], Answer[Struct]]


@contextmanager
def open_questions(settings: Settings, path: Path | None) -> Iterator[Ask]:
    """What answers questions; `path` is the file of the settings. Raises `SettingsError` where no store is set,
    `StoreError` where there is none or it cannot be asked."""
    engine = _open(settings, path)
    try:
        engine.migrate()
        yield lambda view, filters: view.ask(engine, filters)
    finally:
        engine.close()


def _open(settings: Settings, path: Path | None) -> Engine:
    if settings.store.url:
        return ClickHouseEngine(settings.store.url)
    if not settings.store.folder:
        raise SettingsError("store.folder is not set: no reports are kept")
    file = (path.parent if path else Path()) / settings.store.folder / STORE_FILE
    if not file.exists():
        raise StoreError(f"{file}: there is no store yet; `inalign ingest` makes it")
    return DuckDbEngine(file, memory_mb=settings.store.memory_mb, threads=settings.store.threads)
