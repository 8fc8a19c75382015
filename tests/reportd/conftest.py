"""The store engines of `tests/store`."""

from tests.store.conftest import clickhouse_url, engine

__all__ = ["clickhouse_url", "engine"]
