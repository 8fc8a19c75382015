"""The configurations under tests/vectors/moving, laid out with their keys, and the command on them."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from inalign.cli import main
from tests.keys.material import ED25519_KEY, write_key

FOLDER = Path(__file__).parents[1] / "vectors" / "moving"
TALK = FOLDER.parent / "keys" / "talk"


def lay_out(folder: Path) -> Path:
    """All of it, with the place of the folder filled in."""
    for path in FOLDER.iterdir():
        if path.suffix not in (".names", ".looked-for", ".toml", ".md"):
            (folder / path.name).write_text(path.read_text().replace("FOLDER", str(folder)))
    for name in ("one", "example.net"):
        write_key(folder / f"{name}.pem")
    write_key(folder / "ed25519.pem", ED25519_KEY)
    return folder


def run(*arguments: str | Path) -> Result:
    """`inalign import` with these."""
    return CliRunner().invoke(main, ["import", *map(str, arguments)])


def configure(folder: Path, text: str, name: str = "it.conf") -> Path:
    """A configuration of a few lines."""
    path = folder / name
    path.write_text(text)
    return path
