"""Reports that a real Postfix delivers over LMTP to our listener."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from inalign.intake.listener import Listener, ListenerOptions
from inalign.mail.networks import Networks
from inalign.spool.deliveries import SpoolFull
from tests.intake.material import ListSpool
from tests.interop.postfix import Postfix
from tests.interop.smtp import Client
from tests.programs import wait_until

TO_US = """\
virtual_mailbox_domains =
relay_domains = example.net
relay_transport = lmtp:inet:127.0.0.1:{port}
lmtp_host_lookup = native
lmtp_dns_support_level = disabled
lmtp_send_xforward_command = yes
smtpd_milters =
non_smtpd_milters =
"""

MAIL = b"From: reports@example.org\r\nSubject: a report\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n.dot\r\n"
SENDER = Client(ip="192.0.2.7", name="mail.example.org", helo="mail.example.org")


class Intake(NamedTuple):
    """A listener in a thread of its own, behind a Postfix."""

    postfix: Postfix
    spool: ListSpool

    def expect(self, count: int) -> None:
        """So many deliveries come, once Postfix tries again, and no more."""
        deadline = time.monotonic() + 20
        while self.postfix.queue() and time.monotonic() < deadline:
            self.postfix.flush()
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not self.postfix.queue(), "an empty queue", 1)
        assert len(self.spool.taken) == count, self.postfix.log()[-3000:]

    def deferred(self, why: str) -> None:
        """The mail waits for this reason."""
        wait_until(lambda: any(why in line for line in self.postfix.queue()), f"a mail that waits: {why}")


@pytest.fixture(scope="module")
def intake(can_run_postfix: None) -> Iterator[Intake]:
    spool = ListSpool()
    addresses = ("dmarc@example.net", "tls@example.net")
    listener = Listener(
        ListenerOptions(lmtp=("inet:127.0.0.1:0",), addresses=addresses, trusted=Networks(["127.0.0.0/8"]))
    )
    listener.bind()
    where = listener.bound[0]
    assert isinstance(where, tuple)
    loop = asyncio.new_event_loop()
    task = loop.create_task(listener.run(spool.desk(listener)))

    def serve() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        postfix = Postfix("inet:127.0.0.1:1", more=TO_US.format(port=where[1]))
        try:
            yield Intake(postfix, spool)
        finally:
            postfix.stop()
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def test_one_mail_to_two_addresses_comes_in_two_deliveries(intake: Intake) -> None:
    intake.spool.taken.clear()
    assert (
        intake.postfix.send(MAIL, "a@example.org", ["dmarc@example.net", "tls@example.net"], client=SENDER).code == 250
    )
    intake.deferred("452 4.5.3")
    intake.expect(2)
    assert sorted(str(each.provenance.recipient) for each in intake.spool.taken) == [
        "dmarc@example.net",
        "tls@example.net",
    ]
    for delivery in intake.spool.taken:
        assert delivery.content.endswith(MAIL)
        assert (delivery.provenance.client_ip, delivery.provenance.helo) == ("192.0.2.7", "mail.example.org")
        assert delivery.provenance.mail_from == "a@example.org"


def test_a_full_spool_leaves_the_mail_in_the_queue_until_there_is_room(intake: Intake) -> None:
    intake.spool.taken.clear()
    intake.spool.refuse = lambda _: SpoolFull("1 GB")
    assert intake.postfix.send(MAIL, "a@example.org", "dmarc@example.net", client=SENDER).code == 250
    intake.deferred("452 4.3.1")
    intake.spool.refuse = lambda _: None
    intake.expect(1)


def test_mail_for_nobody_is_returned(intake: Intake) -> None:
    intake.spool.taken.clear()
    intake.postfix.send(MAIL, "", "nobody@example.net", client=SENDER)
    wait_until(lambda: "550 5.1.1 No reports are taken for this address" in intake.postfix.log(), "the refusal")
    assert not intake.spool.taken
