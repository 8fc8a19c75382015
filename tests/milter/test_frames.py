"""Frames: bounded, and the same however the octets are cut."""

from __future__ import annotations

import pytest

from inalign.errors import RemoteProtocolError
from inalign.milter.frames import MAX_FRAME_BYTES, FrameBuffer, encode_frame


def frames_of(*pieces: bytes, limit: int = MAX_FRAME_BYTES) -> list[tuple[int, bytes]]:
    buffer = FrameBuffer(limit)
    found: list[tuple[int, bytes]] = []
    for piece in pieces:
        buffer.receive(piece)
        found += buffer.frames()
    return found


def test_a_frame_has_length_command_and_payload() -> None:
    assert encode_frame(ord("H"), b"x\0") == b"\0\0\0\x03Hx\0"
    assert frames_of(b"\0\0\0\x03Hx\0") == [(ord("H"), b"x\0")]


def test_one_read_may_hold_many_frames_and_a_part() -> None:
    assert frames_of(b"\0\0\0\x01A\0\0\0\x02Bx\0\0", b"\0\x01Q") == [(65, b""), (66, b"x"), (81, b"")]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_frame_may_be_cut_anywhere(cut: int) -> None:
    wire = b"\0\0\0\x03Hx\0\0\0\0\x01N"
    assert frames_of(wire[:cut], wire[cut:]) == [(72, b"x\0"), (78, b"")]


def test_octets_may_come_one_by_one() -> None:
    wire = encode_frame(66, bytes(300)) * 2
    assert frames_of(*(wire[at : at + 1] for at in range(len(wire)))) == [(66, bytes(300))] * 2


def test_reading_that_was_left_early_goes_on_behind_the_last_frame() -> None:
    buffer = FrameBuffer()
    buffer.receive(encode_frame(65) + encode_frame(66, b"1") + encode_frame(81)[:3])
    assert next(buffer.frames()) == (65, b"")
    buffer.receive(encode_frame(81)[3:])
    assert list(buffer.frames()) == [(66, b"1"), (81, b"")]
    assert len(buffer) == 0


def test_what_is_not_used_up_is_counted_but_for_the_head_of_a_frame_that_is_coming() -> None:
    buffer = FrameBuffer()
    buffer.receive(b"\0\0\0\x05B12")
    assert len(buffer) == 7
    assert list(buffer.frames()) == []
    buffer.receive(b"3")
    assert len(buffer) == 3


def test_reads_may_pile_up_before_they_are_read() -> None:
    buffer = FrameBuffer()
    wire = encode_frame(66, b"1234") + encode_frame(65) + encode_frame(66, b"5")
    buffer.receive(wire[:7])
    assert list(buffer.frames()) == []
    for at in range(7, len(wire)):
        buffer.receive(wire[at : at + 1])
    assert len(buffer) == len(wire) - 5
    assert list(buffer.frames()) == [(66, b"1234"), (65, b""), (66, b"5")]


def test_a_frame_that_came_in_pieces_may_be_the_last_one_read() -> None:
    buffer = FrameBuffer()
    buffer.receive(encode_frame(66, b"1234")[:6])
    assert list(buffer.frames()) == []
    buffer.receive(b"234" + encode_frame(65))
    assert next(buffer.frames()) == (66, b"1234")
    buffer.receive(encode_frame(81))
    assert list(buffer.frames()) == [(65, b""), (81, b"")]


def test_a_frame_as_long_as_the_limit_is_taken() -> None:
    assert frames_of(encode_frame(66, bytes(9)), limit=10) == [(66, bytes(9))]


def test_a_longer_frame_is_refused_before_it_has_come() -> None:
    with pytest.raises(RemoteProtocolError, match="11 octets is longer than the limit of 10"):
        frames_of(b"\0\0\0\x0bB", limit=10)


def test_a_frame_of_length_zero_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="length zero"):
        frames_of(b"\0\0\0\0\0")


def test_the_frames_before_an_impossible_one_are_given() -> None:
    buffer = FrameBuffer()
    buffer.receive(encode_frame(65) + b"\0\0\0\0\0")
    frames = buffer.frames()
    assert next(frames) == (65, b"")
    with pytest.raises(RemoteProtocolError):
        next(frames)


def test_a_run_is_read_up_to_the_first_frame_of_another_kind() -> None:
    between = encode_frame(68, b"Li\0Q\0")
    header = [encode_frame(76, b"%d\0v\0" % number) for number in range(4)]
    wire = header[0] + between + header[1] + header[2] + between + header[3] + between + encode_frame(78)
    buffer = FrameBuffer()
    buffer.receive(wire)
    frames = buffer.frames()
    assert next(frames) == (76, b"0\0v\0")
    assert buffer.run(76, between) == [b"1\0v\0", b"2\0v\0", b"3\0v\0"]
    assert list(frames) == [(78, b"")]
    assert len(buffer) == 0


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_run_leaves_what_is_not_complete(cut: int) -> None:
    wire = encode_frame(76, b"a\0b\0") * 3 + encode_frame(68, b"other") + encode_frame(76, b"c\0d\0")
    buffer = FrameBuffer()
    found = []
    for piece in (wire[:cut], wire[cut:]):
        buffer.receive(piece)
        for command, payload in buffer.frames():
            found.append((command, payload))
            found += [(76, more) for more in buffer.run(76, b"")]
    assert found == [(76, b"a\0b\0")] * 3 + [(68, b"other"), (76, b"c\0d\0")]


def test_a_run_leaves_an_impossible_frame_to_the_reader() -> None:
    buffer = FrameBuffer(10)
    buffer.receive(encode_frame(76, b"a\0\0") + b"\0\0\0\x0bL")
    frames = buffer.frames()
    assert next(frames) == (76, b"a\0\0")
    assert buffer.run(76, b"") == []
    with pytest.raises(RemoteProtocolError):
        next(frames)
