"""The tables under tests/vectors/keys."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.keys.material import write_key

FOLDER = Path(__file__).parents[1] / "vectors" / "keys"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


@dataclass
class Vector:
    """Tables in a folder, and what comes out."""

    key_table: str
    signing_table: str
    single: dict[str, list[str]]
    multiple: dict[str, list[str]]


def read_vector(name: str, folder: Path) -> Vector:
    """The tables, written into the folder with their keys."""
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    for key in ("one", "example.net", "sub.example.net"):
        write_key(folder / f"{key}.pem")
    names = {}
    for table in ("key_table", "signing_table"):
        text = data[table].replace("KEYS", str(folder))
        if data["kind"] == "csl":
            names[table] = f"csl:{text}"
        else:
            (folder / table).write_text(text)
            names[table] = f"{data['kind'] if table == 'signing_table' else 'file'}:{folder / table}"
    return Vector(**names, single=data["single"], multiple=data["multiple"])
