"""Our own milter as a subprocess, as an operator would run it: a configuration file and `inalign milter`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

from tests.interop.program import Program, free_port, listens, wait_until

LOCAL_NETWORK = "198.51.100.0/24"
"""Clients that are ours, beside those that authenticate."""
TRUSTED_RELAY = "203.0.113.5"
"""A relay whose results under our name are kept."""
LISTED_RELAY = "127.0.0.2"
"""A relay in front, whose Received fields name the client."""
GATEWAY = "203.0.113.6"
"""A gateway in front, which writes its results as gw.example."""

CONFIG = """\
authserv_id = "mx.example.net"

[milter]
listen = ["{address}"]
socket_mode = "0666"
local_networks = ["{local_network}", "127.0.0.0/8"]
trusted_relays = ["{trusted_relay}"]
relays = ["{listed_relay}"]

[[milter.gateways]]
networks = ["{gateway}"]
authserv_id = "gw.example"

[dns]
servers = ["127.0.0.1:{dns_port}"]
exchange_timeout_seconds = 1.0
message_budget_seconds = 2.0

[log]
level = "debug"

{more}
"""

SOURCE = Path(__file__).parents[2] / "src"


def command() -> list[str]:
    """`inalign`, of this tree; INALIGN_COMMAND names another one to test."""
    named = os.environ.get("INALIGN_COMMAND")
    return shlex.split(named) if named else [sys.executable, "-m", "inalign"]


class Inalign:
    """The milter on a port, or a UNIX socket, that it keeps when it is stopped and started again."""

    def __init__(self, folder: Path, dns_port: int, *, socket: Path | None = None, more: str = "") -> None:
        """`more` is added to the configuration file."""
        self._port = free_port()
        self._path = socket
        self.address = f"inet:127.0.0.1:{self._port}" if socket is None else f"unix:{socket}"
        """As Postfix writes it."""
        config = folder / "inalign.toml"
        config.write_text(
            CONFIG.format(
                address=self.address,
                local_network=LOCAL_NETWORK,
                trusted_relay=TRUSTED_RELAY,
                listed_relay=LISTED_RELAY,
                gateway=GATEWAY,
                dns_port=dns_port,
                more=more,
            )
        )
        self._words = [*command(), "milter", "--config", str(config)]
        self._log = folder / "inalign.log"
        self._program: Program | None = None
        self.start()

    def start(self) -> None:
        self._program = Program(self._words, self._log, {"PYTHONPATH": str(SOURCE)})
        try:
            self._program.wait_ready(self._is_ready)
        except BaseException:
            self.stop()
            raise

    def _is_ready(self) -> bool:
        return listens(self._port) if self._path is None else self._path.exists()

    def stop(self) -> None:
        if self._program is not None:
            self._program.stop()
            self._program = None

    def kill(self) -> None:
        """End it as a crash does."""
        if self._program is not None:
            self._program.signal(signal.SIGKILL)
            self.stop()
            wait_until(lambda: not listens(self._port), "the end of its workers")

    def log(self) -> str:
        return self._log.read_text(errors="replace")
