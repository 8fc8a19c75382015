"""Our own mail through a real mail server: what arrives at the next one is signed, and the signatures hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.postfix import Postfix, relaying_to
from tests.interop.senders import Senders, message
from tests.interop.signing import SigningSite, milters
from tests.interop.sink import WITH_UTF8, Sink
from tests.nameserver import NameServer

ALL = [("quarantine.example", "rsa"), ("reject.example", "rsa"), ("reject.example", "ed25519")]
"""The signatures from the top: the second milter's stand above those of the first."""


@pytest.fixture(scope="module")
def site(can_run_postfix: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSite]:
    senders, sink = Senders(), Sink(WITH_UTF8)
    with NameServer(senders.zone()) as name_server:
        both = milters(tmp_path_factory.mktemp("signing"), senders, name_server.port)
        addresses = ", ".join(f"{{ {milter.addresses['inet']}, default_action=tempfail }}" for milter in both)
        relaying = relaying_to(sink.port, "127.0.0.1").replace("smtpd_milters =", f"smtpd_milters = {addresses}")
        server = Postfix(both[0].addresses["inet"], more=relaying + "message_size_limit = 52428800\n")
        try:
            yield SigningSite(server, both, senders, sink)
        finally:
            server.stop()
            for milter in both:
                milter.stop()
            sink.close()


def signatures(site: SigningSite, arrived: bytes) -> list[tuple[str | None, str | None]]:
    """Those that hold; all do."""
    results = site.verified(arrived)
    assert [result.result for result in results] == ["pass"] * len(results), (results, arrived[:3000])
    return [(result.domain, result.selector) for result in results]


BODIES = {
    "text": b"Hello Bob,\r\n\r\nthis is signed.\r\n",
    "empty": b"",
    "eight bits": "Grüße\r\n".encode() + b"caf\xe9 \xff\r\n",
    "blanks and empty lines": b"a  b \t \r\n\r\n \r\n\r\n",
    "dots": b".\r\n..\r\n.x\r\n",
    "990 octets a line": b"x" * 990 + b"\r\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_what_arrives_verifies(site: SigningSite, body: bytes) -> None:
    assert signatures(site, site.exchange(message(body=body), options=["BODY=8BITMIME"])) == ALL
