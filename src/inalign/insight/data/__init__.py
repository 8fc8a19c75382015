"""The map of known senders that comes with Inalign, written for it from what the vendors themselves publish."""

from __future__ import annotations

from importlib.resources import files


def texts() -> tuple[str, ...]:
    """All files of the map, in the order of their names."""
    found = sorted((entry for entry in files(__name__).iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
    return tuple(entry.read_text(encoding="utf-8") for entry in found)
