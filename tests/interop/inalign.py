"""Our own milter as a subprocess, as an operator would run it: a configuration file and `inalign milter`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

from tests.programs import Program, free_port, has_ipv6, listens, wait_until

LOCAL_NETWORKS = ["198.51.100.0/24", "127.51.100.0/24", "127.0.0.0/24"]
"""Clients that are ours, beside those that authenticate; those in 127 as a server without XCLIENT sees them."""
TRUSTED_RELAYS = ["203.0.113.5", "127.0.113.5"]
"""A relay whose results under our name are kept."""
LISTED_RELAY = "127.0.0.2"
"""A relay in front, whose Received fields name the client."""
GATEWAY = "203.0.113.6"
"""A gateway in front, which writes its results as gw.example."""

CONFIG = """\
authserv_id = "mx.example.net"

[milter]
listen = {addresses}
socket_mode = "0666"
local_networks = {local_networks}
trusted_relays = {trusted_relays}
mta_timeout_seconds = {mta_timeout_seconds}
relays = ["{listed_relay}"]
own_macros = ["{{daemon_name}}=ORIGINATING"]

[[milter.gateways]]
networks = ["{gateway}"]
authserv_id = "gw.example"

[dns]
servers = ["127.0.0.1:{dns_port}"]
exchange_timeout_seconds = {exchange_timeout_seconds}
message_budget_seconds = {message_budget_seconds}

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
    """The milter on sockets of several kinds, which it keeps when it is stopped and started again."""

    def __init__(
        self,
        folder: Path,
        dns_port: int,
        *,
        dns_seconds: float = 1.0,
        mta_timeout_seconds: float = 300.0,
        more: str = "",
    ) -> None:
        """`more` is added to the configuration file."""
        port = free_port()
        self.addresses = {"inet": f"inet:127.0.0.1:{port}", "unix": f"unix:{folder}/milter.sock"}
        """As Postfix writes them."""
        if has_ipv6():
            self.addresses["inet6"] = f"inet:[::1]:{port}"
        config = folder / "inalign.toml"
        config.write_text(
            CONFIG.format(
                addresses=list(self.addresses.values()),
                local_networks=LOCAL_NETWORKS,
                trusted_relays=TRUSTED_RELAYS,
                listed_relay=LISTED_RELAY,
                gateway=GATEWAY,
                dns_port=dns_port,
                mta_timeout_seconds=mta_timeout_seconds,
                exchange_timeout_seconds=dns_seconds,
                message_budget_seconds=2 * dns_seconds,
                more=more,
            )
        )
        self._port = port
        self._words = [*command(), "milter", "--config", str(config)]
        self._log = folder / "inalign.log"
        self._program: Program | None = None
        self.start()

    def start(self) -> None:
        self._program = Program(self._words, self._log, {"PYTHONPATH": str(SOURCE)})
        try:
            self._program.wait_ready(lambda: listens(self._port))
        except BaseException:
            self.stop()
            raise

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
