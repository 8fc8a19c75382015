"""`inalign milter` as an operator runs it, and a blocking MTA that talks to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import unpack
from types import TracebackType
from typing import Self

from tests.milter import mta
from tests.programs import Program, free_port, wait_until

SOURCE = Path(__file__).parents[2] / "src"
LOCAL = "127.0.0.1"
"""A client that is not verified: no DNS."""
OUTSIDE = "192.0.2.7"

CONFIG = """\
authserv_id = "mx.example.net"

[milter]
listen = ["{listen}"]
workers = {workers}
drain_seconds = {drain_seconds}
{milter}

[dns]
servers = ["127.0.0.1:{dns_port}"]
exchange_timeout_seconds = 1.0
message_budget_seconds = 2.0

[log]
{log}

[telemetry]
listen = "inet:127.0.0.1:{monitor_port}"
"""


class Service:
    """A milter with a supervisor. In `with` it starts, serves, and is certainly ended."""

    def __init__(
        self,
        folder: Path,
        *,
        listen: str | None = None,
        workers: int = 2,
        drain_seconds: float = 5.0,
        dns_port: int = 1,
        milter: str = "",
        log: str = "",
        patch: str = "",
    ) -> None:
        """`patch` is Python that is run before, in the same process: times that no test could wait for."""
        self.port = free_port()
        self.address = listen or f"inet:127.0.0.1:{self.port}"
        self.monitor_port = free_port()
        self.config = folder / "inalign.toml"
        self._log = folder / "inalign.log"
        self._patch = patch
        self._values: dict[str, object] = {
            "listen": self.address,
            "workers": workers,
            "drain_seconds": drain_seconds,
            "dns_port": dns_port,
            "milter": milter,
            "log": log,
            "monitor_port": self.monitor_port,
        }
        self.configure()

    def configure(self, **changes: object) -> None:
        """Write the configuration file with these changes."""
        self._values |= changes
        self.config.write_text(CONFIG.format(**self._values))

    def start(self) -> Self:
        script = f"{self._patch}\nfrom inalign.cli import main\nmain(prog_name='inalign')"
        words = [sys.executable, "-c", script, "milter", "--config", str(self.config)]
        self.program = Program(words, self._log, {"PYTHONPATH": str(SOURCE)})
        try:
            self.program.wait_ready(lambda: "listening on" in self.log())
        except BaseException:
            self.program.stop()
            raise
        return self

    __enter__ = start

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.stop()

    @property
    def pid(self) -> int:
        return self.program.process.pid

    def workers(self) -> list[int]:
        """The processes of the workers, in order of age."""
        return sorted(int(word) for word in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())

    def holders(self) -> list[int]:
        """The workers that hold a milter connection over IPv4, each as often as it holds one."""
        accepted = {f"socket:[{inode}]" for _, inode in self._connections()}
        found = []
        for worker in self.workers():
            for entry in Path(f"/proc/{worker}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if os.readlink(entry) in accepted:  # noqa: PTH115 - no path
                        found.append(worker)
        return found

    def unread(self) -> int:
        """The octets that wait for the milter at the connection that has the most of them."""
        return max((octets for octets, _ in self._connections()), default=0)

    def _connections(self) -> Iterator[tuple[int, str]]:
        """Octets not read yet, and inode, of each connection to our port."""
        port = f":{int(self.address.rpartition(':')[2]):04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(port) and words[3] == "01":
                yield int(words[4].partition(":")[2], 16), words[9]

    def signal(self, number: signal.Signals) -> None:
        self.program.signal(number)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def wait_for_log(self, words: str, seconds: float = 10.0) -> None:
        try:
            wait_until(lambda: words in self.log(), words, seconds)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.log()}") from None

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the monitor."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, problem.read().decode()

    def health(self) -> Mapping[str, object]:
        found: Mapping[str, object] = json.loads(self.get("/health")[1])
        return found

    def metrics(self) -> dict[str, float]:
        """The samples of /metrics."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def wait_for_metric(self, sample: str, value: float, seconds: float = 5.0) -> None:
        wait_until(lambda: self.metrics().get(sample) == value, f"{sample} {value:g}", seconds)

    def peer(self, client: str = LOCAL) -> Peer:
        """A new connection of an MTA."""
        return Peer(self.address, client)


class Peer:
    """An MTA at one milter connection."""

    def __init__(self, address: str, client: str = LOCAL) -> None:
        self.client = client
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(10)
            try:
                self.socket.connect(address.removeprefix("unix:"))
            except OSError:
                self.socket.close()
                raise
        else:
            host, _, port = address.removeprefix("inet:").rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def greet(self) -> Self:
        """Negotiate, and begin an SMTP connection."""
        self.send(mta.offer())
        assert self.read()[0] == "O"
        version = "6" if ":" in self.client else "4"
        self.send(mta.connect(family=version, address=self.client) + mta.helo())
        return self

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def read(self) -> tuple[str, bytes]:
        """The next frame. Raises `EOFError` where the connection ends."""
        length = unpack(">I", self._exactly(4))[0]
        frame = self._exactly(length)
        return chr(frame[0]), frame[1:]

    def deliver(self, message: bytes = mta.MESSAGE) -> list[tuple[str, bytes]]:
        """Send a message; all frames up to the final reply."""
        self.send(message)
        return self.answer()

    def answer(self) -> list[tuple[str, bytes]]:
        """All frames up to the final reply."""
        frames: list[tuple[str, bytes]] = []
        while not frames or frames[-1][0] not in "acrt":
            frames.append(self.read())
        return frames

    def is_closed(self) -> bool:
        """Whether the other side closes, or has closed."""
        try:
            return self.socket.recv(1) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True

    def _exactly(self, octets: int) -> bytes:
        found = b""
        while len(found) < octets:
            piece = self.socket.recv(octets - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found


def kill(pid: int) -> None:
    """As the kernel kills where memory is short."""
    os.kill(pid, signal.SIGKILL)


def pss_kilobytes(pid: int) -> int:
    """The proportional share of memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
