"""A Postfix whose milter is treated ill, those who write to it, and what became of their mail."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.interop.mail import SENDER
from tests.interop.postfix import Postfix
from tests.interop.received import received
from tests.interop.senders import SILENT, Senders, message
from tests.interop.smtp import SmtpSession
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer
from tests.process.milter_service import Service
from tests.programs import wait_until

AUTHOR = "ann@reject.example"
RETRY_SECONDS = 0.05
VERIFIED = "pass"
UNVERIFIED = "-"


def say(figure: str) -> None:
    """Report what was measured."""
    sys.stdout.write(f"{figure}\n")


@dataclass(frozen=True)
class Hold:
    postfix: Postfix
    senders: Senders
    name_server: NameServer
    service: Service

    def session(self, *, strict: bool) -> SmtpSession:
        """One in which 451 is what a milter that is away means, or one in which mail then passes unmarked."""
        return self.postfix.session(SENDER, strict=strict)

    def signed(self, size: int = 100) -> bytes:
        return self.senders.signed(message(AUTHOR, body=b"0123456789abcde\r\n" * (size // 17)))

    def marks(self, recipient: str) -> list[str]:
        """What DMARC said of each message that this address has got."""
        stored = [received(each) for each in self.postfix.all_delivered(recipient)]
        return [
            each.results()["dmarc"][0].word if each.values("Authentication-Results") else UNVERIFIED for each in stored
        ]

    def passes(self) -> bool:
        """Whether a message is verified now, in a session of its own."""
        with self.session(strict=True) as session:
            return session.send(self.signed(), AUTHOR, fresh_address()).code == 250

    def wait_for_service(self, since: float) -> None:
        """Until a message passes; says how long that took."""
        wait_until(self.passes, "service", 15.0)
        say(f"a message passed {time.monotonic() - since:.2f} s after")


Blow = Callable[[], None]
"""What is done to the milter in the middle of a message."""


def at_mail(hold: Hold, session: SmtpSession, recipient: str, blow: Blow) -> int:
    """The milter knows the sender, and nothing else. Returns the last answer, as all of these do."""
    assert session.command(f"MAIL FROM:<{AUTHOR}>").code == 250
    blow()
    reply = session.command(f"RCPT TO:<{recipient}>")
    return session.data(hold.signed()).code if reply.code == 250 else reply.code


def in_header(hold: Hold, session: SmtpSession, recipient: str, blow: Blow) -> int:
    """Megabytes of fields, so that Postfix is still sending them."""
    fields = [b"X-Filler: " + b"z" * 900 for _ in range(9000)]
    return _in_content(hold, session, recipient, blow, message(fields=fields))


def in_body(hold: Hold, session: SmtpSession, recipient: str, blow: Blow) -> int:
    return _in_content(hold, session, recipient, blow, hold.signed(size=8_000_000))


def _in_content(hold: Hold, session: SmtpSession, recipient: str, blow: Blow, octets: bytes) -> int:
    """The worker is stopped, Postfix fills what is between them, and then the blow falls."""
    assert [reply.code for reply in session.envelope(AUTHOR, recipient)] == [250, 250]
    wait_until(lambda: len(hold.service.holders()) == 1, "one connection")
    os.kill(hold.service.holders()[0], signal.SIGSTOP)
    return _meanwhile(
        lambda: session.data(octets).code, lambda: hold.service.unread() > 100_000, "content on its way", blow
    )


def at_end(hold: Hold, session: SmtpSession, recipient: str, blow: Blow) -> int:
    """The milter has the whole message and waits for DNS."""
    asked = len(hold.name_server.questions)
    sender = f"ann@{SILENT}"
    return _meanwhile(
        lambda: session.send(message(sender), sender, recipient).code,
        lambda: f"_dmarc.{SILENT}" in {each.name for each in hold.name_server.questions[asked:]},
        "a question",
        blow,
    )


def _meanwhile(send: Callable[[], int], arrived: Callable[[], bool], what: str, blow: Blow) -> int:
    codes: list[int] = []
    sending = threading.Thread(target=lambda: codes.append(send()))
    sending.start()
    try:
        wait_until(arrived, what)
    finally:
        blow()
        sending.join()
    return codes[0]


class Load:
    """Clients that send message after message, and each anew until it is taken, as real ones do."""

    def __init__(self, hold: Hold, *, strict: bool, clients: int = 6, each: int = 2) -> None:
        self._hold = hold
        self._strict = strict
        self._clients = clients
        self._each = each
        self._is_over = threading.Event()
        self._octets = hold.signed()
        self.taken: list[str] = []
        self.deferred = 0

    def during(self, treat: Callable[[], None]) -> None:
        """Send as long as `treat` takes, and then what is not yet taken."""
        with ThreadPoolExecutor(self._clients) as pool:
            jobs = [pool.submit(self._client) for _ in range(self._clients)]
            try:
                wait_until(lambda: len(self.taken) > self._clients or any(job.done() for job in jobs), "mail")
                treat()
            finally:
                self._is_over.set()
            for job in jobs:
                job.result()

    def _client(self) -> None:
        while not self._is_over.is_set():
            waiting = [fresh_address() for _ in range(self._each)]
            deadline = time.monotonic() + 20
            while waiting:
                assert time.monotonic() < deadline, "the service does not come back"
                with self._hold.session(strict=self._strict) as session:
                    for recipient in tuple(waiting):
                        code = session.send(self._octets, AUTHOR, recipient).code
                        if code == 250:
                            waiting.remove(recipient)
                            self.taken.append(recipient)
                        else:
                            assert code == 451
                            self.deferred += 1
                if waiting:
                    time.sleep(RETRY_SECONDS)

    def marks(self) -> list[str]:
        """What each message that was taken got; every one is there, and only once."""
        found = [self._hold.marks(recipient) for recipient in self.taken]
        assert [len(each) for each in found] == [1] * len(self.taken)
        say(f"{len(found)} messages taken, {self.deferred} times deferred")
        return [each[0] for each in found]
