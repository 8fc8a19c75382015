"""The forms that the tables had, step by step, for each engine. A step that was released is never changed."""

from __future__ import annotations

from inalign.store.columns import TABLES, Table

VERSION = 1

_MONTHLY = {"records", "rollups", "failures", "tls_policies", "tls_failures", "evaluations"}
"""Tables that only grow, and that are asked for spans of days."""

_PACKED = " CODEC(ZSTD(1))"
"""A quarter to a half smaller than LZ4, which is ClickHouse's own choice and faster."""
_LARGE = {"content", "details", "sample"}


def _duckdb(table: Table) -> str:
    columns = ", ".join(f'"{name}" {kind.value[0]} NOT NULL' for name, kind in table.columns.items())
    return f"CREATE TABLE {table.name} ({columns})"


def _clickhouse(table: Table) -> str:
    columns = ", ".join(
        f"`{name}` {kind.value[1]}{_PACKED if name in _LARGE else ''}" for name, kind in table.columns.items()
    )
    parts = " PARTITION BY toYYYYMM(day)" if table.name in _MONTHLY else ""
    key = ", ".join(f"`{name}`" for name in table.key)
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}) ENGINE = ReplacingMergeTree{parts} ORDER BY ({key})"


DUCKDB = {1: [_duckdb(table) for table in TABLES]}
CLICKHOUSE = {1: [_clickhouse(table) for table in TABLES]}
