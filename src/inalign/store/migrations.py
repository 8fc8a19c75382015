"""The forms that the tables had, step by step, for each engine. A step that was released is never changed.

A new store goes through all of them, so that it is the same as one that came along. Steps of ClickHouse may be
interrupted, and done by several at once: each statement can be done again.
"""

from __future__ import annotations

from inalign.store.schema.tables import (
    CONFLICTS,
    EVALUATIONS,
    FAILURES,
    JUDGED_DOMAINS,
    JUDGED_SLOTS,
    JUDGED_SOURCES,
    NAMES,
    RAW,
    RECORDS,
    REPORTS,
    ROLLUPS,
    SOURCE_MONTHS,
    SUMMED_MONTHS,
    TLS_FAILURES,
    TLS_POLICIES,
    Table,
)

VERSION = 4

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


# Form 1.

_NEW_IN_2 = "slot"


def _of_1(table: Table) -> Table:
    columns = {name: kind for name, kind in table.columns.items() if name != _NEW_IN_2}
    return table._replace(columns=columns, key=tuple(name for name in table.key if name != _NEW_IN_2))


_FIRST = tuple(
    map(
        _of_1,
        (
            REPORTS,
            RECORDS,
            ROLLUPS,
            CONFLICTS,
            FAILURES,
            TLS_POLICIES,
            TLS_FAILURES,
            RAW,
            EVALUATIONS,
            NAMES,
        ),
    )
)

# Form 2: the quarter of an hour, from which the day follows in every zone. Noon stands for sums of whole days, and for
# reports without a span that can be, which are on the day they came.

_TWICE = {
    "reports": "CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END",
    "failures": "2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)",
    "evaluations": "2 * seen_at",
}
"""Twice the middle, in seconds, by table."""
_TWICE |= {"records": _TWICE["reports"], "tls_policies": _TWICE["reports"]}
_OF_THEIR_REPORT = (ROLLUPS, TLS_FAILURES)


def _slot(table: str, day: str) -> str:
    """Of a row; `day` is its day as days since 1970."""
    twice = _TWICE[table]
    start = f"86400 * ({day})"
    return (
        f"CASE WHEN {twice} >= 2 * {start} AND {twice} < 2 * {start} + 172800 "
        f"THEN CAST((({twice}) - ({twice}) % 1800) / 2 AS BIGINT) ELSE {start} + 43200 END"
    )


_DAYS_IN_DUCKDB = "day - CAST('1970-01-01' AS DATE)"
_DAYS_IN_CLICKHOUSE = "toInt64(toInt32({}))"


def _duckdb_2() -> list[str]:
    names = (*_TWICE, *(table.name for table in _OF_THEIR_REPORT))
    noon = f"86400 * ({_DAYS_IN_DUCKDB}) + 43200"
    return [
        *(f"ALTER TABLE {name} ADD COLUMN slot BIGINT DEFAULT 0" for name in names),
        *(f"UPDATE {name} SET slot = {_slot(name, _DAYS_IN_DUCKDB)}" for name in _TWICE),
        *(f"UPDATE {table.name} SET slot = {noon}" for table in _OF_THEIR_REPORT),
        *(
            f"UPDATE {table.name} SET slot = r.slot FROM reports AS r WHERE r.report_key = {table.name}.report_key"
            for table in _OF_THEIR_REPORT
        ),
    ]


def _clickhouse_2() -> list[str]:
    days = _DAYS_IN_CLICKHOUSE.format("day")
    steps = []
    for name in _TWICE:
        steps += [
            f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS slot Int64 AFTER day",
            f"ALTER TABLE {name} UPDATE slot = {_slot(name, days)} WHERE slot = 0",
        ]
    for table in _OF_THEIR_REPORT:  # written again: by the key the new rows take the place of the old ones
        names = [name for name in table.columns if name != _NEW_IN_2]
        noon = f"86400 * {_DAYS_IN_CLICKHOUSE.format('t.day')} + 43200"
        key = ", ".join(table.key)
        steps += [
            f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS slot Int64 AFTER day"
            + (f", MODIFY ORDER BY ({key})" if _NEW_IN_2 in table.key else ""),
            f"INSERT INTO {table.name} ({', '.join(names)}, slot) SELECT "
            f"{', '.join(f't.{name}' for name in names)}, if(r.slot = 0, {noon}, r.slot) "
            f"FROM {table.name} AS t LEFT JOIN reports AS r ON r.report_key = t.report_key WHERE t.slot = 0",
            f"ALTER TABLE {table.name} DELETE WHERE slot = 0",  # those whose key has the slot
        ]
    return steps


# Form 3: judgements are kept.

_JUDGED = (JUDGED_DOMAINS, JUDGED_SOURCES, JUDGED_SLOTS)

# Form 4: sums of months by source, where a change is a whole.

DUCKDB = {
    1: [_duckdb(table) for table in _FIRST],
    2: _duckdb_2(),
    3: [_duckdb(table) for table in _JUDGED],
    4: [_duckdb(table) for table in (SOURCE_MONTHS, SUMMED_MONTHS)],
}
CLICKHOUSE = {
    1: [_clickhouse(table) for table in _FIRST],
    2: _clickhouse_2(),
    3: [_clickhouse(table) for table in _JUDGED],
    4: [],
}
