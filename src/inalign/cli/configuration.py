"""Where the commands find their settings: `--config`, else inalign.toml here, else /etc/inalign, else the defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from inalign.settings.file import read_settings
from inalign.settings.tables import Settings

PLACES = (Path("inalign.toml"), Path("/etc/inalign/inalign.toml"))

F = TypeVar("F", bound=Callable[..., object])


def config_option(function: F) -> F:
    """The option that every command with settings has."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The configuration file. Default: ./inalign.toml, then /etc/inalign/inalign.toml, then built-in defaults.",
    )(function)


def load(config: Path | None) -> tuple[Settings, Path | None]:
    """The settings, and the file they come from. Raises `SettingsError`."""
    path = config or next((place for place in PLACES if place.exists()), None)
    return (read_settings(path), path) if path else (Settings(), None)
