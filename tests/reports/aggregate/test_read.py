"""Aggregate reports: what the table of variants does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from inalign.reports.aggregate.read import AggregateReader, read_aggregate
from inalign.reports.flaw import Flaw
from inalign.reports.limits import XML_LIMITS
from inalign.reports.report import (
    AggregateRecord,
    AggregateReport,
    DkimAuth,
    Extension,
    OverrideReason,
    Refusal,
    SpfAuth,
)
from inalign.reports.values import address, count, instant
from tests.helpers import VECTORS
from tests.reports.aggregate.test_vectors import read

PLAIN = (VECTORS / "reports/aggregate/variants/plain.xml").read_bytes()
HEAD, _, RECORDS = PLAIN.partition(b"  <record>")
RECORD = b"  <record>" + RECORDS.partition(b"</record>")[0] + b"</record>\n"


def test_all_values_of_a_record() -> None:
    assert read("plain").records[0] == AggregateRecord(
        source_ip="192.0.2.1", count=3, disposition="none", dkim_aligned=True, spf_aligned=False,
        header_from="brand.example", envelope_from="bounce.brand.example", envelope_to="inbox.example",
        dkim=(DkimAuth("brand.example", "s1", "pass"),), spf=(SpfAuth("bounce.brand.example", "mfrom", "softfail"),),
    )  # fmt: skip


def test_all_values_of_the_head() -> None:
    found = read("rfc9990-elements")
    policy = found.policy
    assert (policy.domain, policy.p, policy.sp, policy.np, policy.adkim, policy.aspf) == (
        "brand.example", "none", "none", "reject", "r", "r"
    )  # fmt: skip
    assert (policy.pct, policy.fo, policy.testing, policy.discovery_method) == (None, "", "n", "treewalk")
    assert (found.generator, found.errors, found.version) == ("x 1.0", ("two records",), "1.0")
    assert read("plain").policy.pct == 100
    assert read("several-errors").errors == ("one", "two")


def test_words_are_in_lower_case() -> None:
    assert read("upper-case-words").records == read("plain").records
    assert read("upper-case-words").policy == read("plain").policy


def test_result_word_of_no_rfc_is_kept() -> None:
    assert read("result-hardfail").records[0].spf[0].result == "hardfail"


def test_null_reverse_path_is_not_an_untold_one() -> None:
    assert read("envelope_from-empty").records[0].envelope_from == ""
    assert read("plain").records[1].envelope_from is None


def test_several_spf_results() -> None:
    assert [(one.domain, one.scope) for one in read("several-spf").records[0].spf] == [
        ("mta.brand.example", "helo"), ("bounce.brand.example", "mfrom")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("reason", (OverrideReason("mailing_list", "known list"), OverrideReason("policy_test_mode"))),
        ("reason-empty", ()),
        ("reason-with-empty-type", ()),
        ("reason-text-only", (OverrideReason("", "looks forwarded"),)),
        ("reason-word-only", (OverrideReason("forwarded"),)),
        ("reason-odd-type", (OverrideReason("arc"),)),
        ("reason-without-type", (OverrideReason("", "arc=pass"),)),
    ],
)
def test_reasons(name: str, reasons: tuple[OverrideReason, ...]) -> None:
    assert read(name).records[0].reasons == reasons


def test_extensions_are_kept_with_their_namespace() -> None:
    found = read("extension")
    assert found.extensions == (Extension("feedback/extension/note", "urn:x", "hello"),)
    assert found.records[0].extensions == (Extension("record/arc/domain", "urn:y", "a.example"),)


def test_unknown_elements_are_kept() -> None:
    found = read("unknown-elements")
    assert found.extensions == (Extension("feedback/report_metadata/colour", "", "blue"),)
    assert found.records[0].extensions == (Extension("record/row/colour", "", "red"),)


def test_stray_human_result_is_no_result() -> None:
    found = read("human_result").records[0]
    assert found.dkim == (DkimAuth("brand.example", "s1", "pass", "2048-bit key"),)


def test_flaw_names_the_record() -> None:
    assert read("address-name").flaws == (
        Flaw("address", "record 1: source_ip 'mail.example' was read as None"),
    )  # fmt: skip


def test_many_equal_flaws_are_told_as_a_number() -> None:
    found = read_aggregate(HEAD + RECORD.replace(b">3<", b">x<") * 100 + b"</feedback>")
    assert isinstance(found, AggregateReport)
    assert len(found.flaws) == 9
    assert found.flaws[-1] == Flaw("count", "and 92 more")


def test_sink_gets_all_records_in_batches() -> None:
    batches: list[Sequence[AggregateRecord]] = []
    reader = AggregateReader(sink=batches.append, batch=300)
    reader.feed(HEAD)
    for _ in range(1000):
        reader.feed(RECORD)
    assert batches  # before the end
    reader.feed(b"</feedback>")
    found = reader.close()
    assert isinstance(found, AggregateReport)
    assert (found.records, found.record_count, found.messages, found.flaws) == ((), 1000, 3000, ())
    assert sum(map(len, batches)) == 1000
    assert all(len(batch) >= 300 for batch in batches[:-1])


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (replace(XML_LIMITS, records=1), "too_many"),
        (replace(XML_LIMITS, depth=4), "too_deep"),
        (replace(XML_LIMITS, octets=1000), "too_large"),
    ],
)
def test_beyond_a_limit_it_is_refused(limits: object, code: str) -> None:
    assert isinstance(limits, type(XML_LIMITS))
    found = read_aggregate(PLAIN, limits)
    assert isinstance(found, Refusal)
    assert found.code == code


@pytest.mark.parametrize(
    "limits",
    [
        replace(XML_LIMITS, text=5),
        replace(XML_LIMITS, characters=50),
        replace(XML_LIMITS, elements=10),
    ],
)
def test_beyond_a_limit_it_is_cut_and_told(limits: object) -> None:
    assert isinstance(limits, type(XML_LIMITS))
    found = read_aggregate(PLAIN.replace(b"<count>", b"<!----><count>"), limits)
    assert isinstance(found, AggregateReport)
    assert "cut" in {flaw.code for flaw in found.flaws}
    assert found.record_count == 2


def test_extensions_are_counted() -> None:
    many = RECORD.replace(b"<row>", b"<x>a</x>" * 200 + b"<row>")
    found = read_aggregate(HEAD + many + b"<y>b</y>" * 200 + b"</feedback>")
    assert isinstance(found, AggregateReport)
    assert len(found.records[0].extensions) == len(found.extensions) == XML_LIMITS.extensions
    assert [flaw.code for flaw in found.flaws] == ["cut", "cut"]


HOSTILE = {
    "bare": b"<", "names": b"<a", "records": b"<record>", "comments": b"<!--", "ampersands": b"&", "greater": b">",
    "closing": b"</x>", "quotes": b'<a b=">', "sections": b"<![CDATA[a]]>", "high": b"\x81\xff\xe3", "nul": b"\0",
    "doctypes": b"<!DOCTYPE [", "crossed": b"<row><identifiers>", "blanks": b" ", "escapes": b"\x1b$B!!",
    "half": b"1<!-- -->", "shapes": b"<record><row><x/><count>1</count></row></record>", "attributes": b' a="b"',
}  # fmt: skip


@pytest.mark.parametrize("start", [b"", b"<feedback>", HEAD, HEAD + b"<record><row><count>", b"<feedback "])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_has_an_outcome(start: bytes, text: bytes) -> None:
    assert isinstance(read_aggregate(start + text * (30_000 // len(text))), AggregateReport | Refusal)


@pytest.mark.parametrize("unit", [b"<", b"</a", b"<record>"])
def test_a_megabyte_of_hostile_text_has_an_outcome(unit: bytes) -> None:
    assert isinstance(read_aggregate(HEAD + unit * (1_000_000 // len(unit))), AggregateReport | Refusal)


def test_many_shapes_are_not_all_remembered() -> None:
    shapes = b"".join(RECORD.replace(b"</row>", b"<a%d/></row>" % number) for number in range(600))
    found = read_aggregate(HEAD + shapes + b"</feedback>")
    assert isinstance(found, AggregateReport)
    assert found.messages == 1800


@pytest.mark.parametrize("text", ["1" * 5000, "", "٣", "1.5", "1e3", "-1", "1,00", "0x1"])
def test_count_is_never_invented(text: str) -> None:
    assert count(text)[1]
    assert count(text)[0] in {0, 3}


@pytest.mark.parametrize(
    "text",
    ["9" * 21, "1e9", "99999-01-01", "2026-13-01", "Mon, 99 Jun 2026 00:00:00 +0000", "0001-01-01T00:00:00+23:00"],
)
def test_impossible_instant_is_none(text: str) -> None:
    assert instant(text) == (None, True)


@pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4.5", "::1%", "[", "1.2.3.4/24", "x" * 500, "2001:db8::g"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert address(text)[0] in {None, "::1"}
    assert address(text)[1]
