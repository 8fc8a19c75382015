"""Failure reports in plain text, without a feedback part: the forms of Exim and Baruwa, LinkedIn, and Netease.

The text is all that there is, so every such report has a flaw that says so. A text that is none of these forms is no
report: bounces and people write of DMARC, too.
"""

from __future__ import annotations

import re

from inalign.reports.failure.mechanisms import MECHANISMS
from inalign.reports.failure.reported_message import Sample, domain_in, read_sample
from inalign.reports.failure.values import date, source_address
from inalign.reports.flaw import FlawCode, Flaws
from inalign.reports.limits import FEEDBACK_LIMITS, FeedbackLimits
from inalign.reports.report import FailureReport
from inalign.reports.values import address

_LABEL = re.compile(
    r"^[ \t>]{0,20}(sender domain|sender ip address|received date|spf alignment|dkim alignment|dmarc results)"
    r"[ \t]{0,20}:[ \t]{0,20}([^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADERS_FOLLOW = re.compile(r"^[ \t>]{0,20}-{2,80} This is a copy of the [^.]{1,200}\.", re.IGNORECASE | re.MULTILINE)
_SENTENCE = re.compile(
    r"email\s{1,20}message\s{1,20}received\s{1,20}from\s{1,20}IP\s{1,20}(?P<ip>[^\s]{3,60})\s{1,20}on\s{1,20}"
    r"(?P<date>[^\n]{6,60})",
    re.IGNORECASE,
)
_IS_OF_DMARC = re.compile(r"\bDMARC\b|authentication[- ]failure", re.IGNORECASE)
_PASSED = re.compile(
    r"^[ \t>]{0,20}\d?\.?[ \t]{0,9}(SPF|DKIM)-authenticated Identifiers:[ \t]{0,9}([^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)


def read_plain_failure(
    text: str, *, reporter: str, sample: bytes | None, limits: FeedbackLimits = FEEDBACK_LIMITS
) -> FailureReport | None:
    """The report that a text for people makes, with the reported message beside or within it; None where none is."""
    text = text[: limits.words].replace("\r\n", "\n").replace("\r", "\n")
    labels: dict[str, str] = {}
    for label in _LABEL.finditer(text):
        labels.setdefault(label[1].lower(), label[2].strip())
    if "sender domain" in labels and "sender ip address" in labels:
        return _labelled(text, labels, reporter, sample, limits)
    sentence = _SENTENCE.search(text[:10_000])
    if sentence is None or not _IS_OF_DMARC.search(text[:10_000]):
        return None
    return _told(text[:10_000], sentence, reporter, sample, limits)


def _labelled(
    text: str, labels: dict[str, str], reporter: str, sample: bytes | None, limits: FeedbackLimits
) -> FailureReport:
    """Exim and Baruwa: labels, and behind a line the header of the message."""
    flaws = _flaws()
    follows = _HEADERS_FOLLOW.search(text)
    if sample is None and follows:
        sample = text[follows.end() :].encode("utf-8", "replace")
    aligned = {name: labels.get(f"{name} alignment", "").lower() for name in ("spf", "dkim")}
    failed = {"dmarc"} | {name for name, word in aligned.items() if word in {"no", "fail", "none"}}
    domain = domain_in(labels["sender domain"])
    if not domain:
        flaws.tell(FlawCode.MISSING, f"a domain; {labels['sender domain'][:60]!r} is none")
    return _report(
        read_sample(sample, limits, flaws),
        flaws,
        (labels["sender ip address"], labels.get("received date", "")),
        domain=domain,
        reporter=reporter,
        failed=failed,
        delivery=labels.get("dmarc results", ""),
    )


def _told(
    text: str, sentence: re.Match[str], reporter: str, sample: bytes | None, limits: FeedbackLimits
) -> FailureReport:
    """LinkedIn and Netease, and all who took the sentence of an example: the address and the date are in it."""
    flaws = _flaws()
    passed = {name.lower(): value.strip(" ;") for name, value in _PASSED.findall(text)}
    failed = {"dmarc"} if re.search(r"\bDMARC\b", text, re.IGNORECASE) else set()
    return _report(
        read_sample(sample, limits, flaws),
        flaws,
        (sentence["ip"].rstrip(".,"), sentence["date"].strip().removesuffix(".")),
        reporter=reporter,
        failed=failed,
        passed=tuple((f"{name.upper()}-authenticated Identifiers", value) for name, value in passed.items() if value),
    )


def _flaws() -> Flaws:
    flaws = Flaws()
    flaws.tell(FlawCode.SHAPE, "a text for people without a feedback part; all values are from it")
    return flaws


def _report(
    found: Sample,
    flaws: Flaws,
    where: tuple[str, str],
    *,
    reporter: str,
    failed: set[str],
    domain: str = "",
    delivery: str = "",
    passed: tuple[tuple[str, str], ...] = (),
) -> FailureReport:
    if not found.header:
        flaws.tell(FlawCode.MISSING, "the reported message")
    if not domain and found.header_from:
        domain = found.header_from
        flaws.tell(FlawCode.GUESSED, f"the reported domain {domain}, from From")
    elif not domain:
        flaws.tell(FlawCode.MISSING, "Reported-Domain, and anything that stands for it")
    source, moment = where
    return FailureReport(
        source_ip=address(source)[0] or source_address(source, flaws),
        reported_domain=domain,
        auth_failure=("dmarc",) if "dmarc" in failed else (),
        arrival_date=date(moment, flaws) if moment else None,
        reporter=reporter,
        delivery_result=delivery,
        failed_mechanisms=tuple(name for name in MECHANISMS if name in failed),
        header_from=found.header_from,
        subject=found.subject,
        message_id=found.message_id,
        message_date=found.message_date,
        display_name=found.display_name,
        sample_header=found.header,
        sample_body_octets=found.body_octets,
        other_fields=passed,
        flaws=flaws.told(),
    )
