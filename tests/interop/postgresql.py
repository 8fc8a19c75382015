"""A private PostgreSQL, reached by a UNIX socket, in a folder that ends with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.programs import Program, wait_until

USER = "postgres"


def programs() -> Path | None:
    """Where the newest server of this host is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("postgres")
    return Path(elsewhere).parent if elsewhere else None


def missing_part() -> str:
    """What keeps us from having one, or ""."""
    if programs() is None:
        return "PostgreSQL is not installed"
    if os.geteuid() == 0 and (USER not in {entry.pw_name for entry in pwd.getpwall()} or not shutil.which("runuser")):
        return "PostgreSQL does not run as root, and there is no user for it"
    return ""


class Postgresql:
    """One server."""

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None
        self._programs = folder
        self._as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="inalign-pg-"))
        if self._as_user:
            shutil.chown(self.folder, USER)
        initdb = [
            "initdb",
            "-D",
            str(self.folder / "data"),
            "-U",
            USER,
            "-A",
            "trust",
            "-N",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        self._run(initdb)
        self.url = f"postgresql://{USER}@/postgres?host={self.folder}"
        self.start()

    def _run(self, command: list[str]) -> None:
        words = [*self._as_user, str(self._programs / command[0]), *command[1:]]
        subprocess.run(words, check=True, capture_output=True, timeout=120, cwd="/")

    def start(self) -> None:
        data = str(self.folder / "data")
        settings = [f"unix_socket_directories={self.folder}", "listen_addresses=", "fsync=off", "shared_buffers=1MB"]
        command = [str(self._programs / "postgres"), "-D", data, *[word for one in settings for word in ("-c", one)]]
        self._program = Program([*self._as_user, *command], Path(tempfile.gettempdir()) / f"{self.folder.name}.log")
        self._program.wait_ready(lambda: "ready to accept connections" in self._program.log(), 60)

    def end(self) -> None:
        """End the server as an operator does who does not wait for clients."""
        self._run(["pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop"])
        wait_until(lambda: self._program.ended(0.1), "end of PostgreSQL")
        self._program.log_path.unlink()

    def stop(self) -> None:
        if self._program.log_path.exists():
            self.end()
            self._program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
