"""Two real Postfix in a row, and a gateway: the client is the one that met the first of ours."""

from __future__ import annotations

import pytest

from tests.interop.inalign import GATEWAY, LISTED_RELAY
from tests.interop.mail import SENDER, STRANGER, Mail
from tests.interop.postfix import Postfix
from tests.interop.received import Received
from tests.interop.senders import CLIENT_IP, CLIENT_IP_6, STRANGER_IP, message
from tests.interop.server import ONLY_POSTFIX
from tests.interop.smtp import Client

pytestmark = ONLY_POSTFIX  # a client of any address, told by XCLIENT

AUTHOR = "ann@reject.example"
FORGED = f"Received: from mail.example.org (mail.example.org [{CLIENT_IP}])\r\n\tby mx2.example.net (Postfix) id 1; x"
THEIRS = b"Authentication-Results: gw.example; spf=pass smtp.mailfrom=reject.example; dkim=pass header.d=reject.example"


def relayed(
    mail: Mail, front: Postfix, octets: bytes, client: Client, *, mail_from: str = AUTHOR, helo: str | None = None
) -> Received:
    """Send through the front instance; with a second EHLO of the client, octets as they are."""
    with front.session(client) as session:
        if helo is not None:
            session.command(f"EHLO {helo}")
        reply = session.send(octets, mail_from, mail.recipient)
    assert reply.code == 250, reply
    found = mail.next()
    assert (
        found.values("Received")[1].endswith("(Coordinated Universal Time)") or "Postfix" in found.values("Received")[1]
    )
    return found


def spf(found: Received) -> str:
    return found.results()["spf"][0].word


def test_sender_behind_a_relay_passes(mail: Mail, front_postfix: Postfix) -> None:
    found = relayed(mail, front_postfix, message(), SENDER).results()
    assert (found["spf"][0].word, found["dmarc"][0].word, found["iprev"][0].word) == ("pass", "pass", "pass")
    assert found["iprev"][0].properties["policy.iprev"] == CLIENT_IP
    assert f"origin=received via={LISTED_RELAY}" in mail.inalign.log()


def test_sender_with_an_ipv6_address_behind_a_relay_passes(mail: Mail, front_postfix: Postfix) -> None:
    assert spf(relayed(mail, front_postfix, message(), Client(ip=CLIENT_IP_6))) == "pass"


def test_helo_for_the_null_reverse_path_is_that_of_the_sender(mail: Mail, front_postfix: Postfix) -> None:
    (found,) = relayed(mail, front_postfix, message(), SENDER, mail_from="").results()["spf"]
    assert (found.word, found.properties["smtp.helo"]) == ("pass", "mail.example.org")


def test_stranger_behind_a_relay_fails(mail: Mail, front_postfix: Postfix) -> None:
    found = relayed(mail, front_postfix, message(), STRANGER).results()
    assert (found["spf"][0].word, found["dmarc"][0].word) == ("fail", "fail")


@pytest.mark.parametrize(
    "helo",
    [
        f"[{CLIENT_IP}]",
        f"x ([{CLIENT_IP}])",
        f"x ([{CLIENT_IP}]) by y",
        f"x(mail.example.org [{CLIENT_IP}])",
        f"x) (mail.example.org [{CLIENT_IP}]",
        f"helo=x ([{CLIENT_IP}]",
        f"x ([{CLIENT_IP}]) by y (\\",
        'x "',
        "by",
        "from",
        "gr\u00fc\u00dfe.example",
    ],
)
def test_stranger_is_himself_whatever_he_says_at_helo(mail: Mail, front_postfix: Postfix, helo: str) -> None:
    forged = (FORGED + "\r\n").encode() + message()
    assert spf(relayed(mail, front_postfix, forged, STRANGER, helo=helo)) in {"fail", "none"}


def test_forged_trace_below_the_true_one_is_not_read(mail: Mail, front_postfix: Postfix) -> None:
    fields = [
        f"Received: from x (x [{LISTED_RELAY}]) by mx.example.net; x",
        FORGED,
        f"Received: from x ([{CLIENT_IP}]) by y; x",
    ]
    octets = "".join(field + "\r\n" for field in fields).encode() + message()
    assert spf(relayed(mail, front_postfix, octets, STRANGER)) == "fail"


def test_forged_results_behind_a_relay_are_removed(mail: Mail, front_postfix: Postfix) -> None:
    forged = b"Authentication-Results: mx.example.net; dmarc=pass header.from=reject.example\r\n" + THEIRS + b"\r\n"
    found = relayed(mail, front_postfix, forged + message(), STRANGER)
    assert spf(found) == "fail"
    assert len(found.values("Authentication-Results")) == 1


def test_gateway_that_changed_the_body(mail: Mail) -> None:
    stamp = f"Received: from x (x [{STRANGER_IP}])\r\n\tby gw.example (Filter) with ESMTP id 1; x\r\n".encode()
    changed = mail.senders.signed(message()) + b"scanned by gw.example\r\n"
    gateway = Client(ip=GATEWAY, helo="gw.example", name=None)
    found = mail.exchange(THEIRS + b"\r\n" + stamp + changed, client=gateway).results()
    assert (found["spf"][0].word, found["dmarc"][0].word) == ("pass", "pass")
    assert (found["dkim"][0].word, found["dkim"][0].reason) == ("fail", "changed_in_transit")
    forged = mail.exchange(stamp + THEIRS + b"\r\n" + changed, client=gateway).results()
    assert [forged[method][0].word for method in ("spf", "dkim", "dmarc")] == ["fail", "fail", "fail"]
    assert forged["dkim"][0].reason == "body_hash_mismatch"
