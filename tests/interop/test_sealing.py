"""A forwarder that seals: a real mail server before our milter, and what the next one can validate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from inalign.arc.result import ArcResult
from inalign.arc.validate import validate_arc
from tests.helpers import run_now, zone
from tests.interop.inalign import Inalign
from tests.interop.mail import STRANGER
from tests.interop.postfix import Postfix, relaying_to
from tests.interop.senders import KEY_ONLY, SILENT, Senders, message
from tests.interop.sink import Sink
from tests.interop.smtp import Client
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer
from tests.programs import wait_until

SEALING = """
[arc]
seal = "forwarded"
domain = "open.example"
selector = "rsa"
file = "rsa.pem"
"""


@dataclass
class Forwarder:
    server: Postfix
    milter: Inalign
    senders: Senders
    sink: Sink

    def forward(self, text: bytes, mail_from: str = "ann@reject.example", client: Client = STRANGER) -> bytes:
        """What the next server gets of a message that this client sent."""
        recipient = fresh_address()
        reply = self.server.send(text, mail_from, recipient, client=client)
        assert reply.code == 250, f"{reply}\n{self.milter.log()[-3000:]}"
        wait_until(lambda: any(recipient in each.rcpt_to for each in self.sink.taken), "the message", 20.0)
        return next(each.message for each in self.sink.taken if recipient in each.rcpt_to)

    def chain(self, text: bytes) -> ArcResult:
        return run_now(validate_arc(text, zone(self.senders.zone()), now=datetime.now(UTC)))


@pytest.fixture(scope="module")
def forwarder(can_run_postfix: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forwarder]:
    senders, sink, folder = Senders(), Sink(), tmp_path_factory.mktemp("sealing")
    (folder / "rsa.pem").write_bytes(senders.private_key_file("rsa"))
    (folder / "rsa.pem").chmod(0o600)
    with NameServer(senders.zone()) as name_server:
        milter = Inalign(folder, name_server.port, more=SEALING)
        address = milter.addresses["inet"]
        relaying = relaying_to(sink.port, "127.0.0.1").replace("smtpd_milters =", f"smtpd_milters = {address}")
        server = Postfix(address, more=relaying)
        try:
            yield Forwarder(server, milter, senders, sink)
        finally:
            server.stop()
            milter.stop()
            sink.close()


def seals(text: bytes) -> list[bytes]:
    """The chain values, newest first."""
    return re.findall(rb"^ARC-Seal: i=\d+; .*?cv=(\w+);", text, re.MULTILINE | re.DOTALL)


def test_first_seal_tells_what_we_found(forwarder: Forwarder) -> None:
    arrived = forwarder.forward(forwarder.senders.signed(message()))
    assert seals(arrived) == [b"none"]
    names = re.findall(rb"^([\w-]+):", arrived, re.MULTILINE)
    assert names[:5] == [
        b"Authentication-Results", b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results", b"Received",
    ]  # fmt: skip
    chain = forwarder.chain(arrived)
    assert (chain.result, chain.instances, chain.sealers) == ("pass", 1, ("open.example",))
    (results,) = chain.results
    assert b"mx.example.net" in results
    assert b"dkim=pass" in results
    assert b"dmarc=pass" in results
    assert forwarder.senders.chain_for_dkimpy(arrived).startswith("pass")
    assert "sealed=yes" in forwarder.milter.log()


def test_chain_grows_by_one_set_each_time(forwarder: Forwarder) -> None:
    arrived = forwarder.forward(forwarder.senders.sealed(forwarder.senders.signed(_with_results())))
    again = forwarder.forward(arrived)
    assert seals(again) == [b"pass", b"pass", b"none"]
    assert forwarder.chain(again).result == "pass"
    assert forwarder.senders.chain_for_dkimpy(again).startswith("pass")


def test_chain_that_was_broken_before_is_closed(forwarder: Forwarder) -> None:
    sealed = forwarder.senders.sealed(forwarder.senders.signed(_with_results()))
    arrived = forwarder.forward(sealed.replace(b"this is signed", b"this is changed"))
    assert seals(arrived)[0] == b"fail"
    again = forwarder.forward(arrived)
    assert len(seals(again)) == len(seals(arrived))


def test_chain_whose_key_dns_does_not_tell_is_left_as_it_is(forwarder: Forwarder) -> None:
    sealed = forwarder.senders.sealed(_with_results(SILENT), SILENT)
    arrived = forwarder.forward(sealed)
    assert len(seals(arrived)) == 1
    assert b"key_unavailable" in arrived


def test_our_own_mail_is_not_sealed(forwarder: Forwarder) -> None:
    arrived = forwarder.forward(message(), client=Client(ip="198.51.100.25", helo="desk.example.net", name=None))
    assert seals(arrived) == []


def _with_results(by: str = KEY_ONLY) -> bytes:
    return f"Authentication-Results: {by}; spf=pass smtp.mailfrom=reject.example\r\n".encode() + message()
