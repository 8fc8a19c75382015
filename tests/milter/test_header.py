"""The header while it comes in: true values, and limits that let mail flow."""

from __future__ import annotations

import pytest

from inalign.errors import RemoteProtocolError
from inalign.milter.header import HeaderReader
from inalign.milter.limits import LIMITS, MilterLimits
from inalign.milter.messages import HeaderField


def reader(
    limits: MilterLimits = LIMITS, *, leading_space: bool = True, watched: frozenset[bytes] = frozenset()
) -> HeaderReader:
    header = HeaderReader(limits, watched)
    header.has_leading_space = leading_space
    return header


@pytest.mark.parametrize("value", [b" a", b"a", b"  a", b"\ta", b"", b"\n abc", b" a\n\tb \n  c", b" caf\xe9"])
def test_with_leading_space_a_value_is_what_stands_behind_the_colon(value: bytes) -> None:
    header = reader()
    header.add([b"X\0" + value + b"\0"])
    assert header.end().fields == (HeaderField(b"X", value),)


@pytest.mark.parametrize(
    ("sent", "true"), [(b"a", b" a"), (b" a", b"  a"), (b"\ta", b"\ta"), (b"", b""), (b"\n abc", b"\n abc")]
)
def test_without_it_the_blank_that_the_mta_took_is_put_back(sent: bytes, true: bytes) -> None:
    header = reader(leading_space=False)
    header.add([b"X\0" + sent + b"\0"])
    assert header.end().fields == (HeaderField(b"X", true),)


def test_a_nul_within_a_value_hides_nothing() -> None:
    header = reader()
    header.add([b"X\0a\0b\0"])
    assert header.end().fields == (HeaderField(b"X", b"a\0b"),)


@pytest.mark.parametrize("payload", [b"", b"\0", b"X", b"X\0", b"X\0a", b"X\0a\0b"])
def test_a_field_that_is_not_two_strings_is_malformed(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed HEADER"):
        reader().add([payload])


def test_an_empty_name_is_taken_as_it_is() -> None:
    header = reader()
    header.add([b"\0a\0"])
    assert header.end().fields == (HeaderField(b"", b"a"),)


def test_fields_over_the_number_limit_are_dropped_and_counted() -> None:
    header = reader(MilterLimits(header_fields=2), watched=frozenset({b"authentication-results"}))
    for name in (b"A", b"Authentication-Results", b"Authentication-results", b"B", b"AUTHENTICATION-RESULTS "):
        header.add([name + b"\0 x\0"])
    end = header.end()
    assert [field.name for field in end.fields] == [b"A", b"Authentication-Results"]
    assert end.dropped == 3
    assert end.unread == {b"authentication-results": 2}


def test_fields_over_the_octet_limit_are_dropped_and_no_later_one_is_kept() -> None:
    header = reader(MilterLimits(header_bytes=20))
    for value in (b"1", b"2" * 30, b"3"):
        header.add([b"X\0" + value + b"\0"])
    end = header.end()
    assert [field.value for field in end.fields] == [b"1"]
    assert end.dropped == 2


def test_the_next_header_starts_anew() -> None:
    header = reader(MilterLimits(header_fields=1), watched=frozenset({b"x"}))
    header.add([b"X\0a\0"])
    header.add([b"X\0b\0"])
    header.end()
    header.add([b"X\0c\0"])
    assert header.end() == ((HeaderField(b"X", b"c"),), 0, {})
