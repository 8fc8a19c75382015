"""Trusted sealers and real chains: what a list changed is accepted, what an attacker builds of good parts is not."""

from __future__ import annotations

import pytest

from inalign.arc.result import ArcStatus
from inalign.arc.seal import seal_arc
from inalign.arc.validate import validate_arc
from inalign.dkim.sign import SigningKey
from inalign.flow.authenticate import authenticate
from inalign.flow.decide import LocalPolicy, decide
from inalign.flow.decision import DecisionRule, Disposition
from inalign.flow.facts import Facts
from inalign.flow.verdict import Envelope
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.domain import DomainName, parse_domain, parse_domain_list
from tests.flow.material import with_sealers
from tests.helpers import NOW, message, run_now, zone
from tests.senders import TEXT, key_record, private_key, records, signed

STRANGER = Envelope("198.51.100.9", "mail.lists.example", "bounce@lists.example")
NAMES: dict[str, dict[str, object]] = {
    **records(),
    "s1._domainkey.lists.example": {"TXT": [key_record()]},
    "s1._domainkey.forwarder.example": {"TXT": [key_record()]},
    "s1._domainkey.evil.example": {"TXT": [key_record()]},
}
SEEN = "dkim=pass header.d=example.org; dmarc=pass header.from=example.org"
BROKEN = "arc=pass; dkim=fail header.d=example.org; dmarc=fail header.from=example.org"


def sealed(octets: bytes, sealer: str, said: str = SEEN, *, chain_of: bytes | None = None) -> bytes:
    """One more set on top; the state of the chain is that of another message, where the sealer lies."""
    key = SigningKey(parse_domain(sealer), parse_domain("s1"), private_key())
    chain = run_now(validate_arc(chain_of or octets, zone(NAMES), now=NOW))
    results = parse_authentication_results(f"mx.{sealer}; {said}".encode())
    return seal_arc(octets, key, now=NOW, results=results, chain=chain) + octets


def changed(octets: bytes) -> bytes:
    """As a list does it: DKIM of the author is broken from here on."""
    return octets.replace(b"Subject: ", b"Subject: [list] ") + b"-- \r\nfooter of the list\r\n"


def decision_on(octets: bytes, *trusted: str) -> tuple[Disposition, DecisionRule]:
    verdict = run_now(authenticate(octets, STRANGER, zone(NAMES), now=NOW, authserv_id="mx.example.net"))
    assert verdict.dmarc.result == "fail"
    policy = LocalPolicy(is_enforced=True, dmarc_reject=Disposition.REJECT, trusted_sealers=parse_domain_list(trusted))
    found = decide(verdict, with_sealers(verdict, Facts((DomainName("example.org"),), 1)), policy)
    return found.disposition, found.rule


ACCEPTED = (Disposition.ACCEPT, DecisionRule.TRUSTED_ARC)
REJECTED = (Disposition.REJECT, DecisionRule.DMARC_REJECT)
LIST_MAIL = sealed(changed(signed()), "lists.example")


def test_a_list_that_is_trusted_may_change_the_message() -> None:
    assert decision_on(LIST_MAIL, "lists.example") == ACCEPTED
    assert decision_on(LIST_MAIL) == REJECTED
    assert decision_on(LIST_MAIL, "forwarder.example") == REJECTED


def test_every_sealer_behind_the_list_must_be_trusted() -> None:
    forwarded = sealed(LIST_MAIL, "forwarder.example", BROKEN)
    assert decision_on(forwarded, "lists.example", "forwarder.example") == ACCEPTED
    assert decision_on(forwarded, "lists.example") == REJECTED
    assert decision_on(forwarded, "forwarder.example") == REJECTED


def test_a_good_set_under_a_forged_message_of_an_attacker() -> None:
    """The chain is valid: seals cover ARC fields alone, and the newest message signature is the attacker's own."""
    sets = LIST_MAIL[: LIST_MAIL.index(b"DKIM-Signature")]
    pay = message(TEXT.replace("Hello", "Pay"))
    forged = sealed(sets + pay, "evil.example", f"arc=pass; {SEEN}", chain_of=LIST_MAIL)
    assert run_now(validate_arc(forged, zone(NAMES), now=NOW)).result is ArcStatus.PASS
    assert decision_on(forged, "lists.example") == REJECTED


@pytest.mark.parametrize("change", [(b"Hello", b"Pay"), (b"cv=none", b"cv=pass"), (b"dmarc=pass", b"dmarc=none")])
def test_a_broken_chain_rescues_nothing(change: tuple[bytes, bytes]) -> None:
    assert decision_on(LIST_MAIL.replace(*change), "lists.example") == REJECTED


def test_a_name_server_that_does_not_answer_rescues_nothing() -> None:
    verdict = run_now(
        authenticate(
            LIST_MAIL,
            STRANGER,
            zone({**NAMES, "s1._domainkey.lists.example": {"error": "timeout"}}),
            now=NOW,
            authserv_id="mx.example.net",
        )
    )
    policy = LocalPolicy(is_enforced=True, trusted_sealers=parse_domain_list(["lists.example"]))
    assert (
        decide(verdict, with_sealers(verdict, Facts((DomainName("example.org"),), 1)), policy).rule
        is DecisionRule.DMARC_REJECT
    )
