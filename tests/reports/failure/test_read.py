"""Failure and abuse reports: variants with one oddity each, reports of others as found, and the plain-text forms."""

from __future__ import annotations

import json
from datetime import datetime
from email import message_from_bytes
from email.message import Message

import pytest

from inalign.reports.failure.mechanisms import failed_mechanisms, read_results
from inalign.reports.failure.plain import read_plain_failure
from inalign.reports.failure.read import read_feedback
from inalign.reports.flaw import Flaw, Flaws
from inalign.reports.limits import FeedbackLimits
from inalign.reports.report import AbuseReport, FailureReport, Refusal
from tests.fuzz.reports import feedback as checked
from tests.helpers import VECTORS

FOLDER = VECTORS / "reports" / "failure"
VARIANTS: dict[str, dict[str, object]] = json.loads((FOLDER / "variants.json").read_text("utf-8"))
OF_ABUSE = set(AbuseReport.__struct_fields__)


def told(found: FailureReport | AbuseReport | Refusal, names: set[str]) -> dict[str, object]:
    """What the table tells of a report, in the types of JSON."""
    if isinstance(found, Refusal):
        return {"refused": found.code}
    values: dict[str, object] = {"type": type(found).__name__}
    for name in names & set(found.__struct_fields__):
        value: object = getattr(found, name)
        if name == "flaws":
            value = sorted({flaw.code for flaw in found.flaws})
        elif isinstance(value, datetime):
            value = value.isoformat()
        values[name] = json.loads(json.dumps(value))
    return values


def octets(name: str) -> tuple[bytes, bytes | None]:
    sample = FOLDER / "variants" / f"{name}.sample"
    feedback = (FOLDER / "variants" / f"{name}.feedback").read_bytes()
    return feedback, sample.read_bytes() if sample.exists() else None


def test_the_table_names_every_file() -> None:
    assert {path.stem for path in (FOLDER / "variants").glob("*.feedback")} == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name: str) -> None:
    expected = dict(VARIANTS[name])
    text, subject = str(expected.pop("text", "")), str(expected.pop("received_subject", ""))
    if "refused" not in expected:
        expected = VARIANTS["plain"] | expected
    feedback, sample = octets(name)
    found = read_feedback(feedback, sample, reporter="dmarc@example.net", text=text, received_subject=subject)
    if isinstance(found, AbuseReport):
        expected = {key: value for key, value in expected.items() if key in OF_ABUSE | {"type"}}
        expected["other_fields"] = VARIANTS[name]["other_fields"]
    assert told(found, set(expected)) == expected
    assert isinstance(found, Refusal) or found.reporter == "dmarc@example.net"


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_can_be_stored(name: str) -> None:
    feedback, sample = octets(name)
    checked(feedback, sample)


def test_sample_is_shown_and_measured() -> None:
    found = read_feedback(*octets("subject-iso-2022-jp"), reporter="")
    assert isinstance(found, FailureReport)
    assert found.sample_header.startswith("Received: from a.example\n by mx.example.net;")
    assert "\nSubject: 請求書のお知らせ\n" in found.sample_header
    assert found.sample_body_octets == len(b"Hello\r\n")
    assert found.message_date == "Mon, 23 Nov 2026 00:14:59 +0000"


def test_limits_cut_and_refuse() -> None:
    feedback, sample = octets("plain")
    limits = FeedbackLimits(octets=len(feedback) - 1)
    found = read_feedback(feedback, sample, reporter="", limits=limits)
    assert isinstance(found, Refusal)
    assert found.code == "too_large"
    small = FeedbackLimits(fields=14, text=40, repeats=2, header=50)
    many = feedback + b"Original-Rcpt-To: <b@example.net>\r\n" * 5
    cut = read_feedback(many, sample, reporter="", limits=small)
    assert isinstance(cut, FailureReport)
    assert len(cut.original_rcpt_to) == 2
    assert {len(value) for value in cut.authentication_results} == {40}
    assert len(cut.sample_header) <= 50
    assert [flaw.code for flaw in cut.flaws].count("cut") == 4


# What is in each of the mails, as a mail reader finds it.
def parts(name: str) -> tuple[bytes | None, bytes | None, str]:
    feedback: bytes | None = None
    sample: bytes | None = None
    text = ""
    for part in message_from_bytes((FOLDER / "shown" / f"{name}.eml").read_bytes()).walk():
        payload = part.get_payload()
        inner = payload[0] if isinstance(payload, list) and isinstance(payload[0], Message) else None
        if part.get_content_type() == "message/feedback-report" and inner is not None:
            feedback = inner.as_bytes()
        elif part.get_content_type() == "message/rfc822" and inner is not None:
            sample = inner.as_bytes()
        elif part.get_content_type() == "text/plain" and not text:
            content = part.get_payload(decode=True)
            text = content.decode() if isinstance(content, bytes) else ""
    return feedback, sample, text


def test_shown_report_of_domain_de() -> None:
    feedback, sample, text = parts("domain.de")
    assert feedback
    found = read_feedback(feedback, sample, reporter="dmarc-report@domain.de", text=text)
    assert isinstance(found, FailureReport)
    assert (found.source_ip, found.reported_domain, found.auth_failure) == ("10.10.10.10", "domain.de", ("dmarc",))
    assert found.arrival_date == datetime.fromisoformat("2018-10-01T11:20:27+02:00")
    assert found.authentication_results == ("dmarc=fail (p=none, dis=none) header.from=domain.de",)
    assert found.display_name == "Interaktive Wettbewerber-Übersicht"
    assert found.identity_alignment is None
    assert found.failed_mechanisms == ("dmarc",)
    assert found.flaws == (
        Flaw("missing", "Identity-Alignment"),
        Flaw("word", "Delivery-Result 'smg-policy-action'"),
    )


def test_shown_report_of_linkedin() -> None:
    feedback, sample, text = parts("linkedin")
    assert feedback
    found = read_feedback(feedback, sample, reporter="dmarc-noreply@linkedin.com", text=text)
    assert isinstance(found, FailureReport)
    assert (found.source_ip, found.reported_domain, found.delivery_result) == (
        "10.10.10.10",
        "example.com",
        "delivered",
    )
    assert found.original_mail_from == ""
    assert found.subject == "Subject line, could be UTF8 encoded"
    assert found.flaws == (Flaw("missing", "Identity-Alignment"),)


def test_shown_report_of_netease_in_base64() -> None:
    feedback, sample, text = parts("netease")
    assert feedback
    found = read_feedback(feedback, sample, reporter="abuse@163.com", text=text)
    assert isinstance(found, FailureReport)
    assert (found.source_ip, found.reported_domain, found.header_from) == (
        "167.89.69.24",
        "cardinal.com",
        "cardinal.com",
    )
    assert found.identity_alignment == ("spf", "dkim")
    assert {flaw.code for flaw in found.flaws} == {"encoding", "missing", "guessed"}


def test_plain_text_of_exim() -> None:
    feedback, sample, text = parts("exim")
    assert feedback is sample is None
    found = read_plain_failure(text, reporter="no-reply@node01.mailgate.example.net", sample=None)
    assert found
    assert (found.source_ip, found.reported_domain) == ("203.0.113.68", "example.com")
    assert found.arrival_date == datetime.fromisoformat("2025-04-07T23:16:09+02:00")
    assert found.failed_mechanisms == ("spf", "dkim", "dmarc")
    assert (found.subject, found.header_from) == ("Payment from your account.", "example.com")
    assert found.delivery_result == "None, Accept"
    assert [flaw.code for flaw in found.flaws] == ["shape"]


BARUWA = """A message claiming to be from you has failed the published DMARC
policy for your domain.

  Sender Domain: example.com
  Sender IP Address: 192.0.2.1
  Received Date: Mon, 23 Nov 2026 09:15:00 +0900
  SPF Alignment: no
  DKIM Alignment: yes
  DMARC Results: Reject

------ This is a copy of the headers that were received before the error
       was detected.

From: Alice <alice@example.com>
Subject: Greetings
"""


def test_plain_text_of_baruwa() -> None:
    found = read_plain_failure(BARUWA.replace("\n", "\r\n"), reporter="a@example.net", sample=None)
    assert found
    assert (found.source_ip, found.reported_domain, found.subject) == ("192.0.2.1", "example.com", "Greetings")
    assert found.failed_mechanisms == ("spf", "dmarc")
    assert found.sample_header == "From: Alice <alice@example.com>\nSubject: Greetings"


@pytest.mark.parametrize(
    ("name", "source", "domain"),
    [("linkedin", "10.10.10.10", "example.com"), ("netease", "167.89.69.24", "cardinal.com")],
)
def test_plain_text_with_a_sentence(name: str, source: str, domain: str) -> None:
    _, sample, text = parts(name)
    found = read_plain_failure(text, reporter="a@example.net", sample=sample)
    assert found
    assert (found.source_ip, found.reported_domain, found.auth_failure) == (source, domain, ("dmarc",))
    assert found.arrival_date
    assert {flaw.code for flaw in found.flaws} == {"shape", "guessed"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Dear all, our DMARC policy has changed.\n",
        "550 5.7.26 rejected by the DMARC policy of example.com; IP 192.0.2.1",
        "This is an email abuse report for an email message received from IP 192.0.2.1 on Mon, 23 Nov 2026.\n",
        "Sender Domain: example.com\n",
    ],
)
def test_other_texts_are_no_report(text: str) -> None:
    assert read_plain_failure(text, reporter="a@example.net", sample=None) is None


@pytest.mark.parametrize(
    ("signer", "failed"),
    [
        ("city.shinjuku.tokyo.jp", ("spf",)),
        ("mail.city.shinjuku.tokyo.jp", ("spf",)),
        ("shinjuku.tokyo.jp", ("spf", "dkim", "dmarc")),
        ("tokyo.jp", ("spf", "dkim", "dmarc")),
        ("city.shibuya.tokyo.jp", ("spf", "dkim", "dmarc")),
    ],
)
def test_a_signature_counts_as_aligned_within_one_organization(signer: str, failed: tuple[str, ...]) -> None:
    flaws = Flaws()
    results = read_results([f"mx.example; spf=fail smtp.mailfrom=x.example; dkim=pass header.d={signer}"], flaws)
    found = failed_mechanisms(
        results, ["dmarc"] if "dmarc" in failed else [], ["none"], "city.shinjuku.tokyo.jp", flaws
    )
    assert found == failed
