"""Facts from records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inalign.insight.facts import ARC, ReportedSignature, SpfIdentity
from inalign.insight.facts_builder import Gathering, day_of, facts_from_reports, report_slot
from inalign.reports.report import AggregateRecord, AggregateReport, DkimAuth, OverrideReason, PublishedPolicy, SpfAuth

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def record(ip: str | None = "192.0.2.1", count: int = 1, **values: object) -> AggregateRecord:
    fields: dict[str, object] = {
        "disposition": "none",
        "dkim_aligned": False,
        "spf_aligned": True,
        "header_from": "a.example",
        "envelope_from": "a.example",
        "envelope_to": None,
        "spf": (SpfAuth("a.example", "mfrom", "pass"),),
    }
    return AggregateRecord(source_ip=ip, count=count, **{**fields, **values})  # type: ignore[arg-type] # test values


def report(
    *records: AggregateRecord, begin: datetime | None = BEGIN, hours: int = 24, **values: object
) -> AggregateReport:
    fields: dict[str, object] = {
        "org_name": "Reporter",
        "email": "noreply@reporter.example",
        "extra_contact_info": "",
        "report_id": "1",
        "domain": "a.example",
        "policy": PublishedPolicy(p="none"),
    }
    return AggregateReport(  # test values
        begin=begin,
        end=begin + timedelta(hours=hours) if begin else None,
        records=records,
        **{**fields, **values},  # type: ignore[arg-type]
    )


def test_a_report_belongs_to_the_day_of_its_middle() -> None:
    day_of_japan = report(begin=datetime(2026, 10, 31, 15, tzinfo=UTC))
    assert report_slot(day_of_japan) == int(datetime(2026, 11, 1, 3, tzinfo=UTC).timestamp())
    assert (
        day_of(int(datetime(2026, 11, 1, 3, tzinfo=UTC).timestamp())) == datetime(2026, 11, 1, tzinfo=UTC).toordinal()
    )


def test_mail_that_looks_the_same_is_one_with_its_days() -> None:
    facts = facts_from_reports([report(record(count=2)), report(record(count=3), begin=BEGIN + timedelta(days=1))])
    (source,) = facts["a.example"].sources
    (mail,) = source.mails
    first = BEGIN.toordinal()
    assert mail.days == ((first, 2), (first + 1, 3))
    assert mail.messages == 5
    assert mail.messages_within(first + 1, first + 9) == 3
    assert mail.messages_within(first, first) == mail.messages - 3
    assert facts["a.example"].reporters == (("reporter.example", 5),)


def test_words_of_old_reporters_are_those_of_rfc_8601() -> None:
    facts = facts_from_reports([report(record(spf=(SpfAuth("A.example.", "", "hardfail"),)))])
    assert facts["a.example"].sources[0].mails[0].spf == (SpfIdentity("a.example", False, "fail"),)


def test_a_row_for_no_signature_is_none() -> None:
    facts = facts_from_reports(
        [report(record(dkim=(DkimAuth("a.example", "", "none"), DkimAuth("B.example", "S", "pass"))))]
    )
    assert facts["a.example"].sources[0].mails[0].signatures == (ReportedSignature("b.example", "s", "pass"),)


def test_only_reasons_of_an_indirect_way_are_kept() -> None:
    reasons = (
        OverrideReason("local_policy", "arc=pass as[1].d=x"),
        OverrideReason("sampled_out"),
        OverrideReason("local_policy", "whim"),
    )
    facts = facts_from_reports([report(record(reasons=reasons))])
    assert facts["a.example"].sources[0].mails[0].reasons == (ARC,)


def test_the_envelope_stands_in_for_a_missing_spf_element() -> None:
    facts = facts_from_reports([report(record(spf=(), envelope_from="B.example"))])
    assert facts["a.example"].sources[0].mails[0].spf == (SpfIdentity("b.example", False, "none"),)


def test_rows_without_an_address_and_reports_without_a_span_say_nothing() -> None:
    facts = facts_from_reports([report(record(ip=None), record()), report(record(), begin=None)])
    assert [source.source_ip for source in facts["a.example"].sources] == ["192.0.2.1"]
    assert facts["a.example"].messages == 1


def test_a_subdomain_with_its_own_reports_is_judged_with_the_domain_above() -> None:
    facts = facts_from_reports([report(record()), report(record(ip="192.0.2.2"), domain="Shop.A.example")])
    assert list(facts) == ["a.example"]
    assert len(facts["a.example"].sources) == 2


def test_records_may_come_in_pieces() -> None:
    gathering = Gathering()
    gathering.add(report(), [record(count=1)])
    gathering.add(report(), [record(count=2)])
    assert gathering.facts()["a.example"].messages == 3


def test_published_policies_have_their_days() -> None:
    later = report(record(), begin=BEGIN + timedelta(days=5), policy=PublishedPolicy(p="quarantine", pct=0))
    found = facts_from_reports([report(record()), later])["a.example"].published
    assert [(seen.p, seen.testing, seen.last_day - BEGIN.toordinal()) for seen in found] == [
        ("none", False, 0),
        ("quarantine", True, 5),
    ]
