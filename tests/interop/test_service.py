"""The milter as a service behind real mail servers: other sockets, restarts, many sessions at once, its log."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.conftest import SERVERS
from tests.interop.inalign import Inalign
from tests.interop.mail import SENDER, STRANGER, Mail
from tests.interop.senders import KEY_ONLY, LONG, Senders, fresh_silent, message
from tests.interop.server import MailServer
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer

AUTHOR = "ann@reject.example"


def words(mail: Mail, recipient: str | None = None) -> dict[str, str]:
    found = mail.next(recipient).results()
    return {method: found[method][0].word for method in ("spf", "dkim", "dmarc")}


def test_answers_too_long_for_udp_are_asked_for_over_tcp(mail: Mail) -> None:
    signed = mail.senders.signed(message(f"ann@{LONG}"), LONG)
    found = mail.exchange(signed, f"ann@{LONG}").results()
    assert (found["spf"][0].word, found["dkim"][0].word) == ("pass", "pass")


def test_sealed_mail_of_a_forwarder_shows_its_chain(mail: Mail) -> None:
    first = b"Authentication-Results: open.example; spf=pass smtp.mailfrom=reject.example\r\n"
    sealed = mail.senders.sealed(first + mail.senders.signed(message()))
    found = mail.exchange(sealed, f"list@{KEY_ONLY}", client=STRANGER).results()
    assert [each.word for each in found["arc"]] == ["pass"]
    assert found["dmarc"][0].word == "pass"


def test_broken_chain_fails_and_disturbs_nothing(mail: Mail) -> None:
    first = b"Authentication-Results: open.example; spf=pass smtp.mailfrom=reject.example\r\n"
    sealed = mail.senders.sealed(first + mail.senders.signed(message())).replace(b"cv=none", b"cv=pass")
    found = mail.exchange(sealed, f"list@{KEY_ONLY}", client=STRANGER).results()
    assert [each.word for each in found["arc"]] == ["fail"]
    assert found["dmarc"][0].word == "pass"


def test_many_sessions_at_once_do_not_mix(mail: Mail) -> None:
    good = mail.senders.signed(message())
    bad = mail.senders.signed(message(body=b"pay 10\r\n")).replace(b"pay 10", b"pay 99")
    jobs = [(fresh_address(), number % 2 == 0) for number in range(60)]

    def send(job: tuple[str, bool]) -> int:
        recipient, is_good = job
        with mail.server.session(SENDER if is_good else STRANGER, strict=True) as session:
            return session.send(good if is_good else bad, AUTHOR, recipient).code

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(send, jobs)) == [250] * len(jobs)
    for recipient, is_good in jobs:
        word = "pass" if is_good else "fail"
        assert words(mail, recipient) == {"spf": word, "dkim": word, "dmarc": word}


def test_silent_name_server_holds_nobody_else_up(mail: Mail) -> None:
    """A message of a dead domain waits for its budget; those beside it do not."""
    dead, domain = fresh_address(), fresh_silent()

    def send_dead() -> None:
        mail.server.send(message(f"ann@{domain}"), f"ann@{domain}", dead, strict=True)

    signed = mail.senders.signed(message())
    asked = len(mail.name_server.questions)
    waiting = threading.Thread(target=send_dead)
    waiting.start()
    try:
        mail.wait_for_question(domain, since=asked)
        mail.exchange(signed).results()
        assert waiting.is_alive()
    finally:
        waiting.join()
    assert words(mail, dead) == {"spf": "temperror", "dkim": "none", "dmarc": "temperror"}


def test_session_that_outlives_the_milter_goes_on_and_a_new_one_is_verified(mail: Mail) -> None:
    with mail.server.session(SENDER) as session:
        assert session.send(message(), AUTHOR, mail.recipient).code == 250
        mail.inalign.kill()
        mail.inalign.start()
        assert session.send(message(), AUTHOR, mail.recipient).code == 250
    assert words(mail)["dmarc"] == "pass"
    assert mail.next().values("Authentication-Results") == []
    assert mail.exchange(message()).results()["dmarc"][0].word == "pass"


def test_stop_waits_for_the_message_under_way(mail: Mail) -> None:
    codes, domain = list[int](), fresh_silent()

    def send() -> None:
        codes.append(mail.server.send(message(f"ann@{domain}"), f"ann@{domain}", mail.recipient, strict=True).code)

    asked = len(mail.name_server.questions)
    under_way = threading.Thread(target=send)
    under_way.start()
    try:
        mail.wait_for_question(domain, since=asked)
        mail.inalign.stop()
        under_way.join()
    finally:
        mail.inalign.start()
    assert codes == [250]
    assert words(mail)["spf"] == "temperror"


def test_log_has_a_line_for_each_message_by_its_queue_id(mail: Mail) -> None:
    reply = mail.server.send(mail.senders.signed(message()), AUTHOR, mail.recipient)
    # `queued as ID` and `ID Message accepted for delivery`
    (queue_id,) = re.findall(r"as (\w+)$|(\w+) Message accepted", reply.text)
    (line,) = (line for line in mail.inalign.log().splitlines() if "".join(queue_id) in line)
    for part in ("reject.example", mail.server.client_ip(SENDER), "dmarc=pass"):
        assert part in line


@pytest.fixture(params=["unix", "inet", "inet6"])
def by_other_socket(request: pytest.FixtureRequest, server_name: str) -> Iterator[tuple[MailServer, Senders]]:
    """A server that reaches a milter of its own by this kind of socket."""
    kind = request.param
    senders = Senders()
    with tempfile.TemporaryDirectory(prefix="inalign-") as name, NameServer(senders.zone()) as name_server:
        folder = Path(name)
        folder.chmod(0o755)
        inalign = Inalign(folder, name_server.port)
        try:
            if kind not in inalign.addresses:
                pytest.skip("this host has no IPv6")
            server = SERVERS[server_name](inalign.addresses[kind])
            try:
                yield server, senders
            finally:
                server.stop()
        finally:
            inalign.stop()
        assert not (folder / "milter.sock").exists(), "the milter leaves its socket behind"


def test_every_kind_of_socket_serves_as_well(by_other_socket: tuple[MailServer, Senders]) -> None:
    server, senders = by_other_socket
    recipient = fresh_address()
    assert server.send(senders.signed(message()), AUTHOR, recipient, strict=True).code == 250
    (delivered,) = server.delivered(recipient)
    assert delivered.startswith(b"Authentication-Results: mx.example.net;")
    server.sendmail(message(), AUTHOR, recipient)
    (local,) = server.delivered(recipient)
    assert b"Authentication-Results" not in local
