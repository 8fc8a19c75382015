"""Opens the database that `sign.database` names."""

from __future__ import annotations

from pathlib import Path

from inalign.keys.sql.database import POSTGRESQL, Database


def open_database(place: str) -> Database:
    """Open `place`: a URL that begins with `postgresql://`, or the path of an SQLite file. Raises `SettingsError`."""
    if place.startswith(POSTGRESQL):
        from inalign.keys.sql.postgresql import PostgresqlDatabase  # noqa: PLC0415 - its library is optional

        return PostgresqlDatabase(place)
    from inalign.keys.sql.sqlite import SqliteDatabase  # noqa: PLC0415 - a Python may be built without it

    return SqliteDatabase(Path(place))
