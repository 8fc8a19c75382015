"""Deliveries as text: unpacked, indented, bounded, whatever they hold."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.web.raw_report import MAX_DOCUMENTS, MAX_OCTETS, documents

XML = b"<feedback><report_metadata><org_name>a</org_name></report_metadata></feedback>"


def test_xml_is_unpacked_and_indented() -> None:
    (found,) = documents(gzip.compress(XML), "r.xml.gz")
    assert found.text.splitlines() == [
        "<feedback>",
        "  <report_metadata>",
        "    <org_name>a</org_name>",
        "  </report_metadata>",
        "</feedback>",
    ]


def test_json_is_indented() -> None:
    (found,) = documents(b'{"organization-name":"\xe3\x81\x82","policies":[]}', "r.json")
    assert found.text == '{\n  "organization-name": "\u3042",\n  "policies": []\n}'


def test_what_is_long_is_cut() -> None:
    (found,) = documents(gzip.compress(XML + b"<!--" + b"x" * 3 * MAX_OCTETS), "r.xml.gz")
    assert found.is_cut
    assert len(found.text) < MAX_OCTETS + 1_000


def test_depth_costs_no_room() -> None:
    (found,) = documents(b"<feedback>" + b"<a>" * 20_000, "r.xml")
    assert len(found.text) < 50 * 20_000


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04", b"\x1f\x8b\x08"])
def test_what_is_no_report_is_nothing(content: bytes) -> None:
    assert all(not each.text.strip("\0\ufffd") or each.kind for each in documents(content, "x"))


@given(st.binary(max_size=300))
def test_nothing_is_raised(content: bytes) -> None:
    assert len(documents(content, "x")) <= MAX_DOCUMENTS
