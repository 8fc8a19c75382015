"""What a gateway changed is reported as such, and nothing else is excused by it."""

from __future__ import annotations

import pytest

from inalign.dkim.result import DkimReason, DkimStatus
from inalign.dmarc.result import DmarcStatus
from inalign.flow.receive import Reception, VerificationOptions, check_client
from inalign.flow.transit import Transit
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.fields import parse_message
from inalign.spf.result import SpfReason, SpfResult, SpfScope, SpfStatus
from tests.helpers import NOW, message, run_now, zone
from tests.senders import TEXT, records, signed

GATEWAY = Envelope(None, None, "alice@example.org")
OPTIONS = VerificationOptions(authserv_id="mx.example.net", iprev=True)
FOOTER = b"-- \r\nscanned\r\n"
SILENT = Transit(writes_results=False)


def saying(results: str) -> Transit:
    return Transit(writes_results=True, report=parse_authentication_results(f"gw.example; {results}".encode()))


def judge(octets: bytes, transit: Transit | None, *, reported: SpfResult | None = None) -> Verdict:
    parsed = parse_message(octets)
    resolver = zone(records())
    reception = Reception(parsed.fields, resolver, OPTIONS, now=NOW, transit=transit)
    reception.body(parsed.body)
    client = run_now(check_client(GATEWAY, resolver, OPTIONS, now=NOW, reported=reported))
    return run_now(reception.verdict(client, resolver))


def facts(verdict: Verdict) -> tuple[str, str, str, bool]:
    (signature,) = verdict.dkim
    return signature.result, signature.reason, verdict.dmarc.result, verdict.changed_in_transit


CHANGED = (DkimStatus.FAIL, DkimReason.CHANGED_IN_TRANSIT, DmarcStatus.FAIL, True)
FAILED = (DkimStatus.FAIL, DkimReason.BODY_HASH_MISMATCH, DmarcStatus.FAIL, False)


@pytest.mark.parametrize(
    "transit",
    [
        SILENT,
        saying("dkim=pass header.d=example.org"),
        saying("dkim=pass header.d=Example.ORG header.s=S1"),
        saying("dkim=pass header.i=@example.org"),
        saying("dkim=fail header.d=other.example; dkim=pass header.d=example.org header.s=s1; spf=fail"),
    ],
)
def test_body_that_a_gateway_changed(transit: Transit) -> None:
    verdict = judge(signed() + FOOTER, transit)
    assert facts(verdict) == CHANGED
    assert "dkim=fail reason=changed_in_transit" in str(verdict.authentication_results)
    assert "dmarc=fail reason=changed_in_transit" in str(verdict.authentication_results)
    parse_authentication_results(str(verdict.authentication_results).encode())


@pytest.mark.parametrize(
    "transit",
    [
        None,
        Transit(writes_results=True),
        saying("none"),
        saying("dkim=fail header.d=example.org"),
        saying("dkim=pass header.d=other.example"),
        saying("dkim=pass"),
        saying("dkim=pass header.d=-"),
        saying("x-dkim=pass header.d=example.org"),
        saying("spf=pass smtp.mailfrom=example.org"),
    ],
)
def test_body_for_which_no_gateway_vouches(transit: Transit | None) -> None:
    assert facts(judge(signed() + FOOTER, transit)) == FAILED


@pytest.mark.parametrize(
    "properties", ["header.d=example.org header.s=other", "header.d=example.org header.b=AAAAAAAA"]
)
def test_another_signature_of_the_domain_is_not_this_one(properties: str) -> None:
    """The signature is not excused; DMARC would have passed by the one that the gateway saw."""
    verdict = judge(signed() + FOOTER, saying(f"dkim=pass {properties}"))
    assert facts(verdict) == (*FAILED[:3], True)


def test_signature_is_told_by_its_first_characters() -> None:
    (plain,) = judge(signed(), None).dkim
    start = plain.signature_start
    assert facts(judge(signed() + FOOTER, saying(f'dkim=pass header.d=example.org header.b="{start}"'))) == CHANGED
    assert facts(judge(signed() + FOOTER, saying(f'dkim=pass header.d=example.org header.b="{start}abcd"'))) == CHANGED
    assert facts(judge(signed() + FOOTER, saying('dkim=pass header.d=example.org header.b="abc"'))) == CHANGED


def test_subject_that_a_gateway_tagged_needs_its_word() -> None:
    tagged = signed().replace(b"Subject: hello", b"Subject: [EXTERNAL] hello")
    assert facts(judge(tagged, saying("dkim=pass header.d=example.org"))) == CHANGED
    assert facts(judge(tagged, SILENT))[1:] == (DkimReason.SIGNATURE_MISMATCH, DmarcStatus.FAIL, False)


def test_invented_signature_is_not_excused_without_the_gateways_word() -> None:
    """Anybody can write a signature whose body hash is wrong; its header does not verify."""
    invented = signed().replace(b"Hello Bob", b"Pay Bob").replace(b"Subject: hello", b"Subject: pay")
    assert facts(judge(invented, SILENT)) == FAILED


def test_signature_that_the_gateway_took_away() -> None:
    verdict = judge(message(TEXT), saying("dkim=pass header.d=example.org"))
    assert (verdict.dkim, verdict.dmarc.result, verdict.changed_in_transit) == ((), DmarcStatus.FAIL, True)


def test_what_passes_is_not_called_changed() -> None:
    verdict = judge(signed(), saying("dkim=pass header.d=example.org"))
    assert facts(verdict) == (DkimStatus.PASS, DkimReason.VALID, DmarcStatus.PASS, False)


def test_what_would_have_failed_before_the_gateway_fails() -> None:
    other = signed(TEXT.replace("alice@example.org", "eve@victim.example"))
    resolver = zone(records() | {"_dmarc.victim.example": {"TXT": ["v=DMARC1; p=reject"]}})
    parsed = parse_message(other + FOOTER)
    transit = saying("dkim=pass header.d=example.org")
    reception = Reception(parsed.fields, resolver, OPTIONS, now=NOW, transit=transit)
    reception.body(parsed.body)
    client = run_now(check_client(GATEWAY, resolver, OPTIONS, now=NOW))
    verdict = run_now(reception.verdict(client, resolver))
    assert facts(verdict) == (DkimStatus.FAIL, DkimReason.CHANGED_IN_TRANSIT, DmarcStatus.FAIL, False)
    assert "dmarc=fail header.from=victim.example" in str(verdict.authentication_results)


def test_second_author_is_not_excused() -> None:
    two = signed().replace(b"From: Alice", b"From: ceo@example.org\r\nFrom: Alice") + FOOTER
    assert not judge(two, saying("dkim=pass header.d=example.org")).changed_in_transit


def test_reported_spf_is_the_result_and_counts_for_dmarc() -> None:
    reported = SpfResult(result=SpfStatus.PASS, reason=SpfReason.REPORTED, domain="example.org")
    verdict = judge(message(TEXT), saying("spf=pass"), reported=reported)
    assert verdict.dmarc.result is DmarcStatus.PASS
    assert verdict.spf_helo is None
    assert "spf=pass smtp.mailfrom=example.org" in str(verdict.authentication_results)


def test_reported_helo_is_shown_as_such() -> None:
    reported = SpfResult(
        result=SpfStatus.PASS, reason=SpfReason.REPORTED, scope=SpfScope.HELO, domain="mail.example.org"
    )
    verdict = judge(message(TEXT), saying("spf=pass"), reported=reported)
    assert verdict.spf_helo == verdict.spf
    assert "spf=pass smtp.helo=mail.example.org" in str(verdict.authentication_results)


def test_reported_temperror_may_still_have_been_a_pass() -> None:
    reported = SpfResult(result=SpfStatus.TEMPERROR, reason=SpfReason.REPORTED, domain="example.org")
    assert judge(message(TEXT), None, reported=reported).dmarc.result is DmarcStatus.TEMPERROR
