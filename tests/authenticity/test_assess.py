"""The mail that carried a report, judged against the reporter that it names."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import pytest

from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.arc.seal import seal_arc
from inalign.authenticity.assess import (
    MIN_PASSES,
    Authenticity,
    Carrier,
    CarrierReason,
    History,
    MailEvidence,
    ReporterClaim,
    claim_of,
    judge_all,
    weigh,
)
from inalign.authenticity.evidence import Trust, arrival, gather_evidence
from inalign.dkim.sign import SigningKey
from inalign.dmarc.result import DmarcStatus
from inalign.mail.domain import DomainName, parse_domain, parse_domain_list
from inalign.mail.fields import parse_message
from inalign.mail.results import AuthenticationResults
from inalign.reports.report import AggregateReport, FailureReport, Kind, PublishedPolicy, TlsReport
from inalign.spool.deliveries import Delivery
from inalign.spool.provenance import Provenance
from tests.helpers import NOW, VECTORS, message, run_now, zone
from tests.senders import CLIENT, TEXT, key_record, private_key, records, signed, without

NO_CHAIN = ArcResult(result=ArcStatus.NONE, reason=ArcReason.NO_SETS)
STRANGER = "198.51.100.9"
PROVEN = {parse_domain("example.org"): History(passed=MIN_PASSES)}
STRANGERS_ZONE: dict[str, dict[str, object]] = {
    "example.com": {"TXT": [f"v=spf1 ip4:{STRANGER} -all"]},
    "s1._domainkey.example.com": {"TXT": [key_record()]},
}


def report(email: str = "dmarc@example.org", org_name: str = "Example") -> AggregateReport:
    return AggregateReport(
        org_name=org_name,
        email=email,
        extra_contact_info="",
        report_id="1",
        domain="example.net",
        begin=None,
        end=None,
        policy=PublishedPolicy(),
    )


def delivery(
    content: bytes,
    *,
    client: str | None = CLIENT,
    mail_from: str | None = "dmarc@example.org",
    received: datetime = NOW,
) -> Delivery:
    return Delivery(
        content=content,
        provenance=Provenance(
            name="mail.eml",
            source="listener",
            received=received,
            client_ip=client,
            helo="mail.example.org",
            mail_from=mail_from,
        ),
    )


def judged(
    item: Delivery,
    *,
    names: Mapping[str, dict[str, object]] | None = None,
    claim: ReporterClaim | None = None,
    trust: Trust | None = None,
    history: dict[DomainName, History] | None = None,
    now: datetime = NOW,
    offline: bool = False,
) -> Carrier:
    resolver = None if offline else zone({**STRANGERS_ZONE, **(records() if names is None else names)})
    chosen = claim or claim_of(report())
    mail = parse_message(item.content)
    evidence = run_now(gather_evidence(mail, item.provenance, chosen.kind, resolver, now=now, trust=trust or Trust()))
    return weigh(evidence, chosen, history)


NO_POLICY = records("v=DMARC1; p=none")
TESTING = records("v=DMARC1; p=quarantine; t=y")


def test_a_signature_of_the_reporter_makes_it_genuine_wherever_it_came_from() -> None:
    for client in (None, STRANGER):
        assert judged(delivery(signed(), client=client)).reason is CarrierReason.AUTHENTICATED
    below = claim_of(report("dmarc@mail.example.org"))
    assert judged(delivery(signed(), client=None), claim=below).word is Authenticity.GENUINE


def test_spf_makes_it_genuine_where_the_client_is_known() -> None:
    assert judged(delivery(message(TEXT))).word is Authenticity.GENUINE
    assert judged(delivery(message(TEXT), client=None)).reason is CarrierReason.UNKNOWN_CLIENT


def test_failing_an_enforced_policy_is_forged_where_it_came_directly() -> None:
    assert judged(delivery(message(TEXT), client=STRANGER)).reason is CarrierReason.POLICY_FAILED
    assert judged(delivery(message(TEXT), client=STRANGER)).word is Authenticity.FORGED
    assert judged(delivery(message(TEXT), client=None)).word is Authenticity.UNVERIFIED
    for names in (NO_POLICY, TESTING):
        assert judged(delivery(message(TEXT), client=STRANGER), names=names).reason is CarrierReason.NO_SIGNATURE


def test_a_reporter_that_always_authenticated_its_mail_does_so_now() -> None:
    item = delivery(message(TEXT), client=STRANGER)
    assert judged(item, names=NO_POLICY, history=PROVEN).reason is CarrierReason.PROVEN_REPORTER
    assert judged(item, names=NO_POLICY, history=PROVEN).word is Authenticity.FORGED
    unknown_client = delivery(message(TEXT), client=None)
    assert judged(unknown_client, names=NO_POLICY, history=PROVEN).reason is CarrierReason.UNKNOWN_CLIENT
    seldom = {parse_domain("example.org"): History(passed=20, failed=3)}
    assert judged(item, names=NO_POLICY, history=seldom).reason is CarrierReason.NO_SIGNATURE


def test_who_is_authenticated_as_himself_is_not_the_reporter() -> None:
    text = TEXT.replace("alice@example.org", "dmarc@example.com")
    item = delivery(signed(text, domain="example.com"), client=STRANGER, mail_from="dmarc@example.com")
    found = judged(item, names=NO_POLICY)
    assert (found.reason, found.detail) == (CarrierReason.OTHER_DOMAIN, "as example.com")
    assert judged(item, history=PROVEN).reason is CarrierReason.PROVEN_REPORTER
    named = claim_of(report("dmarc@example.com", "example.org"))
    assert judged(item, claim=named).reason is CarrierReason.AUTHENTICATED


def test_the_name_of_a_proven_reporter_cannot_be_borrowed_with_another_address() -> None:
    named = claim_of(report("dmarc@example.com", "example.org"))
    assert named.reporter == "example.com"
    item = delivery(message(TEXT), client="203.0.113.9", mail_from="")
    assert judged(item, names=NO_POLICY, claim=named, history=PROVEN).reason is CarrierReason.PROVEN_REPORTER
    own = signed(TEXT.replace("alice@example.org", "dmarc@example.com"), domain="example.com")
    found = judged(delivery(own, client=None), claim=named, history=PROVEN)
    assert (found.reason, found.word) == (CarrierReason.OTHER_DOMAIN, Authenticity.UNVERIFIED)


def test_without_an_answer_nothing_is_called_forged() -> None:
    for name in ("s1._domainkey.example.org", "example.org", "_dmarc.example.org"):
        names = without(records(), name)
        item = delivery(message(TEXT) if name == "example.org" else signed(), client=STRANGER)
        found = judged(item, names=names, history=PROVEN)
        assert found.word is not Authenticity.FORGED, name
    broken = signed().replace(b"Hello", b"Hallo")
    names = without(records(), "s1._domainkey.example.org")
    found = judged(delivery(broken, client=STRANGER), names=names, history=PROVEN)
    assert found.reason is CarrierReason.DNS_FAILED


def test_a_stranger_whose_own_name_servers_are_dead_gains_nothing_by_it() -> None:
    item = delivery(
        message(TEXT.replace("alice@example.org", "a@dead.example")), client=STRANGER, mail_from="a@dead.example"
    )
    dead: dict[str, object] = {"error": "timeout"}
    names = {**NO_POLICY, "dead.example": dead, "_dmarc.dead.example": dead}
    assert judged(item, names=names, history=PROVEN).reason is CarrierReason.PROVEN_REPORTER


def test_behind_a_known_forwarder_a_broken_signature_proves_nothing() -> None:
    broken = signed().replace(b"Hello", b"Hallo")
    item = delivery(broken, client=STRANGER, mail_from="box@example.com")
    assert judged(item).reason is CarrierReason.POLICY_FAILED
    known = Trust(forwarders=parse_domain_list(["example.com"]))
    assert judged(item, trust=known, history=PROVEN).reason is CarrierReason.FORWARDED
    assert judged(item, names=NO_POLICY).reason is CarrierReason.BROKEN_SIGNATURE
    whole = delivery(signed(), client=STRANGER, mail_from="box@example.com")
    assert judged(whole, trust=known).word is Authenticity.GENUINE


def test_a_forwarder_is_known_by_its_seal_too() -> None:
    changed = signed().replace(b"Hello", b"Hallo")
    key = SigningKey(parse_domain("example.com"), parse_domain("s1"), private_key())
    found = AuthenticationResults(authserv_id="example.com")
    sealed = seal_arc(changed, key, now=NOW, results=found, chain=NO_CHAIN) + changed
    item = delivery(sealed, client=STRANGER, mail_from="")
    assert judged(item, trust=Trust(forwarders=parse_domain_list(["example.com"]))).reason is CarrierReason.FORWARDED
    assert judged(item).reason is CarrierReason.POLICY_FAILED


def test_a_signature_that_proves_nothing_and_nothing_else() -> None:
    broken = signed(domain="example.com").replace(b"Hello", b"Hallo")
    item = delivery(broken, client="203.0.113.9", mail_from="")
    assert judged(item, names=NO_POLICY).reason is CarrierReason.NOT_AUTHENTICATED


def test_spf_of_today_says_nothing_about_an_old_mail() -> None:
    old = delivery(message(TEXT).replace(b"2026", b"2025"), client=STRANGER, received=NOW - timedelta(days=60))
    assert judged(old, history=PROVEN).reason is CarrierReason.UNKNOWN_CLIENT
    says_old = delivery(message(TEXT).replace(b"2026", b"2025"), client=STRANGER)
    assert judged(says_old).word is Authenticity.FORGED


def test_keys_for_tls_reports_sign_tls_reports_alone() -> None:
    names: dict[str, dict[str, object]] = {
        **records(),
        "s1._domainkey.example.org": {"TXT": [key_record().replace("k=rsa", "k=rsa; s=tlsrpt")]},
    }
    item = delivery(signed(), client=None)
    tls = ReporterClaim(
        kind="tls", reporter=parse_domain("example.org"), names=frozenset({parse_domain("example.org")})
    )
    assert judged(item, names=names, claim=tls).word is Authenticity.GENUINE
    assert judged(item, names=names).word is Authenticity.UNVERIFIED


def test_what_is_no_mail_and_who_names_nobody() -> None:
    assert judged(delivery(b"<?xml version='1.0'?><feedback>")).reason is CarrierReason.NO_MAIL
    assert judged(delivery(b"\x1f\x8b\x08\0")).reason is CarrierReason.NO_MAIL
    nobody = claim_of(report("", "Example Inc."))
    assert nobody.reporter is None
    assert judged(delivery(signed()), claim=nobody).reason is CarrierReason.NO_REPORTER
    assert judged(delivery(signed()), offline=True).reason is CarrierReason.NOT_CHECKED


FAIL = "mx.example.net; dmarc=fail (p=reject dis=none) header.from=example.org; spf=pass smtp.mailfrom=e.example"
PASS = "mx.example.net; dmarc=pass header.from=example.org"
HERE = Trust(authserv_ids=frozenset({"mx.example.net"}))
REPORTED = Trust(reported_domain=parse_domain("example.net"))


def saved(*above: str, text: str = TEXT) -> Delivery:
    """A mail out of a mailbox, with these fields on top."""
    return delivery(message("".join(f"{field}\n" for field in above) + text.lstrip("\n")), client=None, mail_from=None)


@pytest.mark.parametrize("trust", [HERE, REPORTED])
@pytest.mark.parametrize(
    ("field", "word", "reason"),
    [
        (PASS, Authenticity.GENUINE, CarrierReason.AUTHENTICATED),
        (FAIL, Authenticity.FORGED, CarrierReason.POLICY_FAILED),
        ("mx.example.net; dkim=pass header.d=example.org", Authenticity.GENUINE, CarrierReason.AUTHENTICATED),
        ("mx.example.net; dkim=pass header.i=@example.org", Authenticity.GENUINE, CarrierReason.AUTHENTICATED),
        ("mx.example.net; spf=pass smtp.mailfrom=x@example.org", Authenticity.GENUINE, CarrierReason.AUTHENTICATED),
        ("mx.example.net; dkim=pass header.d=e.example", Authenticity.UNVERIFIED, CarrierReason.UNKNOWN_CLIENT),
        ("mx.example.net; dkim=pass header.d=e.example; spf=none", Authenticity.UNVERIFIED, CarrierReason.OTHER_DOMAIN),
        ("mx.example.net; dkim=temperror header.d=example.org", Authenticity.UNVERIFIED, CarrierReason.DNS_FAILED),
        (
            "mx.example.net; dmarc=temperror header.from=example.org; dkim=temperror header.d=example.org",
            Authenticity.UNVERIFIED,
            CarrierReason.DNS_FAILED,
        ),
        (
            "mx.example.net; dmarc=fail (p=none) header.from=example.org; dkim=fail header.d=example.org; spf=fail",
            Authenticity.UNVERIFIED,
            CarrierReason.BROKEN_SIGNATURE,
        ),
        (
            "mx.example.net; dmarc=fail header.from=e.example; dkim=none",
            Authenticity.UNVERIFIED,
            CarrierReason.NO_SIGNATURE,
        ),
        ("mx.example.net; none", Authenticity.UNVERIFIED, CarrierReason.NOT_CHECKED),
    ],
)
def test_of_a_saved_mail_the_server_in_front_is_believed(
    field: str, word: Authenticity, reason: CarrierReason, trust: Trust
) -> None:
    found = judged(saved(f"Authentication-Results: {field}"), trust=trust, offline=True)
    assert (found.word, found.reason) == (word, reason)


def test_a_policy_that_it_does_not_name_is_looked_up() -> None:
    item = saved("Authentication-Results: mx.example.net; dmarc=fail header.from=example.org; spf=fail")
    assert judged(item, trust=HERE).reason is CarrierReason.POLICY_FAILED
    assert judged(item, trust=HERE, names=NO_POLICY).reason is CarrierReason.NO_SIGNATURE
    only_spf = saved("Authentication-Results: mx.example.net; spf=softfail smtp.mailfrom=example.com")
    assert judged(only_spf, trust=HERE).reason is CarrierReason.POLICY_FAILED


def test_results_of_others_are_not_believed() -> None:
    field = f"Authentication-Results: {PASS}"
    other = f"Authentication-Results: {PASS.replace('mx.example.net', 'mx.example.com')}"
    assert judged(saved(other), trust=HERE, offline=True).reason is CarrierReason.NOT_CHECKED
    assert judged(saved(other), trust=REPORTED, offline=True).reason is CarrierReason.NOT_CHECKED
    # The topmost field alone, where nobody listed the name: what is below came with the mail.
    assert judged(saved(other, field), trust=REPORTED, offline=True).reason is CarrierReason.NOT_CHECKED
    assert judged(saved(other, field), trust=HERE, offline=True).word is Authenticity.GENUINE
    forged_below = (f"Authentication-Results: {FAIL}", "Received: from x by y; Mon, 28 Sep 2026 01:59:59 +0000", field)
    assert judged(saved(*forged_below), trust=HERE, offline=True).reason is CarrierReason.POLICY_FAILED
    split = ("Authentication-Results: mx.example.net; dkim=none", field)
    assert judged(saved(*split), trust=HERE, offline=True).word is Authenticity.GENUINE
    assert judged(saved("Authentication-Results: ;;", field), trust=HERE, offline=True).word is Authenticity.GENUINE
    another = saved("Authentication-Results: mx.example.net; dmarc=pass header.from=e.example")
    assert judged(another, trust=HERE, offline=True).word is not Authenticity.GENUINE


@pytest.mark.parametrize(
    ("field", "word"),
    [
        (
            "spf=pass (sender IP is 192.0.2.7)\n smtp.mailfrom=example.org; dkim=pass (signature was verified)\n"
            " header.d=example.org;dmarc=pass action=none\n header.from=example.org;compauth=pass reason=100",
            Authenticity.GENUINE,
        ),
        (
            "spf=none (sender IP is 192.0.2.7)\n smtp.mailfrom=e.example; dkim=none (message not signed)\n"
            " header.d=none;dmarc=fail action=oreject\n header.from=example.org;compauth=fail reason=000",
            Authenticity.FORGED,
        ),
    ],
)
def test_a_server_without_a_name_may_be_believed(field: str, word: Authenticity) -> None:
    item = saved(f"Authentication-Results: {field}")
    nameless = Trust(authserv_ids=frozenset({"-"}))
    assert judged(item, trust=nameless).word is word
    assert judged(item, trust=HERE, offline=True).reason is CarrierReason.NOT_CHECKED
    below = saved("Authentication-Results: mx.e.example; dkim=none", f"Authentication-Results: {field}")
    assert judged(below, trust=REPORTED, offline=True).reason is CarrierReason.NOT_CHECKED


def test_whom_a_report_names() -> None:
    assert claim_of(report("a@Mail.Example.ORG", "x")).reporter == "mail.example.org"
    assert claim_of(report("a@mail.example.org", "x")).names == {"example.org"}
    assert claim_of(report("", "google.com")).reporter == "google.com"
    assert claim_of(report("nonsense", "x")).reporter is None

    def tls(contact: str, organization: str = "Example") -> TlsReport:
        return TlsReport(
            organization_name=organization, report_id="", contact_info=contact, begin=None, end=None, policies=()
        )

    assert claim_of(tls("mailto:a@example.org")).reporter == "example.org"
    assert claim_of(tls("https://www.example.org/contact")).reporter == "www.example.org"
    assert claim_of(tls(""), "mta.example.org").reporter == "mta.example.org"
    assert claim_of(tls("", "example.com")).reporter == "example.com"
    failure = FailureReport(
        source_ip=None, reported_domain="x", auth_failure=(), arrival_date=None, reporter="a@b.example.org"
    )
    assert claim_of(failure).reporter == "b.example.org"


def test_when_a_mail_came_is_what_the_server_wrote() -> None:
    fields = parse_message(saved("Received: from a by b; Mon, 28 Sep 2026 01:59:59 +0900").content).fields
    assert arrival(fields, NOW).isoformat() == "2026-09-27T16:59:59+00:00"
    assert arrival(parse_message(message("Date: Mon, 28 Sep 2099 01:59:59 +0000\n\n")).fields, NOW) == NOW
    for odd in ("Received: x", "Date: never", "Date: Mon, 99 Sep 2026 99:99:99 +0000", "Subject: x"):
        assert arrival(parse_message(message(f"{odd}\n\n")).fields, NOW) == NOW


def evidence(day: int, *domains: str, complete: bool = True) -> MailEvidence:
    return MailEvidence(
        author=parse_domain("example.org"),
        authenticated=frozenset(map(parse_domain, domains)),
        dmarc=DmarcStatus.PASS if domains else DmarcStatus.NONE,
        is_complete=complete,
        arrived=NOW + timedelta(days=day),
    )


def words(mails: Iterable[MailEvidence], known: History | None = None) -> list[str]:
    claim = claim_of(report())
    found = judge_all([(each, claim) for each in mails], lambda _: known or History())
    return [str(carrier.word)[0] for carrier in found]


def test_together_they_are_judged_by_all_of_them_in_any_order() -> None:
    genuine = [evidence(day, "example.org") for day in range(12)]
    forged = [evidence(day) for day in range(7, 200)]
    mails = [*genuine, *forged]
    expected = ["g"] * len(genuine) + ["f"] * len(forged)
    assert words(mails) == expected
    order = list(range(len(mails)))
    random.Random(1).shuffle(order)
    assert words([mails[place] for place in order]) == [expected[place] for place in order]


def test_one_that_came_before_the_reporter_was_proven_is_outweighed_by_ten() -> None:
    early = [evidence(0)]
    assert words([*early, *[evidence(day, "example.org") for day in range(1, 10)]])[0] == "u"
    assert words([*early, *[evidence(day, "example.org") for day in range(1, 11)]])[0] == "f"


def test_a_reporter_that_often_sends_without_is_never_proven() -> None:
    mails = [evidence(day, *(["example.org"] if day % 3 else [])) for day in range(60)]
    assert set(words(mails)) == {"g", "u"}


def test_what_is_in_the_store_counts_and_what_is_incomplete_does_not() -> None:
    assert words([evidence(0)], History(passed=MIN_PASSES)) == ["f"]
    assert words([evidence(0)], History(passed=MIN_PASSES, failed=1)) == ["u"]
    assert words([evidence(0, complete=False), *[evidence(day, "example.org") for day in range(1, 6)]])[0] == "u"
    assert words([*[evidence(day, complete=False) for day in range(5)], evidence(9)]) == ["u"] * 6


def test_no_history_is_needed_for_one_and_no_evidence_is_no_mail() -> None:
    claim = claim_of(report())
    assert judge_all([(None, claim)]) == [weigh(None, claim)]
    assert weigh(None, claim).reason is CarrierReason.NO_MAIL


def test_of_the_scenarios_all_forged_ones_are_found_and_no_other() -> None:
    lines = (VECTORS / "carrier" / "scenarios.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    kind: Kind = "aggregate"
    mails = []
    for case in cases:
        item = delivery(message(case["head"] + "\n"), client=None, mail_from=None)
        trust = Trust(reported_domain=parse_domain(case["domain"]))
        found = run_now(gather_evidence(parse_message(item.content), item.provenance, kind, None, now=NOW, trust=trust))
        mails.append((found, claim_of(report(case["email"], case["org_name"]))))
    judged_forged = {case["file"] for case, each in zip(cases, judge_all(mails), strict=True) if each.word == "forged"}
    assert judged_forged == {case["file"] for case in cases if case["forged"]}
    assert len(judged_forged) == 3
    genuine = [each for each in judge_all(mails) if each.word == "genuine"]
    assert len(genuine) == len(cases) - 3
