"""Workers: they share connections, die alone, and are replaced."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.milter import mta
from tests.nameserver import NameServer
from tests.process.milter_service import OUTSIDE, Peer, Service, kill, pss_kilobytes
from tests.programs import Program, wait_until

HALF = mta.mail() + mta.recipient() + mta.data() + mta.header(b"From", b" alice@example.org")
REST = mta.end_of_header() + mta.body(b"body\r\n") + mta.end_of_message()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path) as started:
        yield started


def holder(service: Service, peer: Peer) -> int:
    """The worker that holds a connection, found by its open files."""
    port = peer.socket.getsockname()[1]
    inode = next(
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{service.port:04X}") and line.split()[2].endswith(f":{port:04X}")
    )
    for worker in service.workers():
        for entry in Path(f"/proc/{worker}/fd").iterdir():
            try:
                if os.readlink(entry) == f"socket:[{inode}]":  # noqa: PTH115 - no path
                    return worker
            except FileNotFoundError:
                continue
    raise AssertionError("nobody holds it")


def delivers(service: Service) -> bool:
    try:
        with service.peer() as peer:
            return peer.greet().deliver()[-1][0] == "a"
    except OSError:
        return False


def test_as_many_workers_as_are_set_serve(service: Service) -> None:
    assert len(service.workers()) == 2
    assert service.health() == {"status": "ok", "workers": 2, "workers_wanted": 2}
    assert delivers(service)


def test_one_worker_serves_too(tmp_path: Path) -> None:
    with Service(tmp_path, workers=1) as service:
        assert len(service.workers()) == 1
        assert delivers(service)


def test_default_is_one_worker_for_each_core(tmp_path: Path) -> None:
    with Service(tmp_path, workers=0) as service:
        assert len(service.workers()) == len(os.sched_getaffinity(0))


def test_connections_are_shared_fairly(service: Service) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(service.peer()).greet() for _ in range(60)]
        held = Counter(holder(service, peer) for peer in peers)
    assert sum(held.values()) == 60
    assert max(held.values()) <= 1.25 * 30 + 4 + 1


def test_worker_killed_in_the_middle_of_a_message_hurts_no_other(service: Service) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(service.peer()).greet() for _ in range(20)]
        for peer in peers:
            peer.send(HALF)
        victim, survivor = service.workers()
        fate = {peer: holder(service, peer) for peer in peers}
        assert set(fate.values()) == {victim, survivor}
        kill(victim)
        killed = time.monotonic()
        wait_until(lambda: delivers(service), "service", 1.0)
        assert time.monotonic() - killed < 1.0
        for peer, worker in fate.items():
            if worker == survivor:
                assert peer.deliver(REST)[-1][0] == "a"
            else:
                assert peer.is_closed()
    service.wait_for_metric("inalign_worker_restarts_total", 1)
    wait_until(lambda: service.health()["status"] == "ok", "both workers", 2.0)
    assert f"process {victim}) ended by signal 9" in service.log()


def test_all_workers_killed_are_all_replaced_within_a_second(service: Service) -> None:
    before = set(service.workers())
    for worker in before:
        kill(worker)
    killed = time.monotonic()
    wait_until(lambda: delivers(service), "service", 1.0)
    assert time.monotonic() - killed < 1.0
    wait_until(lambda: service.health()["workers"] == 2, "both workers", 2.0)
    assert not before & set(service.workers())


def test_worker_that_keeps_dying_is_replaced_ever_more_slowly(service: Service) -> None:
    for restarts in range(1, 4):
        first = service.workers()[0]
        kill(first)
        service.wait_for_metric("inalign_worker_restarts_total", restarts)
        wait_until(lambda: len(service.workers()) == 2, "the next one", 2.0)
    delays = [line.rpartition(" in ")[2] for line in service.log().splitlines() if "replaced" in line]
    assert len(delays) == 3
    assert "0.1 s" in delays
    assert "0.2 s" in delays or delays == ["0.1 s"] * 3  # two workers, each with a delay of its own


def test_worker_that_is_stopped_does_not_stop_the_service(service: Service) -> None:
    """One that hangs: what it does not take, the other takes, though that holds more than its share."""
    hung = service.workers()[0]
    os.kill(hung, signal.SIGSTOP)
    try:
        with ExitStack() as stack:
            peers = [stack.enter_context(service.peer()) for _ in range(40)]
            begun = time.monotonic()
            for peer in peers:
                assert peer.greet().deliver()[-1][0] == "a"
            assert time.monotonic() - begun < 5.0
    finally:
        os.kill(hung, signal.SIGCONT)


def test_workers_end_when_the_supervisor_is_killed_and_a_new_one_takes_over(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        with service.peer() as peer:
            peer.greet().send(HALF)
            workers = service.workers()
            kill(service.pid)
            service.wait_for_log("the supervisor is gone")
            other = tmp_path / "other"
            other.mkdir()
            wait_until(lambda: not _accepts(service), "the end of accepting", 2.0)
            with Service(other, listen=service.address) as successor:
                assert delivers(successor)
                assert peer.deliver(REST)[-1][0] == "a"
        wait_until(lambda: not any(Path(f"/proc/{worker}/fd/0").exists() for worker in workers), "their end", 5.0)


def _accepts(service: Service) -> bool:
    try:
        service.peer().socket.close()
    except OSError:
        return False
    return True


def test_five_hundred_connections_at_once(tmp_path: Path) -> None:
    zone = {"example.org": {"TXT": ["v=spf1 -all"]}, "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}}
    with NameServer(zone) as server, Service(tmp_path, dns_port=int(server.address.rpartition(":")[2])) as service:
        with ExitStack() as stack:
            peers = [stack.enter_context(service.peer(OUTSIDE)) for _ in range(500)]
            for peer in peers:
                peer.send(mta.offer() + mta.connect(address=OUTSIDE) + mta.helo() + mta.MESSAGE)
            for peer in peers:
                assert peer.read()[0] == "O"
                answer = peer.answer()
                assert answer[-1][0] == "a"
                assert b"dmarc=fail" in answer[0][1]
            shares = [pss_kilobytes(pid) for pid in (service.pid, *service.workers())]
            service.wait_for_metric("inalign_connections_open", 500)
        metrics = service.metrics()
        assert metrics["inalign_connections_total"] == 500
        assert metrics['inalign_messages_total{skipped=""}'] == 500
        # Measured: supervisor 9 MB, each worker 16 MB at 250 connections. A bound that shows a leak, not a wish.
        sys.stdout.write(f"PSS of supervisor and workers in kB: {shares}\n")
        assert sum(shares) < 120_000


def test_slow_peers_do_not_block_others(service: Service) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(service.peer()).greet() for _ in range(10)]
        octets = HALF + REST
        for at in range(len(octets) - 1):
            for peer in slow:
                peer.send(octets[at : at + 1])
            if at % 25 == 0:
                begun = time.monotonic()
                assert delivers(service)
                assert time.monotonic() - begun < 1.0
        for peer in slow:
            assert peer.deliver(octets[-1:])[-1][0] == "a"


def test_half_open_connections_do_not_block_others(service: Service) -> None:
    with ExitStack() as stack:
        for number in range(100):
            peer = stack.enter_context(service.peer())
            if number % 2:
                peer.send(mta.offer()[:7])
        assert delivers(service)


def test_what_is_beyond_the_most_connections_is_closed_at_once(tmp_path: Path) -> None:
    with Service(tmp_path, milter="max_connections = 10") as service, ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(service.peer()).greet()
        begun = time.monotonic()
        with service.peer() as one_more:
            assert one_more.is_closed()
        assert time.monotonic() - begun < 1.0
        stack.close()
        wait_until(lambda: delivers(service), "room", 2.0)
        wait_until(lambda: service.metrics().get("inalign_connections_refused_total", 0) >= 1, "the count", 5.0)
        assert "over 10 connections (milter.max_connections)" in service.log()


def test_an_address_in_use_is_said_in_one_line(service: Service, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    second = Service(other, listen=service.address)
    with pytest.raises(AssertionError, match="another process listens there"):
        second.start()
    assert "Traceback" not in second.log()
    assert isinstance(second.program, Program)
    assert second.program.process.returncode == 2
