"""The supervisor where things go wrong: workers that hang, that do not come to serve, that cannot be started."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.process.milter_service import Service, kill
from tests.process.test_scenario_workers import HALF, REST, delivers
from tests.programs import wait_until


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def reload(service: Service) -> None:
    service.signal(signal.SIGHUP)


def test_worker_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    with Service(tmp_path, patch="import inalign.process.supervisor as s; s.SILENT_SECONDS = 2.0") as service:
        hung = service.workers()[0]
        os.kill(hung, signal.SIGSTOP)
        service.wait_for_log(f"process {hung}) hangs and is killed")
        service.wait_for_log(f"process {hung}) ended by signal 9")
        wait_until(lambda: service.health()["status"] == "ok", "both workers", 5.0)
        assert delivers(service)


def test_only_worker_that_hangs_is_replaced_though_nobody_else_serves(tmp_path: Path) -> None:
    with Service(
        tmp_path, workers=1, patch="import inalign.process.supervisor as s; s.SILENT_SECONDS = 2.0"
    ) as service:
        os.kill(service.workers()[0], signal.SIGSTOP)
        with service.peer() as peer:  # accepted by the kernel, and answered by the next worker
            assert peer.greet().deliver()[-1][0] == "a"


HALF_STARTS = """
import inalign.milterd.worker as w, os
from pathlib import Path
true_run = w.Worker.run
async def run(self):
    if Path({flag!r}).exists() and self._server._number == 1:
        import asyncio
        await asyncio.sleep(1.0)
        os._exit(3)
    await true_run(self)
w.Worker.run = run
"""


def test_messages_that_a_refused_generation_took_are_finished(tmp_path: Path) -> None:
    """One of its workers serves already when the other fails: what it took is not cut off."""
    flag = tmp_path / "flag"
    with Service(tmp_path, patch=HALF_STARTS.format(flag=str(flag))) as service:
        old = service.workers()
        flag.touch()
        reload(service)
        wait_until(lambda: len(service.workers()) == 4, "the new ones")
        for worker in old:  # so that the new one takes the message
            os.kill(worker, signal.SIGSTOP)
        with service.peer() as peer:
            try:
                peer.greet()
            finally:
                for worker in old:
                    os.kill(worker, signal.SIGCONT)
            peer.send(HALF)
            service.wait_for_log("a worker ended with status 3 before it served")
            assert delivers(service)
            assert peer.deliver(REST)[-1][0] == "a"
        wait_until(lambda: sorted(service.workers()) == sorted(old), "the end of the new ones", 5.0)
        assert service.metrics()['inalign_reloads_total{result="refused"}'] == 1


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a.b = 1\n" * 2, "x = 1979-99-99"])
def test_no_configuration_ends_what_serves(tmp_path: Path, text: str) -> None:
    with Service(tmp_path) as service:
        workers = service.workers()
        service.config.write_text(text)
        reload(service)
        service.wait_for_log("the new configuration is not used")
        assert service.workers() == workers
        assert delivers(service)


def test_bug_in_reading_the_configuration_ends_nothing(tmp_path: Path) -> None:
    patch = "import inalign.wiring.run as d; d.check = lambda *a, n=[]: n.append(1) or len(n) > 1 and 1 / 0"
    with Service(tmp_path, patch=patch) as service:
        reload(service)
        service.wait_for_log("the old one stays in force: ZeroDivisionError")
        assert "Traceback" in service.log()
        assert delivers(service)


def test_reload_waits_while_two_generations_still_have_sessions(tmp_path: Path) -> None:
    with Service(tmp_path, workers=1, drain_seconds=60) as service:
        peers = []
        try:
            for number in range(1, 3):
                peers.append(service.peer().greet())
                assert peers[-1].deliver()[-1][0] == "a"
                reload(service)
                service.wait_for_metric('inalign_reloads_total{result="done"}', number)
            assert len(service.workers()) == 3
            reload(service)
            time.sleep(1.5)
            assert len(service.workers()) == 3
            peers.pop().socket.close()
            service.wait_for_metric('inalign_reloads_total{result="done"}', 3)
            assert peers[0].deliver()[-1][0] == "a"
        finally:
            for peer in peers:
                peer.socket.close()


def test_session_is_kept_on_reload_and_closed_on_stop(tmp_path: Path) -> None:
    with Service(tmp_path, drain_seconds=20) as service, service.peer() as peer:
        assert peer.greet().deliver()[-1][0] == "a"
        reload(service)
        service.wait_for_log("the new configuration is in force")
        time.sleep(2.5)
        assert peer.deliver()[-1][0] == "a"
        service.signal(signal.SIGTERM)
        assert peer.is_closed()
        assert service.program.ended(5.0)
        assert "cut off" not in service.log()


def test_supervisor_is_idle_while_an_old_worker_that_died_is_not_replaced(tmp_path: Path) -> None:
    """It once span, since that worker was due."""
    with Service(tmp_path, drain_seconds=20) as service, service.peer() as peer:
        peer.greet().send(HALF)
        holder = service.holders()[0]
        other = next(worker for worker in service.workers() if worker != holder)
        kill(other)
        service.wait_for_metric("inalign_worker_restarts_total", 1)
        wait_until(lambda: len(service.workers()) == 2, "the next one", 5.0)
        kill(next(worker for worker in service.workers() if worker != holder))
        service.signal(signal.SIGTERM)
        service.wait_for_log("stopping")
        before = cpu_seconds(service.pid)
        time.sleep(1.0)
        assert cpu_seconds(service.pid) - before < 0.3
        assert peer.deliver(REST)[-1][0] == "a"


def test_where_no_process_can_be_made_the_supervisor_says_so_and_tries_again(tmp_path: Path) -> None:
    patch = """
import errno, os, inalign.process.generation as g
g.RESTART = g.Backoff(0.1, 0.3)
fork, calls = os.fork, []
def failing():
    calls.append(1)
    if 3 <= len(calls) <= 4:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()
os.fork = failing
"""
    with Service(tmp_path, patch=patch) as service:
        kill(service.workers()[0])
        service.wait_for_log("no worker can be started: Resource temporarily unavailable")
        wait_until(lambda: service.health()["status"] == "ok", "both workers", 5.0)
        assert delivers(service)


def test_signal_that_means_new_log_files_elsewhere_is_no_end(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        service.signal(signal.SIGUSR1)
        time.sleep(0.2)
        assert delivers(service)


def test_kernel_would_rather_end_a_worker_than_the_supervisor(tmp_path: Path) -> None:
    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    with Service(tmp_path) as service:
        assert all(score(worker) > score(service.pid) for worker in service.workers())


def test_worker_whose_memory_ran_out_ends_and_is_replaced(tmp_path: Path) -> None:
    patch = """
import inalign.milterd.filter as f
def header(self, event):
    raise MemoryError
f.MailFilter.header = header
"""
    with Service(tmp_path, patch=patch, milter="failure_action = 'tempfail'") as service:
        before = service.workers()
        with service.peer() as peer:
            assert peer.greet().deliver()[-1][0] == "t"
        service.wait_for_log("memory has run out: this worker ends and is replaced")
        service.wait_for_metric("inalign_worker_restarts_total", 1)
        wait_until(lambda: len(set(service.workers()) - set(before)) == 1, "the next one", 5.0)
