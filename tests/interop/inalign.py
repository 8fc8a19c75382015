"""Our own milter as a subprocess, as an operator would run it: a configuration file and `inalign milter`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.interop.program import Program, free_port, listens

LOCAL_NETWORK = "198.51.100.0/24"
"""Clients that are ours, beside those that authenticate."""
TRUSTED_RELAY = "203.0.113.5"
"""A relay whose results under our name are kept."""

CONFIG = """\
authserv_id = "mx.example.net"

[milter]
listen = ["inet:127.0.0.1:{port}"]
local_networks = ["{local_network}", "127.0.0.0/8"]
trusted_relays = ["{trusted_relay}"]

[dns]
servers = ["127.0.0.1:{dns_port}"]
exchange_timeout_seconds = 1.0
message_budget_seconds = 2.0

[log]
level = "debug"
"""

SOURCE = Path(__file__).parents[2] / "src"


def command() -> list[str]:
    """`inalign`, of this tree; INALIGN_COMMAND names another one to test."""
    named = os.environ.get("INALIGN_COMMAND")
    return shlex.split(named) if named else [sys.executable, "-m", "inalign"]


class Inalign:
    """The milter on a port that it keeps when it is stopped and started again."""

    def __init__(self, folder: Path, dns_port: int, *, more: str = "", words: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.config = folder / "inalign.toml"
        self.config.write_text(
            CONFIG.format(port=self.port, local_network=LOCAL_NETWORK, trusted_relay=TRUSTED_RELAY, dns_port=dns_port)
            + more
        )
        self._words = [*command(), "milter", "--config", str(self.config), *words]
        self._log = folder / "inalign.log"
        self._program: Program | None = None
        self.start()

    @property
    def address(self) -> str:
        """As Postfix writes it."""
        return f"inet:127.0.0.1:{self.port}"

    def start(self) -> None:
        self._program = Program(self._words, self._log, {"PYTHONPATH": str(SOURCE)})
        try:
            self._program.wait_ready(lambda: listens(self.port))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._program is not None:
            self._program.stop()
            self._program = None

    def log(self) -> str:
        return self._log.read_text(errors="replace")
