"""Which mail is signed and by which keys: `inalign milter` asked over its socket, one row for each case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest

from inalign.milter.messages import Command
from tests.keys.material import ED25519_KEY, write_key
from tests.milter import mta
from tests.nameserver import NameServer
from tests.process.milter_service import Service

CONFIG = """\
local_networks = ["192.0.2.0/24", "!192.0.2.64/26", "192.0.2.70", "2001:db8::/32", "!2001:db8:bad::/48"]
relays = ["192.0.2.200", "203.0.113.5"]
own_macros = ["{daemon_name}=ORIGINATING|submission", "{cert_verified}"]

[sign]
check_dns = "off"
must_agree = ["login"]
except_recipients = ["bob@plain.example", "lists.example", ".gateway.example"]

[[sign.key]]
domain = "example.org"
selector = "own"
file = "key.pem"

[[sign.key]]
domain = "example.org"
selector = "sales"
file = "key.pem"
for = ["sales@example.org", "partner.example"]

[[sign.key]]
domain = "example.org"
selector = "below"
file = "key.pem"
for = [".example.org"]
"""
"""The table says which of these keys; one file, since it is not the key that is asked for."""

INSIDE, EXCEPTED, BACK_IN, OUTSIDE = "192.0.2.7", "192.0.2.65", "192.0.2.70", "198.51.100.9"
OURS = ["example.org/own"]
NO_RULE, EXCEPTED_RECIPIENT, LOGIN_DIFFERS = "unsigned=no_rule", "unsigned=excepted_recipient", "unsigned=login_differs"
VERIFIED = "spf="
numbers = count(1)


@dataclass(frozen=True)
class Case:
    """What the MTA tells, and what comes of it."""

    name: str
    signers: Sequence[str] = ()
    """Domain and selector of each signature."""
    said: str = "signed="
    """Where nothing is signed, what the log says."""
    client: str | None = INSIDE
    host: str = "client.example"
    at_connect: Mapping[str, str] = field(default_factory=dict)
    at_mail: Mapping[str, str] = field(default_factory=dict)
    author: str = "alice@example.org"
    to: Sequence[str] = ("carol@plain.example",)


def login(name: str) -> dict[str, str]:
    return {"auth_authen": name, "auth_type": "PLAIN"}


def daemon(name: str) -> dict[str, str]:
    return {"daemon_name": name}


CASES = [
    Case("client of our networks", OURS),
    Case("client of an exception", said=VERIFIED, client=EXCEPTED),
    Case("client of an exception within the exception", OURS, client=BACK_IN),
    Case("client outside", said=VERIFIED, client=OUTSIDE),
    Case("client over IPv6", OURS, client="2001:db8::7"),
    Case("client of an exception over IPv6", said=VERIFIED, client="2001:db8:bad::7"),
    Case("IPv4 within IPv6", OURS, client=f"::ffff:{INSIDE}"),
    Case("exception within IPv6", said=VERIFIED, client=f"::ffff:{EXCEPTED}"),
    Case("relay that lies within our networks", said=VERIFIED, client="192.0.2.200"),
    Case("loopback that is not listed", said=VERIFIED, client="127.0.0.1"),
    Case("client that the MTA does not know", said=VERIFIED, client=None, host="unknown"),
    Case("login from outside", OURS, client=OUTSIDE, at_mail=login("alice@example.org")),
    Case("login from an exception", OURS, client=EXCEPTED, at_mail=login("alice@example.org")),
    Case("login through a relay", OURS, client="203.0.113.5", at_mail=login("alice@example.org")),
    Case("login above the author's domain", ["example.org/below"], at_mail=login("alice@example.org"),
         author="x@sub.example.org"),
    Case("login below the author's domain", [], LOGIN_DIFFERS, at_mail=login("alice@sub.example.org")),
    Case("login of another domain", [], LOGIN_DIFFERS, client=OUTSIDE, at_mail=login("eve@other.example")),
    Case("login without a domain", [], LOGIN_DIFFERS, client=OUTSIDE, at_mail=login("alice")),
    Case("empty login", said=VERIFIED, client=OUTSIDE, at_mail=login("")),
    Case("daemon of our own mail", OURS, client=OUTSIDE, at_connect=daemon("ORIGINATING")),
    Case("another daemon of it", OURS, client=OUTSIDE, at_connect=daemon("submission")),
    Case("daemon that is told at MAIL", OURS, client=OUTSIDE, at_mail=daemon("ORIGINATING")),
    Case("daemon in other case", said=VERIFIED, client=OUTSIDE, at_connect=daemon("originating")),
    Case("daemon of the world", said=VERIFIED, client=OUTSIDE, at_connect=daemon("smtpd")),
    Case("daemon of our own mail, by way of a relay", said=VERIFIED, client="203.0.113.5",
         at_connect=daemon("ORIGINATING")),
    Case("macro with any value", OURS, client=OUTSIDE, at_mail={"cert_verified": "OK"}),
    Case("macro without a value", said=VERIFIED, client=OUTSIDE, at_mail={"cert_verified": ""}),
    Case("author with a key of his own", ["example.org/sales"], author="sales@example.org"),
    Case("author in capitals", ["example.org/sales"], author="Sales@Example.ORG"),
    Case("author below the domain", ["example.org/below"], author="x@a.b.example.org"),
    Case("author of a third party", ["example.org/sales"], author="x@partner.example"),
    Case("author below a third party", said=NO_RULE, author="x@sub.partner.example"),
    Case("author of nobody", said=NO_RULE, author="x@example.com"),
    Case("two authors", said="unsigned=no_author", author="a@example.org, b@example.org"),
    Case("excepted recipient", said=EXCEPTED_RECIPIENT, to=["bob@plain.example"]),
    Case("excepted recipient in capitals", said=EXCEPTED_RECIPIENT, to=["BOB@Plain.Example"]),
    Case("excepted domain", said=EXCEPTED_RECIPIENT, to=["x@lists.example"]),
    Case("below an excepted domain", OURS, to=["x@sub.lists.example"]),
    Case("below a name that excepts what is below", said=EXCEPTED_RECIPIENT, to=["x@a.gateway.example"]),
    Case("all recipients excepted", said=EXCEPTED_RECIPIENT, to=["bob@plain.example", "x@lists.example"]),
    Case("one recipient of two excepted", OURS, to=["bob@plain.example", "carol@plain.example"]),
    Case("excepted recipient, from outside", said=VERIFIED, client=OUTSIDE, to=["bob@plain.example"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("whose")
    write_key(folder / "key.pem", ED25519_KEY)
    with (
        NameServer({"example.org": {"TXT": ["v=spf1 -all"]}}) as names,
        Service(folder, workers=1, dns_port=names.port, milter=CONFIG) as started,
    ):
        yield started


def conversation(case: Case, queue_id: str) -> bytes:
    """All that the MTA says behind its offer."""
    family = "U" if case.client is None else "6" if ":" in case.client else "4"
    return b"".join(
        [
            mta.macros(Command.CONNECT, j="mx.example.net", **case.at_connect),
            mta.connect(case.host, family, address=case.client or ""),
            mta.helo(),
            mta.macros(Command.MAIL, i=queue_id, **case.at_mail),
            mta.mail("<alice@example.org>"),
            *[mta.recipient(f"<{address}>") for address in case.to],
            mta.data(),
            mta.header(b"From", f" {case.author}".encode()),
            mta.header(b"Subject", b" whose"),
            mta.end_of_header(),
            mta.end_of_message(b"Hello.\r\n"),
        ]
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_which_keys_sign(service: Service, case: Case) -> None:
    queue_id = f"Q{next(numbers)}"
    with service.peer() as peer:
        peer.send(mta.offer())
        assert peer.read()[0] == "O"
        frames = peer.deliver(conversation(case, queue_id))
    assert frames[-1][0] in "ac"
    fields = [payload[4:] for letter, payload in frames if letter == "i"]
    values = [value.decode() for value in fields if value.startswith(b"DKIM-Signature\0")]
    found = [f"{d}/{s}" for value in values for d, s in re.findall(r"[\s;]d=([^;]+);\s*s=([^;]+);", value)]
    assert found == list(case.signers)
    service.wait_for_log(f"{queue_id} ")
    (line,) = [line for line in service.log().splitlines() if f"{queue_id} " in line]
    assert case.said in line
