"""SPF and DMARC records, and the macros of the first."""

from __future__ import annotations

import contextlib
import re

from inalign.dmarc.evaluate import evaluate_dmarc
from inalign.dmarc.record import DmarcRecordError, is_dmarc_record, parse_dmarc_record
from inalign.dmarc.report_uri import parse_report_uri
from inalign.dmarc.result import DmarcReason, DmarcStatus
from inalign.spf import LIMITS, SpfReason, SpfRecordError, SpfStatus, parse_spf_record
from inalign.spf.identity import find_client
from inalign.spf.macros import (
    MAX_EXPLANATION_OCTETS,
    MacroError,
    Variables,
    expand_explanation,
    expand_target,
    is_queryable,
    parse_domain_spec,
    parse_explain_string,
)
from tests.helpers import NOW, run_now, zone
from tests.spf.material import AskingResolver, check

HOSTS = ("example.com", "a.example", "b.example", "c.example", "e.example")


def spf_record(data: bytes) -> None:
    """A record prints and reads back as itself; what is wrong with one is told in plain text."""
    try:
        record = parse_spf_record(data)
    except SpfRecordError as problem:
        assert re.fullmatch(r"[ -~]*", str(problem))  # noqa: PT017 - most texts raise, some do not
        return
    assert parse_spf_record(str(record)) == record


def spf_macro(data: bytes) -> None:
    """The lines are the text, the local part, the domain, the name at HELO and the client."""
    text, local_part, domain, helo, address = (data.decode("utf-8", "surrogateescape").split("\n", 4) + [""] * 5)[:5]
    client = find_client(address) or find_client("192.0.2.1")
    assert client is not None
    known = Variables(
        client=client, local_part=local_part, sender_domain=domain, domain=domain, helo=helo, receiver="mx", now=NOW
    )
    with contextlib.suppress(MacroError):
        spec = parse_domain_spec(text)
        assert str(spec) == text
        target = expand_target(spec, known)
        assert target is None or len(target) <= 253 or not is_queryable(target)
    with contextlib.suppress(MacroError):
        explanation = expand_explanation(parse_explain_string(text), known)
        assert explanation is None or re.fullmatch(f"[ -~]{{0,{MAX_EXPLANATION_OCTETS}}}", explanation)


def spf_check(data: bytes) -> None:
    """Each line is the record of a host; the check ends within its limits in a result."""
    names: dict[str, dict[str, object]] = {
        host: {"TXT": [text], "A": ["192.0.2.9"], "MX": [[1, "b.example"], [2, "nx.example"]]}
        for host, text in zip(HOSTS, data.split(b"\n"), strict=False)
    }
    names["1.2.0.192.in-addr.arpa"] = {"PTR": ["a.example", "nx.example"]}
    resolver = AskingResolver(names)
    result = check(resolver)
    assert result.result in SpfStatus
    assert result.reason in SpfReason
    assert len(resolver.asked) <= 1 + LIMITS.terms * (1 + LIMITS.exchanges) + 1 + LIMITS.reverse_names + 1
    assert result.lookups <= LIMITS.terms + 1
    assert result.void_lookups <= LIMITS.void_lookups + 1
    assert re.fullmatch(r"[ -~]*", result.detail)
    assert (result.explanation is None) or result.result is SpfStatus.FAIL


def dmarc_record(data: bytes) -> None:
    """A record prints and reads back as itself; published, it gives one of the words and no quiet pass."""
    try:
        record = parse_dmarc_record(data)
    except DmarcRecordError:
        assert not is_dmarc_record(data)
    else:
        again = parse_dmarc_record(str(record))
        assert again == record
        assert str(again) == str(record)
    result = run_now(evaluate_dmarc("a.example", "b.example", [], zone({"_dmarc.a.example": {"TXT": [data]}})))
    assert result.result in DmarcStatus
    assert result.reason in DmarcReason
    assert result.result is not DmarcStatus.PASS


def report_uri(data: bytes) -> None:
    """A destination of reports is read as written, or not at all."""
    text = data.decode("utf-8", "surrogateescape")
    uri = parse_report_uri(text)
    assert uri is None or uri.uri == text
