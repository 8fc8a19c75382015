"""Two of our milters that sign, a real mail server before both, and where its mail goes: an SMTP server of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inalign.dkim.result import DkimResult
from inalign.dkim.verify import verify_dkim
from tests.differential.dkim_peers import DkimPeer
from tests.differential.messages import SignedMessage
from tests.helpers import run_now, zone
from tests.interop.inalign import Inalign
from tests.interop.postfix import Postfix, relaying_to
from tests.interop.senders import Senders
from tests.interop.server import MailServer
from tests.interop.sink import Sink
from tests.interop.smtp import Client
from tests.interop.wire import fresh_address
from tests.programs import wait_until

DESK = Client(ip="198.51.100.25", helo="desk.example.net", name=None)
"""In our networks."""
OUTSIDE = Client(ip="203.0.113.77", helo="home.example", name=None)
AUTHOR = "ann@reject.example"

FIRST_SIGNS = [("reject.example", "rsa"), ("reject.example", "ed25519")]
SECOND_SIGNS = [("quarantine.example", "second")]
"""Domain and selector of their signatures, from the top."""

FIRST = """
[sign]
canonicalization = "simple/simple"

[[sign.key]]
domain = "reject.example"
selector = "rsa"
file = "rsa.pem"

[[sign.key]]
domain = "reject.example"
selector = "ed25519"
file = "ed25519.pem"
"""

SECOND = """
[sign]
must_agree = ["login"]
except_recipients = [".unsigned.example"]

[[sign.key]]
domain = "quarantine.example"
selector = "second"
file = "rsa.pem"
for = ["*"]
"""

BODIES = {
    "text": b"Hello Bob,\r\n\r\nthis is signed.\r\n",
    "empty": b"",
    "eight bits": "Grüße\r\n".encode() + b"caf\xe9 \xff\r\n",
    "blanks and empty lines": b"a  b \t \r\n\r\n \r\n\r\n",
    "dots": b".\r\n..\r\n.x\r\n",
    "long lines": b"x" * 990 + b"\r\n",
}
HEADERS = {
    "folds": [b"Comment: a\r\n\tb\r\n  c", b"References: <1@a.example>\r\n <2@a.example>"],
    "resent": [b"Resent-From: carol@reject.example", b"Resent-Date: Tue, 24 Nov 2026 13:00:00 +0000"],
    "blanks": [b"Subject:   two  blanks  ", b"X-Tab:\ta", b"Cc:carol@example.net"],
    "list": [b"List-Id: <x.reject.example>", b"List-Unsubscribe: <https://reject.example/u>"],
    "bytes": [b"X-Name: " + "Grüße".encode(), b"X-Latin: caf\xe9"],
}
"""What a signature must bear, as bodies and as header fields."""


def zone_of(senders: Senders) -> dict[str, dict[str, object]]:
    """All that DNS says."""
    names = {name: dict(entry) for name, entry in senders.zone().items()}
    return names | {"second._domainkey.quarantine.example": names["rsa._domainkey.quarantine.example"]}


def milters(folder: Path, senders: Senders, dns_port: int) -> list[Inalign]:
    """The first signs with both kinds of keys for its own domain, the second for everybody."""
    started = []
    for name, more in (("first", FIRST), ("second", SECOND)):
        (folder / name).mkdir()
        for key in ("rsa", "ed25519"):
            path = folder / name / f"{key}.pem"
            path.write_bytes(senders.private_key_file(key))
            path.chmod(0o600)
        started.append(Inalign(folder / name, dns_port, more=more))
    return started


def postfix_before(addresses: Sequence[str], sink: Sink, more: str = "") -> Postfix:
    """A Postfix that hands on what the milters there, one after the other, have let pass."""
    row = ", ".join(f"{{ {address}, default_action=tempfail }}" for address in addresses)
    relaying = relaying_to(sink.port, "127.0.0.1").replace("smtpd_milters =", f"smtpd_milters = {row}")
    return Postfix(addresses[0], more=relaying + more)


@dataclass
class SigningSite:
    """All of it."""

    server: MailServer
    milters: Sequence[Inalign]
    zone: dict[str, dict[str, object]]
    sink: Sink
    signers: Sequence[tuple[str, str]]
    """Domains and selectors of the signatures that our mail gets, from the top."""

    def arrived(self, recipient: str) -> bytes:
        """The message to this address as it crossed SMTP."""
        wait_until(lambda: any(recipient in each.rcpt_to for each in self.sink.taken), f"mail to {recipient}", 20.0)
        return next(each.message for each in self.sink.taken if recipient in each.rcpt_to)

    def exchange(
        self,
        message: bytes,
        mail_from: str = AUTHOR,
        *,
        client: Client | None = DESK,
        options: Sequence[str] = (),
        recipient: str | None = None,
    ) -> bytes:
        recipient = recipient or fresh_address()
        reply = self.server.send(message, mail_from, recipient, client=client, options=options)
        assert reply.code == 250, f"{reply}\n{self.log()}"
        return self.arrived(recipient)

    def log(self) -> str:
        return "".join(milter.log()[-3000:] for milter in self.milters)

    def verified(self, message: bytes) -> list[DkimResult]:
        """What we say of its signatures, from the top."""
        return list(run_now(verify_dkim(message, zone(self.zone), now=datetime.now(UTC))))

    def holding(self, message: bytes) -> list[tuple[str | None, str | None]]:
        """Domain and selector of its signatures, all of which hold."""
        results = self.verified(message)
        assert [result.result for result in results] == ["pass"] * len(results), (results, message[:3000])
        return [(result.domain, result.selector) for result in results]

    def judged(self, messages: Sequence[bytes], peer: DkimPeer) -> list[dict[str, str]]:
        """What another verifier says of each, by selector."""
        selectors = [selector for _, selector in self.signers]
        cases = [SignedMessage(number, message, self.zone, selectors) for number, message in enumerate(messages)]
        return [{name: judgement.word for name, judgement in each.items()} for each in peer.judge(cases)]
