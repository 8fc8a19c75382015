"""One message through all methods: the verdict, its field, and the rules of the interface for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest

from inalign.arc.result import ArcStatus
from inalign.arc.seal import seal_arc
from inalign.arc.validate import validate_arc
from inalign.dkim.result import DkimReason, DkimStatus
from inalign.dkim.sign import SigningKey
from inalign.dmarc.result import DmarcReason, DmarcStatus, Policy
from inalign.flow.authenticate import authenticate, authenticate_with
from inalign.flow.iprev import IprevStatus
from inalign.flow.receive import Reception, VerificationOptions, check_client
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.domain import parse_domain
from inalign.mail.fields import parse_message
from inalign.spf.result import SpfReason, SpfScope, SpfStatus
from tests.helpers import NOW, message, run_now, zone
from tests.senders import CLIENT, TEXT, private_key, records, signed, without

FROM_ALICE = Envelope(CLIENT, "mail.example.org", "alice@example.org")
FROM_STRANGER = Envelope("198.51.100.9", "mail.example.com", "eve@example.com")

Names = Mapping[str, dict[str, object]]


def judge(
    octets: bytes,
    envelope: Envelope = FROM_ALICE,
    names: Names | None = None,
    *,
    options: VerificationOptions | None = None,
    now: datetime = NOW,
) -> Verdict:
    chosen = options or VerificationOptions(authserv_id="mx.example.net")
    resolver = zone(records() if names is None else names)
    return run_now(authenticate_with(octets, envelope, resolver, chosen, now=now))


def test_own_mail_passes_by_both_methods() -> None:
    verdict = judge(signed())
    assert (verdict.spf.result, verdict.dkim[0].result, verdict.dmarc.result) == ("pass", "pass", "pass")
    assert verdict.spf_helo is not None
    assert verdict.spf_helo.result is SpfStatus.PASS
    assert verdict.dmarc.policy is Policy.REJECT
    assert verdict.dmarc.disposition is Policy.NONE


def test_field_names_what_was_authenticated_and_parses_strictly() -> None:
    verdict = judge(signed())
    field = parse_authentication_results(str(verdict.authentication_results).encode())
    assert field.authserv_id == "mx.example.net"
    assert [(result.method, result.result) for result in field.results] == [
        ("spf", "pass"),
        ("dkim", "pass"),
        ("dmarc", "pass"),
    ]
    assert field.results[0].values("smtp", "mailfrom") == ("example.org",)
    assert field.results[1].values("header", "d") == ("example.org",)
    assert field.results[2].values("header", "from") == ("example.org",)
    assert field.results[2].values("policy", "dmarc") == ("reject",)


def test_local_part_of_mail_from_is_not_published() -> None:
    assert "alice" not in str(judge(signed()).authentication_results)  # RFC 8601 section 4


def test_stranger_fails_and_the_standard_alone_would_quarantine() -> None:
    verdict = judge(message(TEXT), FROM_STRANGER)
    assert verdict.dmarc.result is DmarcStatus.FAIL
    assert verdict.dmarc.disposition is Policy.QUARANTINE  # RFC 9989 section 7.4: never reject on p=reject alone
    assert "dkim=none" in str(verdict.authentication_results)


def test_null_reverse_path_is_judged_by_helo() -> None:
    verdict = judge(message(TEXT), Envelope(CLIENT, "mail.example.org", ""))
    assert verdict.spf.scope is SpfScope.HELO
    assert verdict.dmarc.result is DmarcStatus.PASS
    assert "smtp.helo=mail.example.org" in str(verdict.authentication_results)


def test_helo_pass_alone_never_feeds_dmarc() -> None:
    verdict = judge(message(TEXT), Envelope(CLIENT, "mail.example.org", "x@nowhere.example"))
    assert verdict.spf_helo is not None
    assert verdict.spf_helo.result is SpfStatus.PASS
    assert verdict.dmarc.result is DmarcStatus.FAIL


def test_helo_need_not_be_checked() -> None:
    assert judge(signed(), options=VerificationOptions(authserv_id="mx.example.net", helo_check=False)).spf_helo is None


def test_helo_result_is_shown_on_request_only() -> None:
    assert "smtp.helo" not in str(judge(signed()).authentication_results)
    shown = judge(signed(), options=VerificationOptions(authserv_id="mx.example.net", helo_result=True))
    assert "spf=pass smtp.helo=mail.example.org" in str(shown.authentication_results)


@pytest.mark.parametrize("client", [None, "", "not an address", "192.0.2.300", "[192.0.2.7]", "192.0.2.7\r\nX: y"])
def test_client_that_is_no_address_gives_spf_none(client: str | None) -> None:
    verdict = judge(signed(), Envelope(client, "mail.example.org", "alice@example.org"))
    assert verdict.spf.result is SpfStatus.NONE
    assert verdict.spf.reason is SpfReason.NO_CLIENT


@pytest.mark.parametrize(
    "mail_from", [None, "@", "alice@", "alice@localhost", "a@b@", "x@exa mple.org", "\0@\r\n", "a" * 5000]
)
def test_reverse_path_without_a_domain_gives_spf_none(mail_from: str | None) -> None:
    verdict = judge(signed(), Envelope(CLIENT, "mail.example.org", mail_from))
    assert verdict.spf.result is SpfStatus.NONE
    assert verdict.dmarc.result is DmarcStatus.PASS  # by DKIM


@pytest.mark.parametrize("helo", [None, "", "localhost", "[192.0.2.7]", "-", "a b", "\0", "x" * 5000])
def test_helo_that_is_no_multi_label_name_has_no_result(helo: str | None) -> None:
    assert judge(signed(), Envelope(CLIENT, helo, "alice@example.org")).spf_helo is None


def test_name_server_failure_of_the_key_is_temperror_when_nothing_else_passes() -> None:
    names = without(records(), "s1._domainkey.example.org", "timeout")
    verdict = judge(signed(), FROM_STRANGER, names)
    assert verdict.dkim[0].result is DkimStatus.TEMPERROR
    assert verdict.dmarc.result is DmarcStatus.TEMPERROR
    assert verdict.dmarc.reason is DmarcReason.IDENTIFIER_UNDECIDED
    assert verdict.dmarc.disposition is Policy.NONE


def test_name_server_failure_of_the_key_is_outweighed_by_an_aligned_spf_pass() -> None:
    verdict = judge(signed(), FROM_ALICE, without(records(), "s1._domainkey.example.org", "timeout"))
    assert verdict.dmarc.result is DmarcStatus.PASS


def test_name_server_failure_of_spf_is_temperror_when_nothing_else_passes() -> None:
    verdict = judge(message(TEXT), FROM_ALICE, without(records(), "example.org"))
    assert verdict.spf.result is SpfStatus.TEMPERROR
    assert verdict.dmarc.result is DmarcStatus.TEMPERROR


def test_name_server_failure_of_a_stranger_changes_nothing() -> None:
    names = without(records(), "example.com")
    verdict = judge(message(TEXT), FROM_STRANGER, names)
    assert verdict.spf.result is SpfStatus.TEMPERROR
    assert verdict.dmarc.result is DmarcStatus.FAIL


def test_name_server_failure_of_a_strangers_signature_changes_nothing() -> None:
    names = without(records(), "s1._domainkey.evil.example")
    verdict = judge(signed(domain="evil.example"), FROM_STRANGER, names)
    assert verdict.dkim[0].result is DkimStatus.TEMPERROR
    assert verdict.dmarc.result is DmarcStatus.FAIL


def test_name_server_failure_of_the_policy_is_temperror() -> None:
    verdict = judge(message(TEXT), FROM_STRANGER, without(records(), "_dmarc.example.org"))
    assert verdict.dmarc.result is DmarcStatus.TEMPERROR
    assert verdict.dmarc.reason is DmarcReason.DNS_FAILED


def test_octets_below_the_signed_length_make_the_signature_count_for_nothing() -> None:
    octets = signed(body_length=True) + b"Buy now!\r\n"
    verdict = judge(octets, FROM_STRANGER)
    assert verdict.dkim[0].result is DkimStatus.POLICY
    assert verdict.dkim[0].reason is DkimReason.PARTIAL_BODY
    assert verdict.dkim[0].unsigned_octets == len(b"Buy now!\r\n")
    assert verdict.dmarc.result is DmarcStatus.FAIL
    assert "dkim=policy reason=partial_body" in str(verdict.authentication_results)


def test_signed_length_of_the_whole_body_passes() -> None:
    verdict = judge(signed(body_length=True), FROM_STRANGER)
    assert verdict.dkim[0].result is DkimStatus.PASS
    assert verdict.dmarc.result is DmarcStatus.PASS


def test_operator_may_let_partial_bodies_pass() -> None:
    octets = signed(body_length=True) + b"Buy now!\r\n"
    options = VerificationOptions(authserv_id="mx.example.net", partial_body=DkimStatus.PASS)
    assert judge(octets, FROM_STRANGER, options=options).dmarc.result is DmarcStatus.PASS


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("Subject: no author", DmarcReason.NO_AUTHOR),
        ("From: undisclosed-recipients:;", DmarcReason.NO_AUTHOR),
        ("From: alice", DmarcReason.NO_AUTHOR),
        ("From: alice@[192.0.2.7]", DmarcReason.NO_AUTHOR),
        ("From : alice@example.org\nFrom: eve@example.org", DmarcReason.AMBIGUOUS_AUTHOR),
    ],
)
def test_message_without_one_author_is_permerror_and_never_none(head: str, reason: DmarcReason) -> None:
    verdict = judge(message(f"{head}\nTo: bob@example.net\n\nHi\n"))
    assert verdict.dmarc.result is DmarcStatus.PERMERROR
    assert verdict.dmarc.reason is reason


def test_two_from_fields_never_pass() -> None:
    octets = b"From: eve@example.org\r\n" + signed()
    assert judge(octets).dmarc.result is not DmarcStatus.PASS


def test_authors_of_several_domains_never_pass_and_fail_with_the_strictest_policy() -> None:
    names = records() | {"_dmarc.example.com": {"TXT": ["v=DMARC1; p=quarantine"]}}
    both = judge(message("From: a@example.org, b@example.com\n\nHi\n"), FROM_ALICE, names)
    assert both.dmarc.result is DmarcStatus.FAIL
    assert both.dmarc.policy is Policy.QUARANTINE
    neither = judge(message("From: a@example.org, b@example.com\n\nHi\n"), FROM_STRANGER, names)
    assert neither.dmarc.policy is Policy.REJECT


def test_several_addresses_of_one_domain_are_one_author_domain() -> None:
    verdict = judge(message("From: a@example.org, b@example.org\n\nHi\n"))
    assert verdict.dmarc.result is DmarcStatus.PASS


def test_header_that_was_cut_has_no_author() -> None:
    resolver, options = zone(records()), VerificationOptions(authserv_id="mx.example.net")
    reception = Reception(parse_message(signed()).fields, resolver, options, now=NOW, dropped_fields=3)
    client = run_now(check_client(FROM_ALICE, resolver, options, now=NOW))
    assert run_now(reception.verdict(client, resolver)).dmarc.reason is DmarcReason.AMBIGUOUS_AUTHOR


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (records(), IprevStatus.PASS),
        ({**records(), "mail.example.org": {"A": ["192.0.2.99"]}}, IprevStatus.FAIL),
        (without(records(), "mail.example.org"), IprevStatus.TEMPERROR),
        (without(records(), "7.2.0.192.in-addr.arpa"), IprevStatus.TEMPERROR),
        ({}, IprevStatus.PERMERROR),
    ],
)
def test_reverse_name(names: Names, status: IprevStatus) -> None:
    verdict = judge(signed(), names=names, options=VerificationOptions(authserv_id="mx.example.net", iprev=True))
    assert verdict.iprev is not None
    assert verdict.iprev.result is status
    assert f"iprev={status} policy.iprev=192.0.2.7" in str(verdict.authentication_results)


def test_line_ends_of_a_saved_file_make_no_difference() -> None:
    octets = signed()
    assert judge(octets.replace(b"\r\n", b"\n")).authentication_results == judge(octets).authentication_results


@pytest.mark.parametrize(
    "octets", [b"", b"\r\n", b"\n\n\n", b"no header", b":\r\n", b"From", b"\0" * 100, b"From: \xff@\xfe\r\n\r\n"]
)
def test_broken_message_still_gets_a_field(octets: bytes) -> None:
    verdict = judge(octets)
    assert verdict.dmarc.result is DmarcStatus.PERMERROR
    parse_authentication_results(str(verdict.authentication_results).encode())


def test_naive_time_is_refused() -> None:
    naive = datetime(2026, 11, 24)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="aware"):
        run_now(authenticate(signed(), FROM_ALICE, zone({}), now=naive, authserv_id="mx.example.net"))


@pytest.mark.parametrize("word", ["evil.example; dmarc=pass", "a\r\nX-Evil: 1", 'a"b', "a(b", "a\0b"])
def test_nothing_that_a_client_says_can_add_a_result(word: str) -> None:
    verdict = judge(message(TEXT), Envelope(CLIENT, word, f"eve@{word}"))
    field = parse_authentication_results(str(verdict.authentication_results).encode())
    assert [result.method for result in field.results] == ["spf", "dkim", "dmarc"]
    assert str(verdict.authentication_results).isprintable()


def test_verdict_can_be_sealed_as_it_is() -> None:
    verdict = judge(signed())
    key = SigningKey(parse_domain("example.org"), parse_domain("s1"), private_key())
    arc_set = seal_arc(signed(), key, now=NOW, results=verdict.authentication_results, chain=verdict.arc)
    assert str(verdict.authentication_results) in arc_set.decode().replace("\r\n\t", " ")
    assert run_now(validate_arc(arc_set + signed(), zone(records()), now=NOW)).result is ArcStatus.PASS
