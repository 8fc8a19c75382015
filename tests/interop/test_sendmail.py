"""What only Sendmail has: its four answers to a milter that fails, its timeouts, and mail that waits in its queue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.house.citations import ROOT
from tests.interop.inalign import Inalign
from tests.interop.mail import SENDER, STRANGER, Mail
from tests.interop.received import received, words
from tests.interop.recorder import CONTINUE, DIE, Recorder, Script
from tests.interop.senders import SILENT, Senders, message
from tests.interop.sendmail import WITHOUT_MILTER, Sendmail, missing_part
from tests.interop.server import ONLY_SENDMAIL
from tests.interop.smtp import Reply
from tests.interop.wire import PLAIN, fresh_address
from tests.interop.wire import SENDER as ALICE
from tests.nameserver import NameServer
from tests.programs import free_port, wait_until

EVENTS = ["CONNECT", "HELO", "MAIL", "RCPT", "DATA", "HEADER", "EOH", "BODY", "BODYEOB"]
AUTHOR = "ann@reject.example"


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    """A milter that may be late."""
    recorder = Recorder()
    yield recorder
    recorder.close()


def started(milter: str, *, timeouts: str = "C:10s;S:10s;R:10s;E:5m", line: str = "") -> Sendmail:
    missing = missing_part()
    if missing:
        pytest.skip(missing)
    return Sendmail(milter, timeouts=timeouts, line=line)


@pytest.fixture(scope="module")
def patient(recorder: Recorder) -> Iterator[Sendmail]:
    sendmail = started(recorder.address)
    yield sendmail
    sendmail.stop()


@pytest.fixture(scope="module")
def impatient(recorder: Recorder) -> Iterator[Sendmail]:
    """A Sendmail that waits a second for its milter."""
    sendmail = started(recorder.address, timeouts="C:1s;S:1s;R:1s;E:1s")
    yield sendmail
    sendmail.stop()


def refusal(sendmail: Sendmail, service: str) -> Reply:
    """The first reply that is no success, in a session with one message; else the last one."""
    with sendmail.session(without_milter=service, greet=False) as session:
        reply = session.greeting
        for command in ("EHLO localhost", f"MAIL FROM:<{ALICE}>", "RCPT TO:<bob@example.net>"):
            if reply.code // 100 != 2:
                return reply
            reply = session.command(command)
        return session.data(PLAIN) if reply.code == 250 else reply


def failing(event: str) -> Script:
    return Script(answers={event: DIE}, final=DIE if event == "BODYEOB" else CONTINUE)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("service", ["defer", "reject", "close"])
def test_where_the_milter_dies_its_flag_decides(
    patient: Sendmail, recorder: Recorder, event: str, service: str
) -> None:
    """F=T, F=R and F=4; what none does is with the tests of both servers."""
    rejected = {"CONNECT": 554, "HELO": 550, "MAIL": 550, "RCPT": 550, "DATA": 550}
    recorder.reset(failing(event))
    code = {"defer": 451, "reject": rejected.get(event, 554), "close": 421}[service]
    assert refusal(patient, service).code == code


def test_where_no_milter_listens_its_flag_decides() -> None:
    sendmail = started(f"inet:127.0.0.1:{free_port()}")
    try:
        codes = {service: refusal(sendmail, service).code for service in WITHOUT_MILTER}
    finally:
        sendmail.stop()
    assert codes == {"pass": 250, "defer": 451, "reject": 554, "close": 421}


@pytest.mark.parametrize("event", ["CONNECT", "MAIL", "BODYEOB"])
def test_late_answer_is_a_failure(impatient: Sendmail, recorder: Recorder, event: str) -> None:
    recorder.reset(Script(late={event: 1.3}))
    with ThreadPoolExecutor() as pool:
        replies = pool.map(lambda service: refusal(impatient, service).code, ["pass", "defer", "close"])
    assert list(replies) == [250, 451, 421]


@pytest.mark.parametrize(
    ("timeouts", "signs_of_life", "code"),
    [("R:3s;E:60s", 1, 250), ("R:60s;E:2s", 2, 451)],
    ids=["the time for a packet", "the time for the whole"],
)
def test_sign_of_progress_starts_one_time_anew(timeouts: str, signs_of_life: int, code: int) -> None:
    """T=R counts for each packet at the end of a message; T=E for the whole, looked at when a packet has come."""
    recorder = Recorder()
    sendmail = started(recorder.address, timeouts=f"C:5s;S:5s;{timeouts}")
    try:
        recorder.reset(Script(late={"BODYEOB": 1.6}, signs_of_life=signs_of_life))
        assert refusal(sendmail, "defer").code == code
    finally:
        sendmail.stop()
        recorder.close()


def test_slow_dns_outlasts_the_time_for_a_packet(tmp_path: Path) -> None:
    """Inalign tells its MTA to wait on while a name server is silent."""
    senders = Senders()
    with NameServer(senders.zone()) as name_server:
        inalign = Inalign(tmp_path, name_server.port, dns_seconds=3.0, mta_timeout_seconds=2.0)
        try:
            sendmail = started(inalign.addresses["unix"], timeouts="C:5s;S:5s;R:2s;E:20s")
            try:
                recipient = fresh_address()
                signed = senders.signed(message(f"ann@{SILENT}"), SILENT)
                assert sendmail.send(signed, f"ann@{SILENT}", recipient, strict=True).code == 250
                results = received(sendmail.delivered(recipient)[0]).results()
                assert words(results) == ("temperror", "temperror", "temperror")
            finally:
                sendmail.stop()
        finally:
            inalign.stop()


def test_line_of_the_operations_page_joins_the_milter(
    inalign_milter: tuple[Inalign, Senders, NameServer],
) -> None:
    inalign, senders, _ = inalign_milter
    (line,) = re.findall(r"^INPUT_MAIL_FILTER.*$", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    path = inalign.addresses["unix"].removeprefix("unix:")
    sendmail = started(inalign.addresses["unix"], line=line.replace("/run/inalign/milter.sock", path))
    try:
        recipient = fresh_address()
        with sendmail.session(SENDER, without_milter="own line") as session:
            assert session.send(senders.signed(message()), AUTHOR, recipient).code == 250
        assert words(received(sendmail.delivered(recipient)[0]).results()) == ("pass", "pass", "pass")
    finally:
        sendmail.stop()


@ONLY_SENDMAIL
def test_deferred_mail_is_sent_again_and_verified_when_the_milter_is_back(mail: Mail) -> None:
    signed = mail.senders.signed(message())
    mail.inalign.stop()
    try:
        assert mail.server.send(signed, AUTHOR, mail.recipient, strict=True).code == 451
    finally:
        mail.inalign.start()
    assert mail.server.send(signed, AUTHOR, mail.recipient, strict=True).code == 250
    assert words(mail.next().results()) == ("pass", "pass", "pass")


@ONLY_SENDMAIL
def test_results_wait_in_the_queue_with_their_message(mail: Mail) -> None:
    sendmail = mail.server
    assert isinstance(sendmail, Sendmail)
    sendmail.sink.deferring = True
    try:
        forged = b"Authentication-Results: mx.example.net; dmarc=pass"
        assert sendmail.send(message(fields=[forged]), AUTHOR, mail.recipient, client=STRANGER).code == 250
        wait_until(lambda: "Deferred" in sendmail.log(), "a deferred message in the queue")
    finally:
        sendmail.sink.deferring = False
    sendmail.run_queue()
    delivered = mail.next()
    assert words(delivered.results()) == ("fail", "none", "fail")
    assert len(delivered.values("Authentication-Results")) == 1
