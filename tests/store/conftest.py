"""Each engine, empty; what is asked of the store is asked of both."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine


@pytest.fixture(scope="session")
def clickhouse_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the tests; a real one where INALIGN_TEST_CLICKHOUSE names it (clickhouse://user:password@host:8123)."""
    if url := os.environ.get("INALIGN_TEST_CLICKHOUSE"):
        yield url.rstrip("/")
        return
    if importlib.util.find_spec("chdb") is None:
        pytest.skip("chdb-core-lite is not installed: nothing was asked of ClickHouse")
    folder = tmp_path_factory.mktemp("clickhouse")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.store.clickhouse_server", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    port = server.stdout.readline().split()[0].decode()
    try:
        yield f"clickhouse://127.0.0.1:{port}"
    finally:
        server.stdin.close()
        server.wait(20)
        server.stdout.close()


@pytest.fixture(params=["duckdb", "clickhouse"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine
    if request.param == "duckdb":
        made = DuckDbEngine(tmp_path / "store.duckdb")
    else:
        made = ClickHouseEngine(f"{request.getfixturevalue('clickhouse_url')}/t{uuid.uuid4().hex}")
    made.migrate()
    yield made
    made.close()
