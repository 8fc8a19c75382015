"""Records of mail that a real Postfix delivered: each message with our results in it has one, workers killed or not."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from inalign.spool.evaluation_record import EvaluationRecord, decode
from inalign.spool.evaluations import take_closed
from tests.interop.hold import AUTHOR, Hold, Load
from tests.interop.postfix import Postfix
from tests.interop.received import received
from tests.interop.senders import Senders
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer
from tests.process.milter_service import Service, kill
from tests.programs import free_port


@pytest.fixture
def hold(can_run_postfix: None, tmp_path: Path) -> Iterator[Hold]:
    senders = Senders()
    with NameServer(senders.zone()) as name_server:
        postfix = Postfix(f"inet:127.0.0.1:{free_port()}")
        log = '\n[store]\nfolder = "store"\n'
        try:
            with Service(tmp_path, listen=postfix.milter, dns_port=name_server.port, log=log) as service:
                yield Hold(postfix, senders, name_server, service)
        finally:
            postfix.stop()


def kept(folder: Path) -> list[EvaluationRecord]:
    found = []
    for segment in take_closed(folder / "store" / "evaluations"):
        with segment:
            found += [decode(line) for _, line in segment.lines()]
    return found


def queue_id(message: bytes) -> str:
    """Postfix' name of a delivered message, from the Received field that it wrote itself."""
    found = re.search(r"\bid (\w+)", received(message).values("Received")[0])
    assert found is not None
    return found[1]


def test_every_message_that_was_answered_has_one_record_though_workers_are_killed(hold: Hold, tmp_path: Path) -> None:
    def treat() -> None:
        for _ in range(3):
            for worker in hold.service.workers():
                kill(worker)
            hold.wait_for_service(time.monotonic())

    load = Load(hold, strict=False)
    load.during(treat)
    delivered = [message for recipient in load.taken for message in hold.postfix.all_delivered(recipient)]
    assert len(delivered) == len(load.taken)
    hold.service.program.stop()
    records = kept(tmp_path)
    times = Counter(record.queue_id for record in records)
    assert set(times.values()) == {1}
    verified = [message for message in delivered if received(message).values("Authentication-Results")]
    assert len(verified) > 6
    assert {times[queue_id(message)] for message in verified} == {1}
    assert {(record.dmarc, record.rule, record.header_from) for record in records} == {
        ("pass", "dmarc_pass", AUTHOR.partition("@")[2])
    }


def test_a_record_has_the_size_that_postfix_counts(hold: Hold, tmp_path: Path) -> None:
    octets = hold.signed(size=50_000)
    with hold.session(strict=True) as session:
        assert session.send(octets, AUTHOR, fresh_address()).code == 250
    hold.service.program.stop()
    (record,) = kept(tmp_path)
    assert record.octets == len(octets)
    assert record.envelope_to == ()
