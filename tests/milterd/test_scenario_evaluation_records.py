"""Records of messages: each that was answered has one and no more, whatever happens to the workers."""

from __future__ import annotations

import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from inalign.milter.messages import Command
from inalign.spool.evaluation_record import EvaluationRecord, decode
from inalign.spool.evaluations import take_closed
from tests.milter import mta
from tests.nameserver import NameServer
from tests.process.milter_service import OUTSIDE, Service, kill
from tests.programs import wait_until
from tests.senders import records, signed

STORE = '\n[store]\nfolder = "store"\n'


@pytest.fixture(scope="module")
def dns() -> Iterator[int]:
    with NameServer(records()) as server:
        yield server.port


def serving(folder: Path, dns: int, *, more: str = "", workers: int = 2) -> Service:
    return Service(folder, dns_port=dns, workers=workers, log=STORE + more)


def spool(folder: Path) -> Path:
    return folder / "store" / "evaluations"


def kept(folder: Path) -> list[EvaluationRecord]:
    """All records in closed segments, which stay."""
    found = []
    for segment in take_closed(spool(folder)):
        with segment:
            found += [decode(line) for _, line in segment.lines()]
    return found


def message(queue_id: str, octets: bytes) -> bytes:
    """A message from outside, as an MTA hands it on."""
    head, _, body = octets.partition(b"\r\n\r\n")
    fields = [line.split(b":", 1) for line in head.replace(b"\r\n ", b"\r\n\t").replace(b"\r\n\t", b" ").split(b"\r\n")]
    return b"".join(
        [
            mta.macros(Command.MAIL, i=queue_id),
            mta.mail("<alice@example.org>"),
            mta.recipient("<bob@example.net>"),
            mta.data(),
            *(mta.header(name, value) for name, value in fields),
            mta.end_of_header(),
            mta.body(body),
            mta.end_of_message(),
        ]
    )


class Clients:
    """They deliver message after message, each with a name of its own, and note which were answered."""

    def __init__(self, service: Service, number: int = 4) -> None:
        self._service = service
        self._number = number
        self._names = count()
        self._is_over = threading.Event()
        self._octets = signed()
        self.answered: list[str] = []
        self.asked: list[str] = []

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._client) for _ in range(self._number)]
        for thread in self._threads:
            thread.start()
        self.more(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def more(self, number: int) -> None:
        """Wait until so many more were answered."""
        wanted = len(self.answered) + number
        wait_until(lambda: len(self.answered) >= wanted, f"{number} messages")

    def _client(self) -> None:
        while not self._is_over.is_set():
            try:
                with self._service.peer(OUTSIDE) as peer:
                    peer.greet()
                    for _ in range(5):
                        name = f"Q{next(self._names):06d}"
                        self.asked.append(name)
                        if peer.deliver(message(name, self._octets))[-1][0] == "a":
                            self.answered.append(name)
            except (OSError, EOFError):
                continue


def assert_each_once(folder: Path, clients: Clients) -> list[EvaluationRecord]:
    found = kept(folder)
    times = Counter(record.queue_id for record in found)
    assert set(clients.answered) - set(times) == set()
    assert set(times) - set(clients.asked) == set()
    assert set(times.values()) == {1}
    assert len(clients.answered) == len(set(clients.answered))
    return found


def test_a_record_tells_what_the_milter_did(tmp_path: Path, dns: int) -> None:
    with serving(tmp_path, dns) as service:
        with service.peer(OUTSIDE) as peer:
            peer.greet().deliver(message("4XyZ", signed()))
        service.wait_for_metric('inalign_evaluations_total{outcome="written"}', 1)
    (record,) = kept(tmp_path)
    assert (record.queue_id, record.source_ip, record.envelope_from) == ("4XyZ", OUTSIDE, "example.org")
    assert (record.spf[0].result, record.dkim[0].result, record.dmarc) == ("pass", "pass", "pass")
    assert (record.action, record.rule, record.envelope_to) == ("accept", "dmarc_pass", ())
    assert record.octets > len(signed()) - 40
    assert record.host
    assert spool(tmp_path).stat().st_mode & 0o777 == 0o700


def test_domains_of_recipients_are_kept_on_request(tmp_path: Path, dns: int) -> None:
    with (
        serving(tmp_path, dns, more="[evaluations]\nrecipient_domains = true\n") as service,
        service.peer(OUTSIDE) as peer,
    ):
        peer.greet().deliver(message("4XyZ", signed()))
    assert [record.envelope_to for record in kept(tmp_path)] == [("example.net",)]


@pytest.mark.parametrize("more", ["[evaluations]\nrecord = false\n"])
def test_records_can_be_left_out(tmp_path: Path, dns: int, more: str) -> None:
    with serving(tmp_path, dns, more=more) as service, service.peer(OUTSIDE) as peer:
        assert peer.greet().deliver(message("4XyZ", signed()))[-1][0] == "a"
    assert not spool(tmp_path).exists()


def test_our_own_mail_has_no_record(tmp_path: Path, dns: int) -> None:
    with serving(tmp_path, dns) as service, service.peer() as peer:
        assert peer.greet().deliver(message("4XyZ", signed()))[-1][0] == "a"
    assert kept(tmp_path) == []


def test_workers_that_are_killed_take_no_record_with_them(tmp_path: Path, dns: int) -> None:
    with serving(tmp_path, dns) as service:
        with Clients(service) as clients:
            for _ in range(4):
                kill(service.workers()[0])
                clients.more(30)
                wait_until(lambda: len(service.workers()) == 2, "both workers")
        # What the dead left is there to be taken, while the living write on.
        assert kept(tmp_path)
    assert_each_once(tmp_path, clients)


def test_records_go_on_over_reloads_and_the_end(tmp_path: Path, dns: int) -> None:
    with serving(tmp_path, dns) as service, Clients(service) as clients:
        for number in range(1, 3):
            service.signal(signal.SIGHUP)
            service.wait_for_metric('inalign_reloads_total{result="done"}', number)
            clients.more(30)
        service.signal(signal.SIGTERM)
        service.program.process.wait(10)
    found = assert_each_once(tmp_path, clients)
    assert len(found) > 80


def test_a_supervisor_that_is_killed_takes_no_record_with_it(tmp_path: Path, dns: int) -> None:
    with serving(tmp_path, dns) as service, Clients(service) as clients:
        workers = service.workers()
        kill(service.pid)
        wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in workers), "the end of the workers")
    assert_each_once(tmp_path, clients)


def test_mail_flows_on_where_records_cannot_be_written(tmp_path: Path, dns: int) -> None:
    with serving(tmp_path, dns, workers=1) as service:
        shutil.rmtree(tmp_path / "store")
        with service.peer(OUTSIDE) as peer:
            peer.greet()
            for number in range(20):
                assert peer.deliver(message(f"Q{number}", signed()))[-1][0] == "a"
            service.wait_for_metric('inalign_evaluations_total{outcome="dropped"}', 20)
        assert service.log().count("mail goes on without them") == 1


def test_a_folder_that_cannot_be_made_is_told_at_the_start(tmp_path: Path, dns: int) -> None:
    (tmp_path / "store").write_text("x")
    with pytest.raises(AssertionError, match=r"store\.folder"):
        serving(tmp_path, dns).start()


def test_a_folder_that_cannot_be_made_keeps_the_old_configuration(tmp_path: Path, dns: int) -> None:
    (tmp_path / "file").write_text("x")
    with serving(tmp_path, dns) as service:
        service.configure(log='\n[store]\nfolder = "file"\n')
        service.signal(signal.SIGHUP)
        service.wait_for_log("the old one stays in force")
        with service.peer(OUTSIDE) as peer:
            assert peer.greet().deliver(message("4XyZ", signed()))[-1][0] == "a"
    assert len(kept(tmp_path)) == 1
