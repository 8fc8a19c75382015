"""The database engines: one interface, DuckDB and ClickHouse."""
