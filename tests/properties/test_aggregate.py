"""Aggregate reports: any octets have an outcome, both ways of reading are one, what was written is read."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st

from inalign.reports.aggregate.read import read_aggregate
from inalign.reports.report import AggregateRecord, AggregateReport, DkimAuth, OverrideReason, SpfAuth
from tests.fuzz.reports import aggregate
from tests.fuzz.seeds import AGGREGATE_WORDS, aggregate_reports

REPORTS = [text for text in aggregate_reports() if len(text) < 20_000]
PIECES = st.one_of(st.binary(max_size=8), st.sampled_from([word.encode() for word in AGGREGATE_WORDS.split()]))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A report of which parts are missing, doubled or replaced."""
    data = draw(st.sampled_from(REPORTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 400)))
        between = draw(st.sampled_from((b"", data[start:end] * 2)) | PIECES)
        data = data[:start] + between + data[end:]
    return data


@given(damaged())
def test_damaged_report(data: bytes) -> None:
    aggregate(data)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_any_octets(data: bytes) -> None:
    aggregate(data)


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20).map(lambda text: text.strip(" \ufeff"))
NAME = st.text("abc.-_äß", max_size=20)
WORD = st.sampled_from(["none", "pass", "fail", "neutral", "temperror", "permerror"])
RECORD = st.builds(
    AggregateRecord,
    source_ip=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
    .filter(lambda address: isinstance(address, IPv4Address) or address.ipv4_mapped is None)
    .map(str),
    count=st.integers(0, 10**12 - 1),
    disposition=st.sampled_from(["none", "pass", "quarantine", "reject"]),
    dkim_aligned=st.booleans(),
    spf_aligned=st.booleans(),
    header_from=NAME,
    envelope_from=st.none() | NAME,
    envelope_to=st.none() | NAME,
    dkim=st.lists(st.builds(DkimAuth, NAME, NAME, WORD, TEXT), max_size=3).map(tuple),
    spf=st.lists(st.builds(SpfAuth, NAME, st.sampled_from(["", "mfrom", "helo"]), WORD, TEXT), max_size=2).map(tuple),
    reasons=st.lists(st.builds(OverrideReason, st.sampled_from(["other", "forwarded"]), TEXT), max_size=2).map(tuple),
)


def element(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{escape(text)}</{name}>"


def word(aligned: bool | None) -> str:
    return "pass" if aligned else "fail"


def written(record: AggregateRecord) -> str:
    reasons = "".join(
        f"<reason>{element('type', one.type)}{element('comment', one.comment)}</reason>" for one in record.reasons
    )
    dkim = "".join(
        f"<dkim>{element('domain', one.domain)}{element('selector', one.selector)}{element('result', one.result)}"
        f"{element('human_result', one.human_result)}</dkim>"
        for one in record.dkim
    )
    spf = "".join(
        f"<spf>{element('domain', one.domain)}{element('scope', one.scope)}{element('result', one.result)}"
        f"{element('human_result', one.human_result)}</spf>"
        for one in record.spf
    )
    return (
        f"<record><row>{element('source_ip', record.source_ip)}{element('count', str(record.count))}<policy_evaluated>"
        f"{element('disposition', record.disposition)}{element('dkim', word(record.dkim_aligned))}"
        f"{element('spf', word(record.spf_aligned))}{reasons}</policy_evaluated></row><identifiers>"
        f"{element('envelope_to', record.envelope_to)}{element('envelope_from', record.envelope_from)}"
        f"{element('header_from', record.header_from)}</identifiers><auth_results>{dkim}{spf}</auth_results></record>"
    )


@given(TEXT, NAME, st.lists(RECORD, max_size=4))
def test_what_was_written_is_read(org_name: str, domain: str, records: list[AggregateRecord]) -> None:
    text = (
        f"<feedback><report_metadata>{element('org_name', org_name)}<email/><report_id/><date_range><begin>1</begin>"
        f"<end>2</end></date_range></report_metadata><policy_published>{element('domain', domain)}<p>none</p>"
        f"</policy_published>{''.join(map(written, records))}</feedback>"
    )
    found = read_aggregate(text.encode())
    assert isinstance(found, AggregateReport)
    assert found.flaws == ()
    assert (found.org_name, found.domain) == (org_name, domain)
    assert list(found.records) == records
    assert found.messages == sum(record.count for record in records)


@given(st.ip_addresses(v=6))
def test_addresses_are_canonical(address: IPv6Address) -> None:
    text = written(AggregateRecord(address.exploded.upper(), 1, "none", True, True, "a", None, None))
    found = read_aggregate(f"<feedback>{text}</feedback>".encode())
    assert isinstance(found, AggregateReport)
    assert found.records[0].source_ip == str(address.ipv4_mapped or address)
