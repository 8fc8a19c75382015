"""Real programs as parts of a test: a free port, a child that is waited for, and its certain end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START_SECONDS = 15.0
STOP_SECONDS = 10.0


def free_port() -> int:
    """A loopback port that nobody uses now, for UDP and TCP alike."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Poll until the condition holds; a deadline is a failure that names what did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.005)


def listens(port: int) -> bool:
    """Whether somebody takes TCP connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_bound(port: int) -> bool:
    """Whether somebody listens on this port, found out without connecting (Linux): that would begin a session."""
    table = Path("/proc/net/tcp").read_text()
    return any(f":{port:04X} 00000000:0000 0A" in line for line in table.splitlines())


def has_ipv6() -> bool:
    """Whether there is a loopback address of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class Program:
    """One child process in a session of its own, its output in a file; ended with all its children."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.command = [str(word) for word in command]
        self.log_path = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_ready(self, condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait for the sign of readiness; a child that ends before is a failure that shows its output."""

        def ready_or_ended() -> bool:
            return condition() or self.process.poll() is not None

        wait_until(ready_or_ended, f"start of {self.command[0]}", seconds)
        if self.process.poll() is not None:
            raise AssertionError(
                f"{' '.join(self.command)} ended with {self.process.returncode}:\n{self.log()[-4000:]}"
            )

    def signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def ended(self, seconds: float) -> bool:
        """Whether the child has ended, or does within the time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """Ask the child to end; what is left of its group after the grace is killed."""
        self.signal(signal.SIGTERM)
        self.ended(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
