"""A message as octets: what is a field, what ends the header, and that nothing is changed on the way."""

from __future__ import annotations

import pytest

from inalign.mail.fields import make_field, parse_message


@pytest.mark.parametrize(
    ("data", "fields", "body"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody\r\n", [b"A: 1\r\n", b"B: 2\r\n"], b"body\r\n"),
        (b"A: 1\r\n folded\r\n\tmore\r\n\r\n", [b"A: 1\r\n folded\r\n\tmore\r\n"], b""),
        (b"A: 1\r\n \r\n\r\nx", [b"A: 1\r\n \r\n"], b"x"),
        (b"A: 1", [b"A: 1\r\n"], b""),
        (b"A: 1\r\n", [b"A: 1\r\n"], b""),
        (b"A:\r\n\r\n", [b"A:\r\n"], b""),
        (b"A : 1\r\n\r\n", [b"A : 1\r\n"], b""),
        (b"A: \xff\xfe\r\n\r\n\xff", [b"A: \xff\xfe\r\n"], b"\xff"),
        (b"A: a\rb\r\n\r\n", [b"A: a\rb\r\n"], b""),
        (b"A: a\nFrom: b\r\n\r\n", [b"A: a\nFrom: b\r\n"], b""),
        (b"A: 1\r\nno field\r\nB: 2\r\n", [b"A: 1\r\n"], b"no field\r\nB: 2\r\n"),
        (b"\r\nbody", [], b"body"),
        (b"", [], b""),
        (b" From: a@b\r\n\r\n", [], b" From: a@b\r\n\r\n"),
        (b": no name\r\n\r\n", [], b": no name\r\n\r\n"),
        (b"From alice@example.org Tue Nov 24\r\nA: 1\r\n\r\n", [b"A: 1\r\n"], b""),
        (b"A: 1\nB: 2\n 3\n\nx\ny", [b"A: 1\r\n", b"B: 2\r\n 3\r\n"], b"x\r\ny"),
    ],
)
def test_octets_are_kept(data: bytes, fields: list[bytes], body: bytes) -> None:
    parsed = parse_message(data)
    assert [field.raw for field in parsed.fields] == fields
    assert parsed.body == body


def test_name_and_value_are_as_received() -> None:
    field = parse_message(b"SubJect \t: a\r\n b\r\n\r\n").fields[0]
    assert (field.key, field.name, field.value) == (b"subject", b"SubJect", b" a\r\n b")
    assert field.is_blank_before_colon


def test_ten_thousand_fields() -> None:
    assert len(parse_message(b"X: y\r\n" * 10_000).fields) == 10_000


def test_a_megabyte_of_almost_a_field_is_read_once() -> None:
    for piece in (b"a", b" ", b"\t", b"\r\n ", b"a\r\n"):
        assert parse_message(b"X:" + piece * (1_000_000 // len(piece))) is not None
        assert parse_message(piece * (1_000_000 // len(piece))) is not None


@pytest.mark.parametrize(
    ("name", "value", "raw"),
    [
        (b"A", b" 1", b"A: 1\r\n"),
        (b"A", b" 1\n\t2", b"A: 1\r\n\t2\r\n"),
        (b"A", b" 1\r\n 2", b"A: 1\r\n 2\r\n"),
        (b"A", b"", b"A:\r\n"),
        (b"A", b" x\ny", b"A: x\ny\r\n"),
        (b"", b" x", b": x\r\n"),
    ],
)
def test_field_of_a_milter_peer_is_what_the_wire_had(name: bytes, value: bytes, raw: bytes) -> None:
    assert make_field(name, value).raw == raw
