"""The folder of the store: its paths, its default place and its owner."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from inalign.errors import SettingsError

FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Paths below the store folder."""

    base: Path

    @property
    def store(self) -> Path:
        """The file of DuckDB."""
        return self.base / "store.duckdb"

    @property
    def spool(self) -> Path:
        return self.base / "spool"

    @property
    def evaluations(self) -> Path:
        return self.base / "evaluations"

    @property
    def control(self) -> Path:
        return self.base / "control.sqlite"

    @property
    def work(self) -> Path:
        return self.base / "work"

    @property
    def socket(self) -> Path:
        """The socket on which the report process answers commands of its own user."""
        return self.base / "reportd.sock"


def default_folder() -> Path:
    """Return the store folder that is used when `store.folder` is not set."""
    if os.geteuid() == 0:
        return Path("/var/lib/inalign")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "inalign"


def become_owner(folder: Path, made: Path | None = None) -> None:
    """Switch from root to the owner of the store folder until the process ends; create `made` for that owner first.

    Files created in the folder must belong to its owner. A root process that follows symbolic links placed there by
    the owner would give the owner the rights of root.

    Raises `SettingsError`.
    """
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    if not owner.st_uid:
        return
    try:
        if made is not None and not made.exists():
            made.mkdir(FOLDER_MODE, parents=True)
            os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)
        os.setgroups([])
        os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
        os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
    except OSError as problem:
        raise SettingsError(f"{made or folder}: {problem.strerror}") from None
