"""The service under ill treatment behind a real Postfix: mail waits or passes as configured, once, and service is back.

What is measured on the way is printed (`pytest -rP` shows it) and not asserted.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop import hold as stage
from tests.interop.hold import AUTHOR, UNVERIFIED, VERIFIED, Blow, Hold, Load, say
from tests.interop.postfix import Postfix
from tests.interop.senders import SILENT, Senders, message
from tests.interop.smtp import SmtpSession
from tests.interop.wire import fresh_address
from tests.milter import mta
from tests.nameserver import NameServer
from tests.process.milter_service import Service, kill
from tests.programs import free_port, wait_until

TIMES = "milter_command_timeout = 2s\nmilter_content_timeout = 3s\n"
"""So that a milter that hangs is given up soon; the defaults are 30 and 300 s. As Inalign gives no replies before the
end of a message, the second is nearly always the one that counts."""

Site = tuple[Postfix, Senders, NameServer]


@pytest.fixture(scope="module")
def site(can_run_postfix: None) -> Iterator[Site]:
    senders = Senders()
    with NameServer(senders.zone()) as name_server:
        postfix = Postfix(f"inet:127.0.0.1:{free_port()}", more=TIMES)
        try:
            yield postfix, senders, name_server
        finally:
            postfix.stop()


def service_of(site: Site, folder: Path, *, milter: str = "") -> Service:
    folder.mkdir()
    postfix, _, name_server = site
    return Service(folder, listen=postfix.milter, dns_port=name_server.port, milter=milter)


@pytest.fixture
def hold(site: Site, tmp_path: Path) -> Iterator[Hold]:
    with service_of(site, tmp_path / "first") as service:
        yield Hold(*site, service)


@pytest.mark.parametrize("strict", [False, True], ids=["accept", "tempfail"])
@pytest.mark.parametrize("where", [stage.at_mail, stage.in_header, stage.in_body, stage.at_end])
def test_worker_killed_in_the_middle_of_a_message(
    hold: Hold, where: Callable[[Hold, SmtpSession, str, Blow], int], strict: bool
) -> None:
    recipient = fresh_address()
    struck: list[float] = []

    def blow() -> None:
        wait_until(lambda: len(hold.service.holders()) == 1, "one connection")
        kill(hold.service.holders()[0])
        struck.append(time.monotonic())

    with hold.session(strict=strict) as session:
        assert where(hold, session, recipient, blow) == (451 if strict else 250)
    hold.wait_for_service(struck[0])
    assert hold.marks(recipient) == ([] if strict else [UNVERIFIED])
    wait_until(lambda: len(hold.service.workers()) == 2, "both workers")


@pytest.mark.parametrize("strict", [False, True], ids=["accept", "tempfail"])
def test_all_workers_killed_again_and_again_under_load(hold: Hold, strict: bool) -> None:
    def treat() -> None:
        for _ in range(3):
            for worker in hold.service.workers():
                kill(worker)
            hold.wait_for_service(time.monotonic())

    load = Load(hold, strict=strict)
    load.during(treat)
    assert set(load.marks()) <= ({VERIFIED} if strict else {VERIFIED, UNVERIFIED})
    assert load.deferred == 0 or strict


def test_supervisor_killed_lets_workers_finish_and_a_new_one_takes_over(hold: Hold, site: Site, tmp_path: Path) -> None:
    """Three times under load, and then while a message waits for DNS: that is still judged by the orphan."""
    with ExitStack() as stack:

        def treat() -> None:
            before = hold.service
            for number in range(3):
                killed = time.monotonic()
                kill(before.pid)
                before.wait_for_log("the supervisor is gone")
                before = stack.enter_context(service_of(site, tmp_path / f"next{number}"))
                hold.wait_for_service(killed)

        load = Load(hold, strict=True)
        load.during(treat)
        assert set(load.marks()) == {VERIFIED}


def test_message_under_way_outlives_the_supervisor(hold: Hold, site: Site, tmp_path: Path) -> None:
    recipient = fresh_address()
    with hold.session(strict=True) as session:
        assert stage.at_end(hold, session, recipient, lambda: kill(hold.service.pid)) == 250
    assert hold.marks(recipient) == ["temperror"]
    with service_of(site, tmp_path / "next"):
        assert hold.passes()


def test_reload_under_load_loses_nothing_and_defers_nothing(hold: Hold) -> None:
    """Sessions that live through several reloads go on with the worker that they began with."""

    def treat() -> None:
        for number in range(1, 5):
            hold.service.signal(signal.SIGHUP)
            hold.service.wait_for_metric('inalign_reloads_total{result="done"}', number, 15.0)
            time.sleep(0.2)

    load = Load(hold, strict=True, each=5)
    with hold.session(strict=True) as idle:
        recipient = fresh_address()
        assert idle.send(hold.signed(), AUTHOR, recipient).code == 250
        load.during(treat)
        assert idle.send(hold.signed(), AUTHOR, recipient).code == 250
    assert set(load.marks()) == {VERIFIED}
    assert load.deferred == 0
    assert hold.marks(recipient) == [VERIFIED] * 2
    assert hold.service.metrics().get("inalign_worker_restarts_total") == 0


@pytest.mark.parametrize("strict", [False, True], ids=["accept", "tempfail"])
def test_stop_does_not_wait_for_a_session_between_two_messages(
    hold: Hold, site: Site, tmp_path: Path, strict: bool
) -> None:
    """Nothing later on it would be judged by a service that goes; Postfix does its default action until the session
    ends, whoever is started meanwhile."""
    recipient = fresh_address()
    with hold.session(strict=strict) as session:
        assert session.send(hold.signed(), AUTHOR, recipient).code == 250
        begun = time.monotonic()
        hold.service.signal(signal.SIGTERM)
        assert hold.service.program.ended(10)
        say(f"stopped within {time.monotonic() - begun:.2f} s")
        assert "cut off" not in hold.service.log()
        with service_of(site, tmp_path / "next"):
            assert session.send(hold.signed(), AUTHOR, recipient).code == (451 if strict else 250)
            assert hold.passes()
    assert hold.marks(recipient) == [VERIFIED] if strict else [VERIFIED, UNVERIFIED]


def test_restarts_under_load_defer_and_lose_nothing(hold: Hold, site: Site, tmp_path: Path) -> None:
    with ExitStack() as stack:

        def treat() -> None:
            before = hold.service
            for number in range(2):
                before.signal(signal.SIGTERM)
                assert before.program.ended(10)
                before = stack.enter_context(service_of(site, tmp_path / f"next{number}"))
                hold.wait_for_service(time.monotonic())

        load = Load(hold, strict=True)
        load.during(treat)
        assert set(load.marks()) == {VERIFIED}


def test_worker_that_hangs_costs_its_own_message_alone(hold: Hold) -> None:
    recipient = fresh_address()
    stopped: list[int] = []

    def blow() -> None:
        stopped.extend(hold.service.holders())
        os.kill(stopped[0], signal.SIGSTOP)
        for _ in range(5):
            assert hold.passes()

    try:
        with hold.session(strict=False) as session:
            assert stage.at_mail(hold, session, recipient, blow) == 250
        assert hold.marks(recipient) == [UNVERIFIED]
    finally:
        os.kill(stopped[0], signal.SIGCONT)


def test_supervisor_that_hangs_is_not_missed(hold: Hold) -> None:
    os.kill(hold.service.pid, signal.SIGSTOP)
    try:
        for _ in range(5):
            assert hold.passes()
    finally:
        os.kill(hold.service.pid, signal.SIGCONT)


def test_service_that_hangs_as_a_whole_is_given_up_by_postfix_and_comes_back(hold: Hold) -> None:
    recipient = fresh_address()
    os.killpg(hold.service.pid, signal.SIGSTOP)
    try:
        with hold.session(strict=True) as session:
            assert session.send(hold.signed(), AUTHOR, recipient).code == 451
    finally:
        os.killpg(hold.service.pid, signal.SIGCONT)
    hold.wait_for_service(time.monotonic())
    assert hold.marks(recipient) == []


def test_worker_whose_memory_runs_out_is_replaced(site: Site, tmp_path: Path) -> None:
    """The limit is set as an operator's would be (`ulimit -v`), on running workers; mail with large headers hits it."""
    big = message(fields=[b"X-Filler: " + b"z" * 900 for _ in range(900)])
    with service_of(site, tmp_path / "first") as service:
        hold = Hold(*site, service)
        assert hold.passes()
        before = service.workers()
        for worker in before:
            limit(worker)
        struck = time.monotonic()
        codes: dict[str, int] = {}

        def send(recipient: str) -> None:
            with hold.session(strict=True) as session:
                codes[recipient] = session.send(big, AUTHOR, recipient).code

        with ThreadPoolExecutor(8) as pool:
            while not set(before) - set(service.workers()):
                assert time.monotonic() < struck + 30, service.log()
                list(pool.map(send, [fresh_address() for _ in range(16)]))
        hold.wait_for_service(time.monotonic())
        wait_until(lambda: service.health()["status"] == "ok", "both workers", 10.0)
        assert set(codes.values()) <= {250, 451}
        assert [len(hold.marks(recipient)) for recipient in codes] == [code == 250 for code in codes.values()]
        say(f"{len(codes)} messages, {list(codes.values()).count(451)} deferred")
        assert "memory has run out" in service.log() or "ended by signal" in service.log(), service.log()


def limit(pid: int) -> None:
    """Little more address space than the process has now."""
    status = Path(f"/proc/{pid}/status").read_text()
    used = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize:")) * 1024
    resource.prlimit(pid, resource.RLIMIT_AS, (used + 3_000_000, resource.RLIM_INFINITY))


def test_slow_half_open_and_mute_peers_hold_up_no_mail(hold: Hold) -> None:
    octets = mta.offer() + mta.connect() + mta.helo() + mta.MESSAGE
    with ExitStack() as stack:
        peers = [stack.enter_context(hold.service.peer()) for _ in range(300)]
        for at in range(30):
            for peer in peers[:100]:
                peer.send(octets[at : at + 1])
            if at % 10 == 0:
                assert hold.passes()
        for peer in peers[100:200]:
            peer.greet().send(mta.mail()[:7])
        for _ in range(5):
            assert hold.passes()
        wait_until(lambda: hold.service.metrics()["inalign_connections_open"] >= 300, "the count", 5.0)


@pytest.mark.parametrize("strict", [False, True], ids=["accept", "tempfail"])
def test_full_milter_refuses_at_once_and_takes_again(site: Site, tmp_path: Path, strict: bool) -> None:
    with service_of(site, tmp_path / "first", milter="max_connections = 20") as service, ExitStack() as stack:
        hold = Hold(*site, service)
        recipient = fresh_address()
        for _ in range(20):
            stack.enter_context(service.peer()).greet()
        with hold.session(strict=strict) as session:
            assert session.send(hold.signed(), AUTHOR, recipient).code == (451 if strict else 250)
        assert hold.marks(recipient) == ([] if strict else [UNVERIFIED])
        stack.close()
        hold.wait_for_service(time.monotonic())


def test_sixty_sessions_at_once_wait_for_dns_together(hold: Hold) -> None:
    """All are open, all messages are under way, and none waits for another."""
    jobs = [fresh_address() for _ in range(60)]

    def send(recipient: str) -> int:
        sender = f"ann@{SILENT}"
        return hold.postfix.send(message(sender), sender, recipient, strict=True).code

    begun = time.monotonic()
    with ThreadPoolExecutor(len(jobs)) as pool:
        assert list(pool.map(send, jobs)) == [250] * len(jobs)
    say(f"60 messages that each wait 1 s for DNS took {time.monotonic() - begun:.2f} s")
    assert [hold.marks(recipient) for recipient in jobs] == [["temperror"]] * len(jobs)
    assert hold.passes()
