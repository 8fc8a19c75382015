"""TLS reports: variants with one oddity each, and reports of others as found."""

from __future__ import annotations

import gzip
import json
from email import message_from_bytes

import pytest

from inalign.reports.flaw import FlawCode
from inalign.reports.limits import TlsLimits
from inalign.reports.report import Refusal, TlsReport
from inalign.reports.tls.read import read_tls, read_tls_reports
from tests.fuzz.reports import tls as checked
from tests.helpers import VECTORS

FOLDER = VECTORS / "reports" / "tls"
VARIANTS: dict[str, dict[str, object]] = json.loads((FOLDER / "variants.json").read_text("utf-8"))
PLAIN = (FOLDER / "variants/plain.json").read_bytes()


def told(found: TlsReport | Refusal | None) -> dict[str, object]:
    """What the table tells of a report, in the types of JSON."""
    if found is None:
        return {"none": True}
    if isinstance(found, Refusal):
        return {"refused": found.code}
    return {
        "organization_name": found.organization_name,
        "report_id": found.report_id,
        "contact_info": found.contact_info,
        "begin": found.begin and found.begin.isoformat(),
        "end": found.end and found.end.isoformat(),
        "policies": [
            [
                each.policy_type,
                each.policy_domain,
                list(each.policy_string),
                list(each.mx_host),
                each.successful,
                each.failed,
                [[one.result_type, one.sending_mta_ip, one.receiving_ip, one.failed_sessions] for one in each.failures],
            ]
            for each in found.policies
        ],
        "flaws": sorted({flaw.code for flaw in found.flaws}),
    }


def read(data: bytes, limits: TlsLimits | None = None) -> TlsReport:
    found = read_tls(data) if limits is None else read_tls(data, limits=limits)
    assert isinstance(found, TlsReport)
    return found


def test_the_table_names_every_file() -> None:
    assert {path.stem for path in (FOLDER / "variants").glob("*.json")} == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name: str) -> None:
    expected = VARIANTS[name]
    if not {"refused", "none"} & set(expected):
        expected = VARIANTS["plain"] | expected
    data = (FOLDER / "variants" / f"{name}.json").read_bytes()
    assert told(read_tls(data)) == expected
    checked(data)


def test_all_reports_of_a_list_are_read() -> None:
    found = read_tls_reports((FOLDER / "variants/list-of-reports.json").read_bytes())
    assert isinstance(found, tuple)
    assert len(found) == 2
    assert all(report.policies for report in found)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"policies":'])
def test_deep_nesting_is_refused(opening: str) -> None:
    found = read_tls(opening.encode() * 100_000)
    assert isinstance(found, Refusal)
    assert found.code == "too_deep"


def test_limits_cut_and_refuse() -> None:
    found = read_tls(PLAIN, limits=TlsLimits(octets=len(PLAIN) - 1))
    assert isinstance(found, Refusal)
    assert found.code == "too_large"
    many = read_tls(PLAIN, limits=TlsLimits(containers=3))
    assert isinstance(many, Refusal)
    assert many.code == "too_many"
    cut = read(PLAIN, TlsLimits(failures=1, values=1, text=5))
    assert cut.organization_name == "Examp"
    assert (len(cut.policies[0].failures), len(cut.policies[0].policy_string)) == (1, 1)
    assert cut.policies[0].failed == 3
    assert {flaw.code for flaw in cut.flaws} == {FlawCode.CUT, FlawCode.DATE, FlawCode.ADDRESS, FlawCode.WORD}
    assert read(PLAIN, TlsLimits(policies=0)).policies == ()


def test_a_large_report_is_read_whole() -> None:
    value = json.loads(PLAIN)
    value["policies"][0]["failure-details"] *= 20_000
    found = read(json.dumps(value).encode())
    assert len(found.policies[0].failures) == 40_000
    assert found.flaws == ()


SHOWN: dict[str, tuple[str, int, int, int, int, list[str]]] = {
    "parsedmarc/smtp_tls.json": ("Example Inc.", 1, 0, 3, 2, []),
    "parsedmarc/mail.ru.json": ("Mail.ru", 1, 0, 1, 2, []),
    "parsedmarc/rfc8460.json": ("Company-X", 1, 5326, 303, 3, []),
    "parsedmarc/google.com_smtp_tls_report.eml": ("Google Inc.", 1, 48, 0, 0, []),
    "tlsrpt-digest/tlsrpt_failure.eml": ("Google Inc.", 1, 4523, 2, 1, []),
    "tlsrpt-digest/tlsrpt_success_google_1.eml": ("Google Inc.", 1, 1, 0, 0, []),
    "tlsrpt-digest/tlsrpt_success_google_2.eml": ("Google Inc.", 1, 4, 0, 0, []),
    "tlsrpt-digest/tlsrpt_success_microsoft.eml": ("Microsoft Corporation", 1, 2, 0, 0, []),
}


@pytest.mark.parametrize("name", SHOWN)
def test_shown_report(name: str) -> None:
    data = (FOLDER / "shown" / name).read_bytes()
    if name.endswith(".eml"):
        (part,) = [part for part in message_from_bytes(data).walk() if "tlsrpt" in part.get_content_type()]
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        data = gzip.decompress(content)
    found = read(data)
    assert (
        found.organization_name,
        len(found.policies),
        found.policies[0].successful,
        found.policies[0].failed,
        len(found.policies[0].failures),
        [flaw.code for flaw in found.flaws],
    ) == SHOWN[name]
    assert found.begin
    assert found.end
    assert found.begin < found.end
