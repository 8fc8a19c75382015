"""A store on a small machine."""

from __future__ import annotations

import os
from pathlib import Path

from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import count
from tests.store.material import aggregate, record, store


def test_reports_and_raw_mail_are_loaded_with_256_mb(tmp_path: Path) -> None:
    engine = DuckDbEngine(tmp_path / "store.duckdb", memory_mb=256)
    try:
        engine.migrate()
        reports = [aggregate(*[record(f"10.0.{n}.{m}") for m in range(50)], report_id=str(n)) for n in range(100)]
        store(engine, tmp_path, *reports, raws=[os.urandom(24 << 20)])
        assert count(engine, "SELECT sum(count) FROM records") == 5000
        assert count(engine, "SELECT octets FROM raw") == 24 << 20
    finally:
        engine.close()
