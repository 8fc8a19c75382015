"""Where commands find the configuration: `--config`, else ./inalign.toml, else /etc/inalign/inalign.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from inalign.settings.config import Config
from inalign.settings.file import read_config

PLACES = (Path("inalign.toml"), Path("/etc/inalign/inalign.toml"))

F = TypeVar("F", bound=Callable[..., object])


def config_option(function: F) -> F:
    """Add the option --config, which every command with settings has; its parameter is `config_file`."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The configuration file. Default: ./inalign.toml, then /etc/inalign/inalign.toml, then built-in defaults.",
    )(function)


def load(config_file: Path | None) -> Config:
    """Read the configuration file, or return the built-in defaults where there is none. Raises `SettingsError`."""
    path = config_file or next((place for place in PLACES if place.exists()), None)
    return read_config(path) if path is not None else Config()
