"""A mail server, Inalign, the senders and their name server as one thing: send this, read what lies in the mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.interop.inalign import Inalign
from tests.interop.received import Received, claims_our_id, received
from tests.interop.senders import STRANGER_IP, Senders
from tests.interop.server import MailServer
from tests.interop.smtp import Client
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer
from tests.programs import wait_until

SENDER = Client()
"""A host that the SPF records of the test domains name."""
STRANGER = Client(ip=STRANGER_IP, helo="stranger.example", name=None)
LOCAL_CLIENT = Client(ip="198.51.100.25", helo="desk.example.net", name=None)
RELAY = Client(ip="203.0.113.5", helo="relay.example.net", name=None)


@dataclass
class Mail:
    server: MailServer
    inalign: Inalign
    senders: Senders
    name_server: NameServer
    recipient: str = field(default_factory=fresh_address)

    def exchange(
        self,
        message: bytes,
        mail_from: str = "ann@reject.example",
        *,
        client: Client = SENDER,
        options: Sequence[str] = (),
    ) -> Received:
        """Send one message that is accepted, and read it from the mailbox."""
        with self.server.session(client, strict=True) as session:
            reply = session.send(message, mail_from, self.recipient, options=options)
        assert reply.code == 250, f"{reply}\n{self.inalign.log()[-3000:]}"
        return self.next()

    def next(self, recipient: str | None = None) -> Received:
        """The next message in the mailbox."""
        (message,) = self.server.delivered(recipient or self.recipient)
        return received(message)

    def wait_for_question(self, name: str, *, since: int) -> None:
        """Until the name server was asked for this name after its first `since` questions."""
        wait_until(lambda: name in {each.name for each in self.name_server.questions[since:]}, f"a question for {name}")

    @staticmethod
    def claims(message: Received) -> list[str]:
        """The methods that a field under our name claims to have checked."""
        ours = [value for value in message.values("Authentication-Results") if claims_our_id(value)]
        methods = [part.strip().partition("=")[0] for value in ours for part in value.split(";")[1:]]
        return [method for method in methods if method in {"dkim", "spf", "dmarc", "arc"}]
