"""Whatever a mail with a report holds, it is judged, and nothing raises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inalign.authenticity.assess import History, ReporterClaim, claim_of, judge_all
from inalign.authenticity.evidence import Trust, gather_evidence
from inalign.mail.domain import parse_domain
from inalign.mail.fields import parse_message
from inalign.reports.report import AggregateReport, PublishedPolicy
from inalign.spool.provenance import Provenance
from tests.helpers import NOW, run_now, zone
from tests.senders import records

FIELDS = st.sampled_from(
    [
        b"From: a@example.org",
        b"From: ",
        b"Received: from a by b; Mon, 28 Sep 2026 01:59:59 +0000",
        b"Received: ;",
        b"Date: ",
        b"Date: Mon, 28 Sep 2026 01:59:59 +0000",
        b"Authentication-Results: mx.example.net; dmarc=fail (p=reject) header.from=example.org",
        b"Authentication-Results: mx.example.net; dkim=pass header.d=",
        b"Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=@",
        b"Authentication-Results: ",
        b"DKIM-Signature: v=1; d=example.org; s=s1; a=rsa-sha256; b=; bh=; h=from",
    ]
)
MAILS = st.lists(st.tuples(FIELDS, st.binary(max_size=30)), max_size=6).map(
    lambda lines: b"\r\n".join(field + rest.replace(b"\n", b"") for field, rest in lines) + b"\r\n\r\nbody\r\n"
)
CLAIM = claim_of(
    AggregateReport(
        org_name="",
        email="a@example.org",
        extra_contact_info="",
        report_id="",
        domain="",
        begin=None,
        end=None,
        policy=PublishedPolicy(),
    )
)


@given(MAILS | st.binary(max_size=200), st.none() | st.text(max_size=20), st.booleans(), st.booleans())
def test_any_mail_is_judged(content: bytes, client: str | None, is_offline: bool, is_listed: bool) -> None:
    provenance = Provenance(source="", received=NOW, client_ip=client, helo=client, mail_from=client, recipient="")
    trust = Trust(
        authserv_ids=frozenset({"mx.example.net"} if is_listed else ()), reported_domain=parse_domain("example.net")
    )
    resolver = None if is_offline else zone(records())
    evidence = run_now(gather_evidence(parse_message(content), provenance, "aggregate", resolver, now=NOW, trust=trust))
    (carrier,) = judge_all([(evidence, CLAIM)], lambda _: History(passed=9))
    assert len(carrier.detail) <= 200


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_of_a_reporter_is_a_claim(email: str, org_name: str) -> None:
    report = AggregateReport(
        org_name=org_name,
        email=email,
        extra_contact_info="",
        report_id="",
        domain="",
        begin=None,
        end=None,
        policy=PublishedPolicy(),
    )
    claim = claim_of(report)
    assert isinstance(claim, ReporterClaim)
    assert (claim.reporter is None) == (not claim.names)
