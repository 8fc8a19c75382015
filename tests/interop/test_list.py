"""Forwarders that seal, between real mail servers: an alias, and a mailing list that changes what it sends on.

    somebody -> Postfix, our milter seals -> alias -> Postfix, our milter believes the seals -> mailbox
                                          -> list, which changes and seals -> Postfix -> the same

Everything downstream refuses what fails DMARC, and the author asks for that; SPF fails behind every forwarder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from inalign import SigningKey, parse_authentication_results, seal_arc, validate_arc
from inalign.mail.fields import parse_message
from tests.helpers import run_now, zone
from tests.interop.inalign import Inalign
from tests.interop.mail import SENDER
from tests.interop.postfix import Postfix, relaying_to
from tests.interop.received import Received, received
from tests.interop.senders import KEY_ONLY, Senders, message
from tests.interop.sink import Sink
from tests.interop.smtp import Client, SmtpSession
from tests.interop.wire import fresh_address
from tests.nameserver import NameServer
from tests.programs import wait_until

AUTHOR = "ann@reject.example"
LIST = "talk@lists.example"
FORWARDER = "127.0.9.9"
"""From where the forwarders send; no SPF record names it."""

SEALING = f"""
[arc]
seal = "all"
domain = "{KEY_ONLY}"
selector = "rsa"
file = "rsa.pem"
"""
BELIEVING = f"""
[policy]
mode = "enforce"
dmarc_reject = "reject"
refuse_lists = true
trusted_sealers = ["{KEY_ONLY}"]
"""
ALIASES = """
relay_domains = example.net, lists.example
virtual_alias_maps = regexp:{{{{/^alias-(.*)/ $${{1}}}}}}
transport_maps = inline:{{lists.example=relay:[127.0.0.1]:{list_port}}}
"""


@dataclass
class Site:
    senders: Senders
    forwarder: Postfix
    sealing: Inalign
    list_input: Sink
    list_output: Postfix
    last: Postfix
    believing: Inalign

    def arrived(self, recipient: str) -> bytes:
        """What lies in the mailbox, as it crossed SMTP."""
        (found,) = self.last.delivered(recipient)
        return found.replace(b"\n", b"\r\n")

    def through_alias(self, text: bytes, client: Client = SENDER) -> bytes:
        recipient = fresh_address()
        assert self.forwarder.send(text, AUTHOR, f"alias-{recipient}", client=client).code == 250
        return self.arrived(recipient)

    def at_the_list(self, text: bytes, client: Client = SENDER) -> bytes:
        """What the list gets of a message that somebody posts."""
        before = len(self.list_input.taken)
        assert self.forwarder.send(text, AUTHOR, LIST, client=client).code == 250
        wait_until(lambda: len(self.list_input.taken) > before, "the post", 20.0)
        return self.list_input.taken[before].message

    def through_list(self, text: bytes, client: Client = SENDER) -> bytes:
        """What a member gets of it."""
        recipient = fresh_address()
        posted = self.at_the_list(text, client)
        sent = self.sealed_by_the_list(posted, changed_by_the_list(posted))
        with self.list_output.session() as session:
            assert session.send(sent, "talk-bounces@lists.example", recipient).code == 250
        return self.arrived(recipient)

    def sealed_by_the_list(self, posted: bytes, changed: bytes) -> bytes:
        """The public functions alone: the chain and the results are of what came, the seal is over what goes."""
        now = datetime.now(UTC)
        chain = run_now(validate_arc(posted, zone(self.senders.zone()), now=now))
        value = next(each.value for each in parse_message(posted).fields if each.key == b"authentication-results")
        key = SigningKey.load(KEY_ONLY, "rsa", self.senders.private_key_file("rsa"))
        return seal_arc(changed, key, now=now, results=parse_authentication_results(value), chain=chain) + changed

    def refused(self, text: bytes) -> bool:
        """Whether the last server refuses a message from a forwarder."""
        with SmtpSession(self.last.port, source=FORWARDER) as session:
            session.greet("lists.example")
            return session.send(text, "talk-bounces@lists.example", fresh_address()).code == 550


def changed_by_the_list(text: bytes) -> bytes:
    """As lists do: a tag in the subject, a footer, fields of its own."""
    tagged = text.replace(b"\r\nSubject: ", b"\r\nSubject: [talk] ", 1)
    own = b"List-Id: <talk.lists.example>\r\nList-Post: <mailto:talk@lists.example>\r\nPrecedence: list\r\n"
    return own + tagged + b"-- \r\ntalk mailing list\r\n"


@pytest.fixture(scope="module")
def site(can_run_postfix: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    senders = Senders()
    with ExitStack() as stack:
        name_server = stack.enter_context(NameServer(senders.zone()))
        milters = []
        for name, more in (("sealing", SEALING), ("believing", BELIEVING)):
            folder = tmp_path_factory.mktemp(name)
            (folder / "rsa.pem").touch(0o600)
            (folder / "rsa.pem").write_bytes(senders.private_key_file("rsa"))
            milters.append(Inalign(folder, name_server.port, more=more))
            stack.callback(milters[-1].stop)
        sealing, believing = milters
        list_input = Sink()
        stack.callback(list_input.close)
        last = Postfix(believing.addresses["inet"])
        stack.callback(last.stop)
        relaying = relaying_to(last.port, FORWARDER)
        list_output = Postfix("inet:127.0.0.1:1", more=relaying)
        stack.callback(list_output.stop)
        address = sealing.addresses["inet"]
        with_milter = relaying.replace("smtpd_milters =", f"smtpd_milters = {address}")
        with_aliases = re.sub(r"(?m)^relay_domains.*$", "", with_milter) + ALIASES.format(list_port=list_input.port)
        forwarder = Postfix(address, more=with_aliases)
        stack.callback(forwarder.stop)
        yield Site(senders, forwarder, sealing, list_input, list_output, last, believing)


def found(text: bytes) -> tuple[str, str, str]:
    """What the last server says of DKIM, DMARC and ARC."""
    results = delivered(text).results()
    return results["dkim"][0].word, results["dmarc"][0].word, results["arc"][0].word


def delivered(text: bytes) -> Received:
    return received(text.replace(b"\r\n", b"\n"))


def test_mail_through_an_alias_passes_by_its_signature_and_its_seal(site: Site) -> None:
    arrived = site.through_alias(site.senders.signed(message()))
    assert found(arrived) == ("pass", "pass", "pass")
    assert site.senders.chain_for_dkimpy(arrived).startswith("pass")


def test_mail_without_a_signature_comes_through_an_alias_by_its_seal_alone(site: Site) -> None:
    """SPF passed at the forwarder, which nobody behind it can see."""
    arrived = site.through_alias(message())
    assert found(arrived) == ("none", "fail", "pass")
    assert site.senders.chain_for_dkimpy(arrived).startswith("pass")
    assert "rule=trusted_arc" in site.believing.log()
    assert site.refused(message())


def test_post_comes_through_a_list_by_its_seal_alone(site: Site) -> None:
    arrived = site.through_list(site.senders.signed(message()))
    assert b"Subject: [talk] a  subject" in arrived
    assert found(arrived) == ("fail", "fail", "pass")
    assert re.findall(rb"^ARC-Seal: i=(\d);.*?cv=(\w+)", arrived, re.MULTILINE | re.DOTALL) == [
        (b"2", b"pass"), (b"1", b"none"),
    ]  # fmt: skip
    assert site.senders.chain_for_dkimpy(arrived).startswith("pass")
    assert site.forwarder.queue() == site.list_output.queue() == []


def test_chain_from_before_goes_on_through_the_list(site: Site) -> None:
    before = b"Authentication-Results: open.example; spf=pass smtp.mailfrom=reject.example\r\n" + message()
    arrived = site.through_list(site.senders.sealed(site.senders.signed(before)))
    assert found(arrived) == ("fail", "fail", "pass")
    assert arrived.count(b"\r\nARC-Seal: i=") == 3
    assert site.senders.chain_for_dkimpy(arrived).startswith("pass")


def test_list_that_changes_without_sealing_is_refused(site: Site) -> None:
    posted = site.at_the_list(site.senders.signed(message()))
    assert not site.refused(posted)
    assert site.refused(changed_by_the_list(posted))


def test_seal_of_mail_that_failed_is_no_recommendation(site: Site) -> None:
    """The list seals what a stranger posts as well, and says what it found."""
    stranger = Client(ip="203.0.113.99", helo="stranger.example", name=None)
    posted = site.at_the_list(message(), stranger)
    assert b"dmarc=fail" in posted
    assert site.refused(site.sealed_by_the_list(posted, changed_by_the_list(posted)))
