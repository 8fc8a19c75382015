"""What becomes of a message from outside, asked of the use case itself: no milter, and DNS is a zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from inalign.arc.result import ArcStatus
from inalign.arc.seal import seal_arc
from inalign.arc.validate import validate_arc
from inalign.dkim.sign import SigningKey
from inalign.flow.arc_sealer import ArcSealer, SealStatus
from inalign.flow.budget import DnsBudget
from inalign.flow.decide import LocalPolicy
from inalign.flow.decision import DecisionRule, Disposition
from inalign.flow.evaluation import RecordOptions, decide_again
from inalign.flow.inbound import FROM_CLIENT, Handover, Inbound, InboundContext
from inalign.flow.key_finder import KeyLookupError
from inalign.flow.origin import Hosts, OriginSource
from inalign.flow.outcome import MessageOutcome
from inalign.flow.receive import VerificationOptions
from inalign.flow.verdict import Envelope
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.domain import parse_domain, parse_domain_list
from inalign.mail.fields import make_field, parse_message
from inalign.mail.networks import Networks
from inalign.resolver import ZoneResolver
from tests.helpers import NOW, message, run_now, zone
from tests.senders import CLIENT, TEXT, key_record, private_key, records, signed, without

GENUINE = Envelope(CLIENT, "mail.example.org", "alice@example.org")
ATTACKER = Envelope("203.0.113.99", "client.example", "eve@example.com")
RELAY = "203.0.113.5"
UNSIGNED = message(TEXT)
NAMES: dict[str, dict[str, object]] = {
    **records(),
    "s1._domainkey.lists.example": {"TXT": [key_record()]},
    "s1._domainkey.mx.example.net": {"TXT": [key_record()]},
}
REJECT = LocalPolicy(is_enforced=True, dmarc_reject=Disposition.REJECT)


def context(
    policy: LocalPolicy = REJECT, names: Mapping[str, Mapping[str, object]] = NAMES, sealer: ArcSealer | None = None
) -> InboundContext:
    return InboundContext(
        dns=DnsBudget(ZoneResolver.from_json(names), 20),
        options=VerificationOptions(authserv_id="mx.example.net"),
        policy=policy,
        hosts=Hosts(local=Networks(["10.0.0.0/8"]), relays=Networks([RELAY])),
        sealer=sealer,
        recording=RecordOptions(host="mx1", recipient_domains=True),
    )


def outcome_of(
    octets: bytes,
    envelope: Envelope = ATTACKER,
    *,
    of: InboundContext | None = None,
    handover: Handover = FROM_CLIENT,
    mailers: Sequence[str] = ("smtp",),
) -> MessageOutcome:
    """What becomes of a whole message; a zone answers at once, so that no event loop is needed."""
    parsed = parse_message(octets)
    inbound = Inbound(of or context(), envelope, handover, now=NOW)
    for mailer in mailers:
        inbound.recipient("<bob@example.net>", mailer)
    inbound.header(parsed.fields)
    inbound.body(parsed.body)
    return run_now(inbound.finish(queue_id="4XyZ"))


def what(outcome: MessageOutcome) -> tuple[str, str]:
    return outcome.decision.disposition, outcome.decision.rule


def dmarc_properties(outcome: MessageOutcome, name: str) -> tuple[str, ...]:
    assert outcome.authentication_results is not None
    (dmarc,) = [result for result in outcome.authentication_results.results if result.method == "dmarc"]
    return dmarc.values("policy", name)


def test_unsigned_mail_of_a_domain_with_p_reject_is_refused() -> None:
    outcome = outcome_of(UNSIGNED)
    assert what(outcome) == ("reject", "dmarc_reject")
    assert outcome.decision.refusal is not None
    assert (outcome.decision.refusal.code, outcome.decision.refusal.enhanced) == (550, "5.7.26")
    assert outcome.verdict is not None
    assert outcome.verdict.dmarc.result == "fail"


def test_genuine_mail_is_accepted_and_recorded() -> None:
    outcome = outcome_of(signed(), GENUINE)
    assert what(outcome) == ("accept", "dmarc_pass")
    record = outcome.record
    assert record is not None
    assert (record.queue_id, record.host, record.seen_at, record.dmarc) == ("4XyZ", "mx1", NOW, "pass")
    assert (record.octets, record.envelope_to) == (len(signed()), ("example.net",))
    assert decide_again(record, REJECT) == outcome.decision


def test_observe_mode_accepts_and_names_the_decision_that_it_overrides() -> None:
    outcome = outcome_of(UNSIGNED, of=context(replace(REJECT, is_enforced=False)))
    assert what(outcome) == ("accept", "observe")
    assert outcome.decision.overridden is not None
    assert outcome.decision.overridden.disposition is Disposition.REJECT
    assert dmarc_properties(outcome, "override") == ()
    assert outcome.record is not None
    assert (outcome.record.action, outcome.record.rule) == ("accept", "observe")


def test_mailing_list_is_marked_and_the_field_names_the_override() -> None:
    outcome = outcome_of(b"List-Id: <l.lists.example>\r\n" + UNSIGNED)
    assert what(outcome) == ("quarantine", "mailing_list")
    assert dmarc_properties(outcome, "override") == ("mailing_list",)
    assert dmarc_properties(outcome, "dmarc") == ("reject",)


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [(["lists.example"], ("accept", "trusted_arc")), (["other.example"], ("reject", "dmarc_reject"))],
)
def test_what_a_list_changed_is_accepted_for_a_trusted_sealer(trusted: list[str], expected: tuple[str, str]) -> None:
    changed = signed().replace(b"Subject: ", b"Subject: [list] ")
    key = SigningKey(parse_domain("lists.example"), parse_domain("s1"), private_key())
    results = parse_authentication_results(b"mx.lists.example; dmarc=pass header.from=example.org")
    chain = run_now(validate_arc(changed, zone(NAMES), now=NOW))
    octets = seal_arc(changed, key, now=NOW, results=results, chain=chain) + changed
    outcome = outcome_of(octets, of=context(replace(REJECT, trusted_sealers=parse_domain_list(trusted))))
    assert what(outcome) == expected
    assert outcome.record is not None
    assert [(arc_set.sealer, arc_set.vouches) for arc_set in outcome.record.arc_sets] == [("lists.example", True)]
    for policy in (REJECT, replace(REJECT, trusted_sealers=parse_domain_list(["lists.example"]))):
        again = decide_again(outcome.record, policy)
        assert (again.rule is DecisionRule.TRUSTED_ARC) == bool(policy.trusted_sealers)


def test_dns_that_does_not_answer_defers_the_message() -> None:
    policy = replace(REJECT, dmarc_temperror=Disposition.TEMPFAIL)
    outcome = outcome_of(UNSIGNED, of=context(policy, without(NAMES, "_dmarc.example.org")))
    assert what(outcome) == ("tempfail", "dmarc_temperror")
    assert outcome.decision.refusal is not None
    assert outcome.decision.refusal.code == 451


def test_client_behind_a_relay_is_checked_in_its_place() -> None:
    received = b"Received: from mail.example.org (x [192.0.2.7]) by relay.example.net; x\r\n"
    handover = Handover(relay=ip_address(RELAY))
    outcome = outcome_of(received + signed(), Envelope(RELAY, "relay", "alice@example.org"), handover=handover)
    assert outcome.origin is not None
    assert outcome.origin.source is OriginSource.RECEIVED
    assert outcome.envelope.client_ip == CLIENT
    assert what(outcome) == ("accept", "dmarc_pass")


def test_mail_of_our_own_by_a_relay_is_not_verified() -> None:
    received = b"Received: from desk (x [10.1.2.3]) by relay.example.net; x\r\n"
    handover = Handover(relay=ip_address(RELAY))
    outcome = outcome_of(received + UNSIGNED, Envelope(RELAY, "relay", "alice@example.org"), handover=handover)
    assert (outcome.verdict, outcome.skipped, outcome.record) == (None, "local_network", None)
    assert what(outcome) == ("accept", "skipped")


def test_forged_results_are_removed_unless_a_trusted_host_hands_them_in() -> None:
    octets = b"Authentication-Results: mx.example.net; dmarc=pass\r\nX-Inalign-Action: none\r\n" + UNSIGNED
    assert outcome_of(octets).forged.removals() == (
        (b"Authentication-Results", [1]),
        (b"X-Inalign-Action", range(1, 2)),
    )
    assert len(outcome_of(octets, handover=Handover(keeps_results=True)).forged) == 0


def test_header_that_was_cut_has_its_unread_protected_fields_removed() -> None:
    inbound = Inbound(context(), ATTACKER, now=NOW)
    inbound.header([make_field(b"From", b" a@example.org")], dropped=3, unread={b"authentication-results": 2})
    outcome = run_now(inbound.finish())
    assert outcome.forged.results == [1, 2]
    assert outcome.record is not None
    assert outcome.record.is_list  # one of the fields that were not read may be that of a list


async def load_key() -> SigningKey:
    return SigningKey(parse_domain("mx.example.net"), parse_domain("s1"), private_key())


async def fail_to_load() -> SigningKey:
    raise KeyLookupError("/etc/inalign.toml:9: /etc/key.pem: Permission denied")


def test_message_that_is_passed_on_is_sealed() -> None:
    outcome = outcome_of(signed(), GENUINE, of=context(sealer=ArcSealer(key=load_key)))
    assert outcome.sealed.status is SealStatus.SEALED
    assert outcome.new_fields == outcome.sealed.fields
    result = run_now(validate_arc(b"".join(outcome.new_fields) + signed(), zone(NAMES), now=NOW))
    assert (result.result, result.sealers) == (ArcStatus.PASS, ("mx.example.net",))
    assert outcome.record is not None
    assert outcome.record.is_sealed


def test_message_that_is_refused_is_not_sealed() -> None:
    outcome = outcome_of(UNSIGNED, of=context(sealer=ArcSealer(key=load_key)))
    assert what(outcome) == ("reject", "dmarc_reject")
    assert outcome.sealed.status is None


def test_message_whose_seal_has_no_key_is_passed_on_without_it() -> None:
    outcome = outcome_of(signed(), GENUINE, of=context(sealer=ArcSealer(key=fail_to_load)))
    assert what(outcome) == ("accept", "dmarc_pass")
    assert (outcome.sealed.status, outcome.new_fields) == (SealStatus.KEY_UNAVAILABLE, ())
    assert outcome.sealed.problem == "/etc/inalign.toml:9: /etc/key.pem: Permission denied"


@pytest.mark.parametrize(
    ("mailers", "is_sealed"), [(["local"], False), (["local", "smtp"], True), (["smtp"], True), ([], False)]
)
def test_mail_that_stays_here_need_not_be_sealed(mailers: list[str], is_sealed: bool) -> None:
    sealer = ArcSealer(key=load_key, only_forwarded=True, local_mailers=frozenset({"local"}))
    outcome = outcome_of(signed(), GENUINE, of=context(sealer=sealer), mailers=mailers)
    assert bool(outcome.new_fields) is is_sealed
