"""What processes cost, read from /proc, their children counted with them; and their certain end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 8.0


def family(roots: Iterable[int]) -> list[int]:
    """The processes with all their descendants."""
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += [int(child) for child in _read(children).split()]
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time so far, of children that have ended, too."""
    ticks = 0
    for pid in family(roots):
        fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def pss_mb(roots: Iterable[int]) -> float:
    """Memory of all of them, with shared pages counted by share."""
    return sum(memory_mb(pid, "Pss:") for pid in family(roots))


def memory_mb(pid: int, word: str) -> float:
    """One line of a process' memory: `Pss:` or `Rss:`."""
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith(word):
            return int(line.split()[1]) / 1024
    return 0.0


def open_files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""


class Peak:
    """`with Peak(pids) as peak`: the most memory that the processes took meanwhile, in `peak.mb`."""

    INTERVAL = 0.05

    def __init__(self, roots: Iterable[int]) -> None:
        self.mb = 0.0
        self._roots = list(roots)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(self.INTERVAL):
            self.mb = max(self.mb, pss_mb(self._roots))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self.mb = max(self.mb, pss_mb(self._roots))


def launch(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """A program that leads a process group of its own, its output in a file."""
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; what is left of its group after that is killed."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
